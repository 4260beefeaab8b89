/** The number of an object's replicas, read and written as a Scale. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const workload = { replicas: 2, selector: { matchLabels: { app: 'a' } }, template };

const scalable: readonly [group: string, plural: string, spec: object][] = [
  ['apps', 'deployments', workload],
  ['apps', 'replicasets', workload],
  ['apps', 'statefulsets', { ...workload, serviceName: 's' }],
  ['', 'replicationcontrollers', { ...workload, selector: { app: 'a' } }],
];

suite('scale', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('scales');
    ({ api } = space);
  });

  const told = ({ code, body }: Answer) => [code, body.reason, body.message];

  for (const [group, plural, spec] of scalable) {
    const list = group ? `/apis/apps/v1/namespaces/scales/${plural}` : `/api/v1/namespaces/scales/${plural}`;
    const path = `${list}/s`;
    const apiVersion = group ? 'apps/v1' : 'v1';
    const qualified = group ? `${plural}.${group}` : plural;
    const put = (metadata: object, replicas: unknown, query = '') =>
      api.ask('PUT', `${path}/scale${query}`, {
        body: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 's', ...metadata }, spec: { replicas } },
      });
    const fresh = async () => {
      await api.ask('DELETE', path, { body: { propagationPolicy: 'Background' } });
      return (await api.ask('POST', list, { body: { metadata: { name: 's' }, spec } })).body;
    };

    test(`of ${plural} shows what is wanted and what there is`, async () => {
      const { metadata } = await fresh();
      await space.patch(`${path}/status`, { status: { replicas: 1 } });
      const { body } = await api.ask('GET', `${path}/scale`);
      const { resourceVersion } = (await api.ask('GET', path)).body.metadata;
      const { uid, creationTimestamp } = metadata;
      assert.deepEqual(body, {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name: 's', namespace: 'scales', uid, resourceVersion, creationTimestamp },
        spec: { replicas: 2 },
        status: { replicas: 1, selector: 'app=a' },
      });
    });

    test(`of ${plural} is shown as a table`, async () => {
      await fresh();
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const { body } = await api.ask('GET', `${path}/scale`, { headers: { accept } });
      const titles = body.columnDefinitions.map(({ name }: { name: string }) => name);
      assert.deepEqual(titles, ['Name', 'Desired', 'Available', 'Age']);
      assert.deepEqual(body.rows[0].cells.slice(0, 3), ['s', 2, 0]);
    });

    test(`of ${plural} is replaced and patched, and takes the replicas from whoever owned them`, async () => {
      const { metadata } = await fresh();
      const { uid, resourceVersion } = metadata;
      const replaced = await put({ uid, resourceVersion }, 3);
      assert.deepEqual([replaced.code, replaced.body.spec], [200, { replicas: 3 }]);
      const patched = await api.ask('PATCH', `${path}/scale?fieldManager=tool`, {
        body: { spec: { replicas: 4 } },
        headers: { 'content-type': 'application/merge-patch+json' },
      });
      assert.deepEqual([patched.code, patched.body.spec], [200, { replicas: 4 }]);
      const { body } = await api.ask('GET', path);
      assert.deepEqual([body.spec.replicas, body.metadata.generation], [4, 3]);
      const owners = body.metadata.managedFields.filter(
        ({ fieldsV1 }: { fieldsV1: Record<string, object> }) => 'f:replicas' in (fieldsV1['f:spec'] ?? {}),
      );
      const [{ time: _, ...owner }] = owners;
      assert.equal(owners.length, 1);
      assert.deepEqual(owner, {
        manager: 'tool',
        operation: 'Update',
        apiVersion,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
        subresource: 'scale',
      });
      const zero = await put({}, 0);
      assert.deepEqual([zero.code, zero.body.spec], [200, {}]);
    });

    test(`of ${plural} refuses what cannot be`, async () => {
      const { metadata } = await fresh();
      assert.deepEqual(told(await put({}, -1)), [
        422,
        'Invalid',
        'Scale.autoscaling "s" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      ]);
      assert.deepEqual(told(await put({ resourceVersion: '1' }, 3)), [
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${qualified} "s": the object has been modified; please apply your changes to the latest version and try again`,
      ]);
      const scale = group ? `${plural}/scale.${group}` : `${plural}/scale`;
      assert.deepEqual(told(await put({ uid: 'x' }, 3)), [
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${scale} "s": Precondition failed: UID in precondition: x, UID in object meta: ${metadata.uid}`,
      ]);
      assert.equal((await put({ name: 'other' }, 3)).code, 400);
      const text = await put({}, 'many');
      assert.equal(text.code, 400);
      assert.match(
        text.body.message,
        /^Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal string/,
      );
      assert.deepEqual(told(await api.ask('GET', `${list}/none/scale`)), [
        404,
        'NotFound',
        `${qualified} "none" not found`,
      ]);
      const { body } = await api.ask('GET', path);
      assert.equal(body.metadata.resourceVersion, metadata.resourceVersion);
    });

    test(`of ${plural} is applied`, async () => {
      await fresh();
      const apply = (manager: string, replicas: number, force = '') =>
        space.patch(
          `${path}/scale?fieldManager=${manager}${force}`,
          { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 's' }, spec: { replicas } },
          'application/apply-patch+yaml',
        );
      const refused = await apply('mine', 5);
      const [{ manager }] = (await api.ask('GET', path)).body.metadata.managedFields;
      assert.deepEqual(told(refused), [
        409,
        'Conflict',
        `Apply failed with 1 conflict: conflict with "${manager}" using autoscaling/v1: .spec.replicas`,
      ]);
      assert.equal((await apply('mine', 5, '&force=true')).body.spec.replicas, 5);
      const other = await apply('other', 6);
      assert.equal(
        other.body.message,
        'Apply failed with 1 conflict: conflict with "mine" with subresource "scale": .spec.replicas',
      );
      const entries = (await api.ask('GET', path)).body.metadata.managedFields;
      const { time: _, ...applied } = entries.find((entry: { manager: string }) => entry.manager === 'mine');
      assert.deepEqual(applied, {
        manager: 'mine',
        operation: 'Apply',
        apiVersion,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
        subresource: 'scale',
      });
    });
  }
});
