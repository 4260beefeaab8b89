import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { eventsV1Event } from '#lib/kinds/events-v1-event.ts';
import { event } from '#lib/kinds/event.ts';
import { pod } from '#lib/kinds/pod.ts';
import { service } from '#lib/kinds/service.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { ManagedFieldsEntry } from '#lib/meta/object.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { at, caller, makeFixture, podBody } from './fixture.ts';
import type { Fixture, Loose } from './fixture.ts';
import type { WriteNotes, WriteOptions } from './types.ts';

let fixture: Fixture;

setup(async () => {
  fixture = await makeFixture();
});

teardown(() => fixture.stop());

const applyType = 'application/apply-patch+yaml';
const mergeType = 'application/merge-patch+json';

const web = (spec: object = {}, container: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'app:1', ports: [{ containerPort: 80 }], ...container }] },
    },
    ...spec,
  },
});

async function create(kind: Kind, body: object, fieldManager = 'creator'): Promise<Loose> {
  return (await fixture.verbs.create(caller, kind, 'default', body, { fieldManager })).object as Loose;
}

async function update(kind: Kind, object: Loose, fieldManager: string, more: WriteOptions = {}): Promise<Loose> {
  const ref = at(object.metadata.name);
  return (await fixture.verbs.update(caller, kind, ref, object, { fieldManager, ...more })).object as Loose;
}

async function patch(kind: Kind, name: string, body: unknown, options: WriteOptions, type = mergeType): Promise<Loose> {
  return (await fixture.verbs.patch(caller, kind, at(name), type, body, options)).object as Loose;
}

async function apply(kind: Kind, body: Loose | object, fieldManager: string, more: WriteOptions = {}): Promise<Loose> {
  const { name } = (body as Loose).metadata;
  return patch(kind, name, body, { fieldManager, ...more }, applyType);
}

/** Asserts that the promise rejects with this conflict. */
async function conflicts(promise: Promise<unknown>, message: string): Promise<ApiError> {
  const error = await promise.then(
    () => assert.fail('No conflict'),
    (error: unknown) => error,
  );
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.message, message);
  assert.equal(error.reason, 'Conflict');
  return error;
}

const entries = ({ metadata }: Loose): ManagedFieldsEntry[] => metadata.managedFields ?? [];
const owners = (object: Loose) =>
  entries(object).map(({ manager, operation, subresource }) =>
    [manager, operation, subresource].filter((part) => part !== undefined).join(' '),
  );
const fieldsOf = (object: Loose, manager: string, operation?: string) =>
  entries(object).find((entry) => entry.manager === manager && (!operation || entry.operation === operation))?.fieldsV1;

suite('managedFields of updates', () => {
  test('the creator of a deployment owns what it wrote and what was defaulted, as upstream shows it', async () => {
    const made = await create(deployment, web());
    const [entry, ...others] = entries(made);
    assert.deepEqual(others, []);
    const { fieldsV1, ...rest } = entry!;
    assert.deepEqual(rest, {
      manager: 'creator',
      operation: 'Update',
      apiVersion: 'apps/v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
    });
    assert.equal(
      JSON.stringify(fieldsV1),
      JSON.stringify({
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:progressDeadlineSeconds': {},
          'f:replicas': {},
          'f:revisionHistoryLimit': {},
          'f:selector': {},
          'f:strategy': {
            'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
            'f:type': {},
          },
          'f:template': {
            'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
            'f:spec': {
              'f:containers': {
                'k:{"name":"c"}': {
                  '.': {},
                  'f:image': {},
                  'f:imagePullPolicy': {},
                  'f:name': {},
                  'f:ports': {
                    '.': {},
                    'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
                  },
                  'f:resources': {},
                  'f:terminationMessagePath': {},
                  'f:terminationMessagePolicy': {},
                },
              },
              'f:dnsPolicy': {},
              'f:restartPolicy': {},
              'f:schedulerName': {},
              'f:securityContext': {},
              'f:terminationGracePeriodSeconds': {},
            },
          },
        },
      }),
    );
  });

  test('what admission adds to a pod, and its binding, belong to nobody', async () => {
    await create(pod, podBody('a'));
    const body = { metadata: { name: 'a' }, target: { kind: 'Node', name: 'n1' } };
    await fixture.verbs.createSubresource(caller, pod, at('a'), 'binding', body);
    const bound = await fixture.get(pod, at('a'));
    const { 'f:spec': spec } = fieldsOf(bound, 'creator') as Record<string, Record<string, object>>;
    assert.deepEqual(Object.keys(spec!), [
      'f:containers',
      'f:dnsPolicy',
      'f:enableServiceLinks',
      'f:restartPolicy',
      'f:schedulerName',
      'f:securityContext',
      'f:terminationGracePeriodSeconds',
    ]);
    assert.deepEqual(owners(bound), ['creator Update']);
  });

  test('an update takes what it changes from others, and its removals from all', async () => {
    const made = await create(configMap, { metadata: { name: 'a' }, data: { x: '1', y: '1', z: '1' } });
    await fixture.env.advance(5000);
    const next = await update(configMap, { ...made, data: { x: '2', y: '1' } }, 'editor');
    assert.deepEqual(fieldsOf(next, 'creator'), { 'f:data': { '.': {}, 'f:y': {} } });
    assert.deepEqual(fieldsOf(next, 'editor'), { 'f:data': { 'f:x': {} } });
    assert.deepEqual(
      entries(next).map(({ manager, time }) => [manager, time]),
      [
        ['creator', '2026-01-01T00:00:00Z'],
        ['editor', '2026-01-01T00:00:05Z'],
      ],
    );
  });

  test('an update that changes nothing leaves times and owners as they are', async () => {
    const made = await create(configMap, { metadata: { name: 'a' }, data: { x: '1' } });
    await fixture.env.advance(5000);
    const same = await update(configMap, made, 'editor');
    assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
    assert.deepEqual(entries(same), entries(made));
    const patched = await patch(configMap, 'a', { data: { x: '1' } }, { fieldManager: 'editor' });
    assert.deepEqual(entries(patched), entries(made));
  });

  test('status and the rest belong to those who may write them', async () => {
    const made = await create(deployment, web());
    const reported = { ...made, spec: { ...made['spec'], replicas: 9 }, status: { replicas: 1 } };
    const next = await update(deployment, reported, 'controller', { subresource: 'status' });
    assert.deepEqual(owners(next), ['controller Update status', 'creator Update']);
    assert.deepEqual(fieldsOf(next, 'controller'), { 'f:status': { 'f:replicas': {} } });
    const { status: _, ...plain } = next;
    const last = await update(deployment, { ...plain, spec: { ...next['spec'], paused: true } } as Loose, 'editor');
    assert.deepEqual(fieldsOf(last, 'controller'), { 'f:status': { 'f:replicas': {} } });
    assert.deepEqual(fieldsOf(last, 'editor'), { 'f:spec': { 'f:paused': {} } });
  });

  test('scaling takes the replicas alone', async () => {
    await create(deployment, web({ replicas: 1 }));
    await patch(deployment, 'web', { spec: { replicas: 3 } }, { fieldManager: 'scaler', subresource: 'scale' });
    const next = await fixture.get(deployment, at('web'));
    assert.deepEqual(owners(next), ['creator Update', 'scaler Update scale']);
    assert.deepEqual(fieldsOf(next, 'scaler'), { 'f:spec': { 'f:replicas': {} } });
    assert.equal(JSON.stringify(fieldsOf(next, 'creator')).includes('f:replicas'), false);
  });

  test('the eleventh manager turns the oldest into ancient changes', async () => {
    await create(configMap, { metadata: { name: 'a' }, data: { m00: '1' } }, 'm00');
    let last: Loose | undefined;
    for (let i = 1; i <= 12; i++) {
      await fixture.env.advance(1000);
      const manager = `m${String(i).padStart(2, '0')}`;
      last = await patch(configMap, 'a', { data: { [manager]: '1' } }, { fieldManager: manager });
    }
    const names = owners(last!);
    assert.equal(names.length, 10);
    assert.equal(names[0], 'ancient-changes Update');
    assert.deepEqual(fieldsOf(last!, 'ancient-changes'), {
      'f:data': { '.': {}, 'f:m00': {}, 'f:m01': {}, 'f:m02': {}, 'f:m03': {} },
    });
  });

  test('entries may be written and reset by clients, and nonsense is not taken', async () => {
    const made = await create(configMap, { metadata: { name: 'a' }, data: { x: '1' } });
    const withEntries = (managedFields: object[]) =>
      ({ ...made, metadata: { ...made.metadata, resourceVersion: '', managedFields } }) as unknown as Loose;
    const nonsense = await update(configMap, withEntries([{ manager: 'x', operation: 'Steal' }]), 'editor');
    assert.deepEqual(entries(nonsense), entries(made));
    const silent = { ...made, metadata: { ...made.metadata, resourceVersion: '', managedFields: undefined } };
    assert.deepEqual(entries(await update(configMap, silent as unknown as Loose, 'editor')), entries(made));
    const given = { ...entries(made)[0]!, manager: 'other', fieldsV1: { 'f:data': { 'f:x': {} } } };
    assert.deepEqual(entries(await update(configMap, withEntries([given]), 'editor')), [given]);
    for (const reset of [[{}], []]) {
      assert.equal((await update(configMap, withEntries(reset), 'editor')).metadata.managedFields, undefined);
      await update(configMap, withEntries([given]), 'editor');
    }
    await update(configMap, withEntries([]), 'editor');
    const untracked = await patch(configMap, 'a', { data: { y: '1' } }, { fieldManager: 'editor' });
    assert.equal(untracked.metadata.managedFields, undefined);
    const applied = await apply(
      configMap,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: '1' } },
      'applier',
    );
    assert.deepEqual(owners(applied), ['applier Apply', 'before-first-apply Update']);
  });

  test('a JSON patch may replace entries, as kubectl does on the way to server-side apply', async () => {
    const made = await create(configMap, { metadata: { name: 'a' }, data: { x: '1' } });
    const [entry] = entries(made);
    const value = [{ ...entry!, manager: 'kubectl', operation: 'Apply' }];
    const operations = [
      { op: 'replace', path: '/metadata/managedFields', value },
      { op: 'replace', path: '/metadata/resourceVersion', value: made.metadata.resourceVersion },
    ];
    const next = await patch(configMap, 'a', operations, { fieldManager: 'kubectl' }, 'application/json-patch+json');
    assert.deepEqual(entries(next), value);
  });

  test('components own under their own names', async () => {
    const name = 'system:node:n1';
    const node = { name, groups: ['system:masters', 'system:nodes'] };
    const body = { metadata: { name: 'a' }, data: { x: '1' } };
    const { object } = await fixture.verbs.create(node, configMap, 'default', body);
    assert.deepEqual(owners(object as Loose), ['kubelet Update']);
  });

  test('owners in one version of a kind lose what the other version changes', async () => {
    const involvedObject = { kind: 'Pod', name: 'a', namespace: 'default' };
    await create(event, { metadata: { name: 'e' }, involvedObject, reason: 'Started', message: 'x', type: 'Normal' });
    const next = await patch(eventsV1Event, 'e', { metadata: { labels: { a: 'b' } } }, { fieldManager: 'editor' });
    assert.deepEqual(
      entries(next).map(({ manager, apiVersion }) => [manager, apiVersion]),
      [
        ['creator', 'v1'],
        ['editor', 'events.k8s.io/v1'],
      ],
    );
    assert.deepEqual(fieldsOf(next, 'editor'), { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } });
  });
});

suite('server-side apply', () => {
  test('applying what does not exist creates it, with defaults that nobody owns', async () => {
    const notes: WriteNotes = { warnings: [], created: false };
    const made = await apply(deployment, web(), 'applier', { notes });
    assert.equal(notes.created, true);
    assert.equal(made['spec'].replicas, 1);
    assert.deepEqual(owners(made), ['applier Apply']);
    assert.equal(
      JSON.stringify(fieldsOf(made, 'applier')),
      JSON.stringify({
        'f:metadata': { 'f:labels': { 'f:app': {} } },
        'f:spec': {
          'f:selector': {},
          'f:template': {
            'f:metadata': { 'f:labels': { 'f:app': {} } },
            'f:spec': {
              'f:containers': {
                'k:{"name":"c"}': {
                  '.': {},
                  'f:image': {},
                  'f:name': {},
                  'f:ports': {
                    'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                  },
                },
              },
            },
          },
        },
      }),
    );
  });

  test('applying the same again writes nothing', async () => {
    const made = await apply(deployment, web(), 'applier');
    await fixture.env.advance(5000);
    const again = await apply(deployment, web(), 'applier');
    assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion);
    assert.deepEqual(entries(again), entries(made));
  });

  test('a field that others own conflicts, and force takes it over', async () => {
    await create(deployment, web({ replicas: 1 }), 'kubectl-client-side-apply');
    const wanted = web({ replicas: 3 });
    const error = await conflicts(
      apply(deployment, wanted, 'applier'),
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
    );
    assert.deepEqual(error.toStatus().details, {
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "kubectl-client-side-apply" using apps/v1',
          field: '.spec.replicas',
        },
      ],
    });
    const forced = await apply(deployment, wanted, 'applier', { force: true });
    assert.equal(forced['spec'].replicas, 3);
    const others = fieldsOf(forced, 'kubectl-client-side-apply') as Record<string, object>;
    assert.equal('f:replicas' in others['f:spec']!, false);
    await conflicts(
      apply(deployment, web({ replicas: 4 }, { image: 'app:2' }), 'third'),
      [
        'Apply failed with 3 conflicts: conflicts with "applier":',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="c"].image',
        'conflicts with "kubectl-client-side-apply" using apps/v1:',
        '- .spec.template.spec.containers[name="c"].image',
      ].join('\n'),
    );
  });

  test('a conflict tells of the subresource through which a field is owned', async () => {
    await apply(deployment, web({ replicas: 1 }), 'applier');
    await patch(deployment, 'web', { spec: { replicas: 3 } }, { fieldManager: 'hpa', subresource: 'scale' });
    await conflicts(
      apply(deployment, web({ replicas: 1 }), 'applier'),
      'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas',
    );
    const left = await apply(deployment, web(), 'applier');
    assert.equal(left['spec'].replicas, 3);
  });

  test('what an applier no longer mentions goes, unless someone else owns it', async () => {
    const config = (data: object, labels?: object) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', ...(labels && { labels }) },
      data,
    });
    await apply(configMap, config({ mine: '1', both: '1' }, { app: 'x' }), 'first');
    const shared = await apply(configMap, config({ both: '1', theirs: '1' }), 'second');
    assert.deepEqual(owners(shared), ['first Apply', 'second Apply']);
    await patch(configMap, 'a', { data: { edited: '1' } }, { fieldManager: 'editor' });
    const left = await apply(configMap, config({}), 'first');
    assert.deepEqual(left['data'], { both: '1', edited: '1', theirs: '1' });
    assert.deepEqual(left.metadata.labels ?? {}, {});
    const last = await apply(configMap, config({ theirs: '1' }), 'second');
    assert.deepEqual(last['data'], { edited: '1', theirs: '1' });
  });

  test('sharing a field with the same value is no conflict', async () => {
    await apply(deployment, web({ replicas: 2 }), 'first');
    const both = await apply(deployment, web({ replicas: 2 }), 'second');
    assert.deepEqual(owners(both), ['second Apply', 'first Apply']);
    const left = await apply(deployment, web(), 'first');
    assert.equal(left['spec'].replicas, 2);
    await conflicts(
      apply(deployment, web({ replicas: 5 }), 'first'),
      'Apply failed with 1 conflict: conflict with "second": .spec.replicas',
    );
  });

  test('lists merge by their keys, those with defaults too, and items go with their last owner', async () => {
    const config = (ports: object[]) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { selector: { app: 'web' }, ports },
    });
    await apply(service, config([{ name: 'http', port: 80 }]), 'first');
    const two = await apply(
      service,
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 's' },
        spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
      },
      'second',
    );
    assert.deepEqual(
      two['spec'].ports.map((port: { port: number; protocol: string }) => `${port.port}/${port.protocol}`),
      ['80/TCP', '53/UDP'],
    );
    const one = await apply(service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } }, 'second');
    assert.deepEqual(
      one['spec'].ports.map((port: { port: number }) => port.port),
      [80],
    );
  });

  test('what does not fit the schema is refused in the words of its type', async () => {
    const refused = async (body: object) => {
      const error = await apply(deployment, body, 'applier').catch((error: unknown) => error);
      assert.ok(error instanceof ApiError, String(error));
      return error.message;
    };
    assert.equal(
      await refused(web({ replica: 1 })),
      'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema',
    );
    assert.match(
      await refused(web({ replicas: 'x' })),
      /: \.spec\.replicas: expected numeric \(int or float\), got string$/,
    );
    assert.match(await refused(web({}, { ports: [{ name: 'x' }] })), /omits key field "containerPort"/);
    assert.equal(await refused({ ...web(), apiVersion: 'v1' }), 'invalid object type: /v1, Kind=Deployment');
    const managed = { ...web(), metadata: { name: 'web', managedFields: [] } };
    assert.equal(await refused(managed), 'metadata.managedFields must be nil');
  });

  test('applying with a uid never creates', async () => {
    await conflicts(
      apply(configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', uid: 'u' } }, 'applier'),
      'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object specified uid u, and no existing object was found',
    );
  });

  test('status is applied through its subresource alone', async () => {
    await create(deployment, web());
    const config = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, status: { replicas: 4 } };
    const main = await apply(deployment, config, 'applier');
    assert.equal(main['status']?.replicas, undefined);
    assert.deepEqual(owners(main), ['creator Update']);
    const part = await apply(deployment, config, 'applier', { subresource: 'status' });
    assert.equal(part['status'].replicas, 4);
    assert.deepEqual(fieldsOf(part, 'applier'), { 'f:status': { 'f:replicas': {} } });
  });

  test('scale is applied as replicas of the object', async () => {
    await create(deployment, web());
    const config = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 7 } };
    await conflicts(
      apply(deployment, config, 'applier', { subresource: 'scale' }),
      'Apply failed with 1 conflict: conflict with "creator" using autoscaling/v1: .spec.replicas',
    );
    await apply(deployment, config, 'applier', { subresource: 'scale', force: true });
    const next = await fixture.get(deployment, at('web'));
    assert.equal(next['spec'].replicas, 7);
    assert.deepEqual(owners(next), ['applier Apply scale', 'creator Update']);
  });

  test('kubectl takes over from its client-side apply what is as it was applied, and keeps its record', async () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const body = web({ replicas: 2 });
    const annotated = { ...body.metadata, annotations: { [annotation]: `${JSON.stringify(body)}\n` } };
    await create(deployment, { ...body, metadata: annotated }, 'kubectl-client-side-apply');
    const next = await apply(deployment, web({ replicas: 3 }), 'kubectl');
    assert.equal(next['spec'].replicas, 3);
    assert.equal(JSON.parse(next.metadata.annotations![annotation]!).spec.replicas, 3);
    await patch(deployment, 'web', { spec: { replicas: 8 } }, { fieldManager: 'editor' });
    await conflicts(
      apply(deployment, web({ replicas: 4 }), 'kubectl'),
      'Apply failed with 1 conflict: conflict with "editor" using apps/v1: .spec.replicas',
    );
  });
});
