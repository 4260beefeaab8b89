import assert from 'node:assert/strict';
import { copy } from '#lib/meta/equal.ts';
import { cronJob } from './cron-job.ts';
import { daemonSet } from './daemon-set.ts';
import { deployment } from './deployment.ts';
import { job } from './job.ts';
import { replicationController } from './replication-controller.ts';
import { statefulSet } from './stateful-set.ts';
import { faultsOf, made, rowOf, testNow } from './testing/objects.ts';

const context = { now: testNow, uuid: () => 'u1' };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'nginx:1' }] } };
const selector = { matchLabels: { app: 'web' } };
const once = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };

suite('workloads', () => {
  test('a Deployment rolls a quarter at a time, and remembers ten revisions', () => {
    const { spec } = made(deployment, { spec: { selector, template } });
    assert.equal(spec.replicas, 1);
    assert.deepEqual(spec.strategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
    });
    assert.equal(spec.revisionHistoryLimit, 10);
    assert.equal(spec.progressDeadlineSeconds, 600);
    assert.equal(spec.template.spec?.restartPolicy, 'Always');
  });

  test('a Deployment needs a selector that finds its own pods, and keeps it', () => {
    const faults = (spec: object) => faultsOf(deployment, made(deployment, { spec: { selector, template, ...spec } }));
    assert.deepEqual(faults({}), []);
    assert.deepEqual(faults({ selector: undefined }), [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"web"}: `selector` does not match template `labels`',
    ]);
    assert.deepEqual(faults({ selector: {} }), [
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for deployment',
    ]);
    assert.deepEqual(faults({ selector: { matchLabels: { app: 'other' } } }), [
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"web"}: `selector` does not match template `labels`',
    ]);
    assert.deepEqual(faults({ template: once }), [
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ]);
    assert.deepEqual(faults({ strategy: { type: 'Recreate', rollingUpdate: {} } }), [
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ]);
    assert.deepEqual(faults({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } }), [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"0%"}: may not be 0 when `maxSurge` is 0',
    ]);
    assert.deepEqual(faults({ replicas: -1, progressDeadlineSeconds: 5, minReadySeconds: 9 }), [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds',
    ]);
    const before = made(deployment, { spec: { selector, template } });
    const next = copy(before);
    next.spec.selector = { matchExpressions: [{ key: 'app', operator: 'Exists' }] };
    assert.deepEqual(faultsOf(deployment, next, before), [
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement{v1.LabelSelectorRequirement{Key:"app", Operator:"Exists", Values:[]string(nil)}}}: field is immutable',
    ]);
  });

  test("a Deployment's row is upstream's", () => {
    const object = made(deployment, {
      spec: { selector, template, replicas: 3 },
      status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
    });
    assert.deepEqual(rowOf(deployment, object), {
      Name: 'some',
      Ready: '2/3',
      'Up-to-date': 3,
      Available: 1,
      Age: '60m',
      Containers: 'main',
      Images: 'nginx:1',
      Selector: 'app=web',
    });
  });

  test('a ReplicationController takes selector and labels from its template', () => {
    const object = made(replicationController, { spec: { template } });
    assert.deepEqual(object.spec.selector, { app: 'web' });
    assert.deepEqual(object.metadata.labels, { app: 'web' });
    assert.deepEqual(faultsOf(replicationController, object), []);
  });

  test('a DaemonSet counts how often its template changed', () => {
    const before = made(daemonSet, { spec: { selector, template } });
    daemonSet.prepareCreate?.(before, context);
    const next = copy(before);
    daemonSet.prepareUpdate?.(next, before, context);
    assert.equal(next.metadata.annotations?.['deprecated.daemonset.template.generation'], '1');
    next.spec.template.spec!.containers[0]!.image = 'nginx:2';
    daemonSet.prepareUpdate?.(next, before, context);
    assert.equal(next.metadata.annotations?.['deprecated.daemonset.template.generation'], '2');
    assert.deepEqual(next.spec.updateStrategy?.rollingUpdate, { maxUnavailable: 1, maxSurge: 0 });
  });

  test("a StatefulSet's pods may mount its claims, and little of it may change", () => {
    const spec = {
      selector,
      serviceName: 'web',
      template: {
        ...template,
        spec: { containers: [{ name: 'main', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    };
    const before = made(statefulSet, { spec });
    assert.deepEqual(faultsOf(statefulSet, before), []);
    assert.equal(before.spec.podManagementPolicy, 'OrderedReady');
    const next = copy(before);
    next.spec.replicas = 5;
    next.spec.template.spec!.containers[0]!.image = 'y';
    assert.deepEqual(faultsOf(statefulSet, next, before), []);
    next.spec.serviceName = 'other';
    assert.match(
      faultsOf(statefulSet, next, before)[0] ?? '',
      /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas'/,
    );
  });

  test('a Job selects its pods by its own uid, and says what it is doing', () => {
    const object = made(job, { spec: { template: once } });
    job.prepareCreate?.(object, context);
    assert.deepEqual(object.spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } });
    assert.equal(object.spec.template.metadata?.labels?.['job-name'], 'some');
    assert.deepEqual(
      [object.spec.completions, object.spec.parallelism, object.spec.backoffLimit, object.spec.completionMode],
      [1, 1, 6, 'NonIndexed'],
    );
    assert.deepEqual(faultsOf(job, object), []);
    object.status = { startTime: '2024-01-01T00:59:00Z', succeeded: 0 };
    assert.deepEqual(
      [rowOf(job, object)['Status'], rowOf(job, object)['Completions'], rowOf(job, object)['Duration']],
      ['Running', '0/1', '60s'],
    );
    object.status.conditions = [{ type: 'Complete', status: 'True' }];
    assert.equal(rowOf(job, object)['Status'], 'Complete');
  });

  test('a Job does not run for ever, and does not change its mind', () => {
    const always = made(job, { spec: { template } });
    job.prepareCreate?.(always, context);
    assert.deepEqual(faultsOf(job, always), [
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
    const before = made(job, { spec: { template: once } });
    job.prepareCreate?.(before, context);
    const next = copy(before);
    next.spec.parallelism = 4;
    assert.deepEqual(faultsOf(job, next, before), []);
    next.spec.completions = 4;
    assert.deepEqual(faultsOf(job, next, before), ['spec.completions: Invalid value: 4: field is immutable']);
    const indexed = made(job, { spec: { template: once, completionMode: 'Indexed', parallelism: 2 } });
    job.prepareCreate?.(indexed, context);
    assert.deepEqual(faultsOf(job, indexed), ['spec.completions: Required value: when completion mode is Indexed']);
    indexed.spec.completions = 2;
    const grown = copy(indexed);
    grown.spec.completions = 3;
    assert.deepEqual(faultsOf(job, grown, indexed), [
      'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism',
    ]);
    grown.spec.parallelism = 3;
    assert.deepEqual(faultsOf(job, grown, indexed), []);
  });

  test("a CronJob's schedule is read, and its zone known", () => {
    const faults = (spec: object) =>
      faultsOf(
        cronJob,
        made(cronJob, { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: once } }, ...spec } }),
      );
    assert.deepEqual(faults({}), []);
    assert.deepEqual(faults({ schedule: 'often' }), [
      'spec.schedule: Invalid value: "often": expected exactly 5 fields, found 1: [often]',
    ]);
    assert.deepEqual(faults({ timeZone: 'Europe/Vienna' }), []);
    assert.deepEqual(faults({ timeZone: 'Mars/Olympus' }), [
      'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus',
    ]);
    assert.deepEqual(faults({ concurrencyPolicy: 'Perhaps' }), [
      'spec.concurrencyPolicy: Unsupported value: "Perhaps": supported values: "Allow", "Forbid", "Replace"',
    ]);
  });
});
