import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { eventsV1Event } from '#lib/kinds/events-v1-event.ts';
import { event } from '#lib/kinds/event.ts';
import { job } from '#lib/kinds/job.ts';
import { lease } from '#lib/kinds/lease.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { pod } from '#lib/kinds/pod.ts';
import { priorityClass } from '#lib/kinds/priority-class.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { at, caller, makeFixture, podBody } from './fixture.ts';
import type { Fixture, Loose } from './fixture.ts';
import type { WriteNotes } from './types.ts';

let fixture: Fixture;

setup(async () => {
  fixture = await makeFixture();
});

teardown(() => fixture.stop());

/** Asserts that the promise rejects with an ApiError of this reason and text. */
async function refuses(promise: Promise<unknown>, reason: string, text: RegExp | string): Promise<ApiError> {
  let seen: unknown;
  await assert.rejects(promise, (error) => {
    seen = error;
    return true;
  });
  assert.ok(seen instanceof ApiError, String(seen));
  assert.equal(seen.reason, reason, seen.message);
  if (typeof text === 'string') assert.equal(seen.message, text);
  else assert.match(seen.message, text);
  return seen;
}

const deploymentBody = (name: string, replicas?: number) => ({
  metadata: { name },
  spec: {
    ...(replicas !== undefined && { replicas }),
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'app' }] } },
  },
});

suite('create', () => {
  test('create() gives uid, time and resourceVersion, and drops status', async () => {
    const made = await fixture.create(pod, { ...podBody('a'), status: { phase: 'Running' } });
    assert.match(made.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.equal(made.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
    assert.equal(made.metadata.namespace, 'default');
    assert.equal(made['status'].phase, 'Pending');
    assert.deepEqual(await fixture.get(pod, at('a')), JSON.parse(JSON.stringify(made)));
  });

  test('create() refuses a name that is taken', async () => {
    await fixture.create(configMap, { metadata: { name: 'a' } });
    await refuses(
      fixture.create(configMap, { metadata: { name: 'a' } }),
      'AlreadyExists',
      'configmaps "a" already exists',
    );
  });

  test('create() makes names from generateName', async () => {
    const made = await fixture.create(configMap, { metadata: { generateName: 'a-' } });
    assert.match(made.metadata.name, /^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('create() gives up when all names it makes are taken', async () => {
    const { random } = fixture.env;
    fixture.env.random = () => 0;
    await fixture.create(configMap, { metadata: { generateName: 'a-' } });
    const error = await refuses(
      fixture.create(configMap, { metadata: { generateName: 'a-' } }),
      'AlreadyExists',
      'configmaps "a-bbbbb" already exists, the server was not able to generate a unique name for the object',
    );
    assert.equal(error.details?.retryAfterSeconds, 1);
    fixture.env.random = random;
  });

  test('create() demands a name', async () => {
    const error = await refuses(
      fixture.create(configMap, { metadata: {} }),
      'Invalid',
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    );
    assert.equal(error.details?.causes?.[0]?.field, 'metadata.name');
  });

  test('create() refuses another namespace than that of the request, and one that is not there', async () => {
    await refuses(
      fixture.create(configMap, { metadata: { name: 'a', namespace: 'x' } }),
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
    await refuses(fixture.create(configMap, { metadata: { name: 'a' } }, 'x'), 'NotFound', 'namespaces "x" not found');
  });

  test('create() refuses what a terminating namespace would have to delete again', async () => {
    await fixture.create(namespace, { metadata: { name: 'x' } });
    await fixture.verbs.delete(caller, namespace, at('x', ''));
    const error = await refuses(
      fixture.create(configMap, { metadata: { name: 'a' } }, 'x'),
      'Forbidden',
      'configmaps "a" is forbidden: unable to create new content in namespace x because it is being terminated',
    );
    assert.equal(error.details?.causes?.[0]?.reason, 'NamespaceTerminating');
  });

  test('create() warns of unknown fields, or refuses them under Strict', async () => {
    const body = { metadata: { name: 'a' }, data: {}, extra: 1 };
    const notes: WriteNotes = { warnings: [], created: false };
    await fixture.verbs.create(caller, configMap, 'default', body, { notes });
    assert.deepEqual(notes.warnings, ['unknown field "extra"']);
    await refuses(
      fixture.verbs.create(caller, configMap, 'default', body, { fieldValidation: 'Strict' }),
      'BadRequest',
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "extra"',
    );
  });

  test('create() on a dry run stores nothing', async () => {
    await fixture.verbs.create(caller, configMap, 'default', { metadata: { name: 'a' } }, { dryRun: true });
    await refuses(fixture.get(configMap, at('a')), 'NotFound', 'configmaps "a" not found');
  });

  test('create() completes pods: account, token volume, tolerations, priority', async () => {
    const { spec } = await fixture.create(pod, podBody('a'));
    assert.equal(spec.serviceAccountName, 'default');
    assert.match(spec.volumes[0].name, /^kube-api-access-/);
    assert.deepEqual(spec.containers[0].volumeMounts, [
      {
        name: spec.volumes[0].name,
        readOnly: true,
        mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      },
    ]);
    assert.deepEqual(
      spec.tolerations.map((item: { key: string }) => item.key),
      ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
    );
    assert.equal(spec.priority, 0);
  });

  test('create() of a pod waits a moment for the default account of a new namespace, and no longer', async () => {
    await fixture.create(namespace, { metadata: { name: 'new' } });
    const early = fixture.create(pod, podBody('a'), 'new');
    await fixture.env.advance(150);
    await fixture.create(serviceAccount, { metadata: { name: 'default' } }, 'new');
    await fixture.env.advance(300);
    assert.equal((await early)['spec'].serviceAccountName, 'default');
    await fixture.verbs.delete(caller, serviceAccount, at('default', 'new'));
    const late = refuses(
      fixture.create(pod, podBody('b'), 'new'),
      'Forbidden',
      'pods "b" is forbidden: error looking up service account new/default: serviceaccount "default" not found',
    );
    await fixture.env.advance(5000);
    await late;
  });

  test('create() resolves priority classes and refuses unknown ones', async () => {
    await fixture.create(priorityClass, { metadata: { name: 'high' }, value: 1000 });
    const body = podBody('a');
    const made = await fixture.create(pod, { ...body, spec: { ...body.spec, priorityClassName: 'high' } });
    assert.equal(made['spec'].priority, 1000);
    await refuses(
      fixture.create(pod, { ...podBody('b'), spec: { ...body.spec, priorityClassName: 'none' } }),
      'Forbidden',
      'pods "b" is forbidden: no PriorityClass with name none was found',
    );
  });

  test('create() refuses objects that the store cannot hold', async () => {
    const { spec } = podBody('a');
    const containers = [{ ...spec.containers[0], args: ['x'.repeat(1_600_000)] }];
    await refuses(
      fixture.create(pod, { ...podBody('a'), spec: { containers } }),
      'Unknown',
      'etcdserver: request is too large',
    );
  });
});

suite('update', () => {
  test('update() refuses an old version in the words clients look for', async () => {
    const made = await fixture.create(configMap, { metadata: { name: 'a' } });
    await fixture.verbs.update(caller, configMap, at('a'), { ...made, data: { x: '1' } });
    await refuses(
      fixture.verbs.update(caller, configMap, at('a'), { ...made, data: { x: '2' } }),
      'Conflict',
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('update() without a version replaces whatever is there, but for kinds that demand one', async () => {
    await fixture.create(configMap, { metadata: { name: 'a' }, data: { x: '1' } });
    const entry = await fixture.verbs.update(caller, configMap, at('a'), { metadata: { name: 'a' }, data: { y: '1' } });
    assert.deepEqual((entry.object as Loose)['data'], { y: '1' });
    await fixture.create(lease, { metadata: { name: 'l' }, spec: {} });
    await refuses(
      fixture.verbs.update(caller, lease, at('l'), { metadata: { name: 'l' }, spec: {} }),
      'Invalid',
      /metadata.resourceVersion: Invalid value: 0x0: must be specified for an update/,
    );
  });

  test('update() that changes nothing writes nothing', async () => {
    const made = await fixture.create(configMap, { metadata: { name: 'a' }, data: { x: '1' } });
    const before = await fixture.store.revision();
    const entry = await fixture.verbs.update(caller, configMap, at('a'), made);
    assert.equal(entry.object.metadata.resourceVersion, made.metadata.resourceVersion);
    assert.equal(await fixture.store.revision(), before);
  });

  test('update() refuses a name, namespace or uid other than the stored one', async () => {
    const made = await fixture.create(configMap, { metadata: { name: 'a' } });
    const update = (metadata: object) => fixture.verbs.update(caller, configMap, at('a'), { metadata });
    await refuses(
      update({ name: 'b' }),
      'BadRequest',
      'the name of the object (b) does not match the name on the URL (a)',
    );
    await refuses(
      update({ name: 'a', namespace: 'x' }),
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
    await refuses(
      update({ name: 'a', uid: 'other' }),
      'Conflict',
      `Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: other, UID in object meta: ${made.metadata.uid}`,
    );
  });

  test('update() raises the generation with the spec alone, and leaves status to its subresource', async () => {
    const made = await fixture.create(deployment, deploymentBody('a', 1));
    assert.equal(made.metadata.generation, 1);
    const labelled = { ...made, metadata: { ...made.metadata, labels: { x: '1' } }, status: { replicas: 5 } };
    const first = (await fixture.verbs.update(caller, deployment, at('a'), labelled)).object as Loose;
    assert.equal(first.metadata.generation, 1);
    assert.notEqual(first['status']?.replicas, 5);
    const scaled = { ...first, spec: { ...first['spec'], replicas: 2 } };
    const second = (await fixture.verbs.update(caller, deployment, at('a'), scaled)).object as Loose;
    assert.equal(second.metadata.generation, 2);
    const reported = { ...second, spec: { ...second['spec'], replicas: 9 }, status: { replicas: 5 } };
    const third = await fixture.verbs.update(caller, deployment, at('a'), reported, { subresource: 'status' });
    assert.equal((third.object as Loose)['status'].replicas, 5);
    assert.equal((third.object as Loose)['spec'].replicas, 2);
  });

  test('scale reads and writes replicas', async () => {
    await fixture.create(deployment, deploymentBody('a', 1));
    const scale = (await fixture.verbs.get(caller, deployment, at('a'), { subresource: 'scale' })).object as Loose;
    assert.deepEqual(scale['spec'], { replicas: 1 });
    assert.equal(scale['status'].selector, 'app=a');
    const body = { ...scale, spec: { replicas: 3 } };
    await fixture.verbs.update(caller, deployment, at('a'), body, { subresource: 'scale' });
    assert.equal((await fixture.get(deployment, at('a')))['spec'].replicas, 3);
    await refuses(
      fixture.verbs.update(
        caller,
        deployment,
        at('a'),
        { metadata: { name: 'a' }, spec: { replicas: -1 } },
        { subresource: 'scale' },
      ),
      'Invalid',
      'Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
  });

  test('concurrent updates without a version all land, one after the other', async () => {
    await fixture.create(configMap, { metadata: { name: 'a' }, data: {} });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await Promise.all(
      keys.map((key) =>
        fixture.verbs.patch(caller, configMap, at('a'), 'application/merge-patch+json', { data: { [key]: '1' } }),
      ),
    );
    assert.deepEqual(Object.keys((await fixture.get(configMap, at('a')))['data']).sort(), keys.sort());
  });
});

suite('patch', () => {
  test('patch() knows JSON, merge and strategic patches', async () => {
    await fixture.create(deployment, deploymentBody('a', 1));
    const patch = async (type: string, body: unknown) =>
      (await fixture.verbs.patch(caller, deployment, at('a'), type, body)).object as Loose;
    const first = await patch('application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 2 }]);
    assert.equal(first['spec'].replicas, 2);
    const second = await patch('application/merge-patch+json', { metadata: { labels: { x: '1' } } });
    assert.deepEqual(second.metadata.labels, { x: '1' });
    const third = await patch('application/strategic-merge-patch+json', {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'c', image: 'app:2' },
              { name: 'd', image: 'side' },
            ],
          },
        },
      },
    });
    const images = third['spec'].template.spec.containers.map((item: { image: string }) => item.image);
    assert.deepEqual(images.sort(), ['app:2', 'side']);
  });

  test('patch() with an old resourceVersion conflicts', async () => {
    await fixture.create(configMap, { metadata: { name: 'a' } });
    await refuses(
      fixture.verbs.patch(caller, configMap, at('a'), 'application/merge-patch+json', {
        metadata: { resourceVersion: '1' },
        data: { x: '1' },
      }),
      'Conflict',
      /the object has been modified/,
    );
  });
});

suite('delete', () => {
  test('delete() removes a pod that no node runs at once', async () => {
    await fixture.create(pod, podBody('a'));
    const { removed } = await fixture.verbs.delete(caller, pod, at('a'));
    assert.equal(removed, true);
    await refuses(fixture.get(pod, at('a')), 'NotFound', 'pods "a" not found');
  });

  test('delete() gives a running pod its grace, which may be shortened and never lengthened', async () => {
    await fixture.create(pod, podBody('a'));
    await bind('a', 'n1');
    const first = await fixture.verbs.delete(caller, pod, at('a'));
    assert.equal(first.removed, false);
    assert.equal(first.entry.object.metadata.deletionGracePeriodSeconds, 30);
    assert.equal(first.entry.object.metadata.deletionTimestamp, '2026-01-01T00:00:30Z');
    const longer = await fixture.verbs.delete(caller, pod, at('a'), { gracePeriodSeconds: 60 });
    assert.equal(longer.entry.object.metadata.deletionGracePeriodSeconds, 30);
    const shorter = await fixture.verbs.delete(caller, pod, at('a'), { gracePeriodSeconds: 5 });
    assert.equal(shorter.entry.object.metadata.deletionTimestamp, '2026-01-01T00:00:05Z');
    const last = await fixture.verbs.delete(caller, pod, at('a'), { gracePeriodSeconds: 0 });
    assert.equal(last.removed, true);
  });

  test('delete() waits for finalizers, and the last one gone removes the object', async () => {
    await fixture.create(configMap, { metadata: { name: 'a', finalizers: ['example.com/x'] } });
    const { removed, entry } = await fixture.verbs.delete(caller, configMap, at('a'));
    assert.equal(removed, false);
    assert.equal(entry.object.metadata.deletionGracePeriodSeconds, 0);
    await refuses(
      fixture.verbs.patch(caller, configMap, at('a'), 'application/merge-patch+json', {
        metadata: { finalizers: ['example.com/x', 'example.com/y'] },
      }),
      'Invalid',
      /no new finalizers can be added if the object is being deleted/,
    );
    await fixture.verbs.patch(caller, configMap, at('a'), 'application/merge-patch+json', {
      metadata: { finalizers: null },
    });
    await refuses(fixture.get(configMap, at('a')), 'NotFound', 'configmaps "a" not found');
  });

  test('delete() marks with the finalizers that the policy asks for', async () => {
    await fixture.create(deployment, deploymentBody('a', 1));
    const foreground = await fixture.verbs.delete(caller, deployment, at('a'), { propagationPolicy: 'Foreground' });
    assert.deepEqual(foreground.entry.object.metadata.finalizers, ['foregroundDeletion']);
    assert.equal(foreground.entry.object.metadata.generation, 2);
    const orphan = await fixture.verbs.delete(caller, deployment, at('a'), { propagationPolicy: 'Orphan' });
    assert.deepEqual(orphan.entry.object.metadata.finalizers, ['orphan']);
    const background = await fixture.verbs.delete(caller, deployment, at('a'), { propagationPolicy: 'Background' });
    assert.equal(background.removed, true);
  });

  test('delete() of a job without a policy orphans its pods', async () => {
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'app' }] } };
    await fixture.create(job, { metadata: { name: 'j' }, spec: { template } });
    const { entry } = await fixture.verbs.delete(caller, job, at('j'));
    assert.deepEqual(entry.object.metadata.finalizers, ['orphan']);
  });

  test('delete() checks its preconditions', async () => {
    const made = await fixture.create(configMap, { metadata: { name: 'a' } });
    await refuses(
      fixture.verbs.delete(caller, configMap, at('a'), { preconditions: { uid: 'x' } }),
      'Conflict',
      `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${made.metadata.uid}). The object might have been deleted and then recreated`,
    );
  });

  test('delete() of a namespace makes it Terminating until its finalizers are gone', async () => {
    await fixture.create(namespace, { metadata: { name: 'x' } });
    const { removed, entry } = await fixture.verbs.delete(caller, namespace, at('x', ''));
    assert.equal(removed, false);
    const space = entry.object as Loose;
    assert.equal(space['status'].phase, 'Terminating');
    const body = { ...space, spec: { finalizers: [] } };
    await fixture.verbs.update(caller, namespace, at('x', ''), body, { subresource: 'finalize' });
    await refuses(fixture.get(namespace, at('x', '')), 'NotFound', 'namespaces "x" not found');
  });

  test('delete() keeps the namespaces that every cluster has', async () => {
    await refuses(
      fixture.verbs.delete(caller, namespace, at('default', '')),
      'Forbidden',
      'namespaces "default" is forbidden: this namespace may not be deleted',
    );
  });

  test('deleteCollection() deletes what the selector selects', async () => {
    for (const name of ['a', 'b', 'c']) {
      await fixture.create(configMap, { metadata: { name, labels: { keep: String(name === 'b') } } });
    }
    await fixture.verbs.deleteCollection(caller, configMap, { namespace: 'default', labelSelector: 'keep=false' });
    const { entries } = await fixture.verbs.list(caller, configMap, { namespace: 'default' });
    assert.deepEqual(
      entries.map(({ object }) => object.metadata.name),
      ['b'],
    );
  });
});

async function bind(name: string, node: string): Promise<unknown> {
  const body = { metadata: { name }, target: { kind: 'Node', name: node } };
  return fixture.verbs.createSubresource(caller, pod, at(name), 'binding', body);
}

suite('pod subresources', () => {
  test('binding assigns a node once', async () => {
    await fixture.create(pod, podBody('a'));
    await bind('a', 'n1');
    const bound = await fixture.get(pod, at('a'));
    assert.equal(bound['spec'].nodeName, 'n1');
    assert.equal(bound['status'].conditions[0].type, 'PodScheduled');
    await refuses(
      bind('a', 'n2'),
      'Conflict',
      'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n1"',
    );
  });

  test('eviction deletes', async () => {
    await fixture.create(pod, podBody('a'));
    await fixture.verbs.createSubresource(caller, pod, at('a'), 'eviction', { metadata: { name: 'a' } });
    await refuses(fixture.get(pod, at('a')), 'NotFound', 'pods "a" not found');
  });
});

suite('versions of a kind', () => {
  test('an event of one API is read and changed by the other', async () => {
    await fixture.create(event, {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'a', namespace: 'default' },
      reason: 'Started',
      message: 'text',
      type: 'Normal',
    });
    const other = await fixture.get(eventsV1Event, at('e'));
    assert.equal(other.apiVersion, 'events.k8s.io/v1');
    assert.equal(other['note'], 'text');
    assert.equal(other['regarding'].name, 'a');
    const { entries } = await fixture.verbs.list(caller, eventsV1Event, { namespace: 'default' });
    assert.equal(entries[0]?.object.apiVersion, 'events.k8s.io/v1');
  });
});
