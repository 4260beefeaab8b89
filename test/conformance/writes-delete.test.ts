/** Deleting objects: at once, after a grace, behind finalizers, in numbers. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('deletions', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('deletions');
    ({ api } = space);
  });

  const maps = (rest = '') => `${space.path}/configmaps${rest}`;
  const pods = (rest = '') => `${space.path}/pods${rest}`;
  const jobs = (rest = '') => `/apis/batch/v1/namespaces/deletions/jobs${rest}`;
  const remove = (path: string, body?: unknown) => api.ask('DELETE', path, body === undefined ? {} : { body });
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];

  const pod = (name: string, more: object = {}) =>
    api.ask('POST', pods(), {
      body: {
        metadata: { name },
        spec: { containers: [{ name: 'c', image: 'i' }], nodeName: 'nowhere', ...more },
      },
    });
  const seconds = (time: string) => Date.parse(time) / 1000;

  suite('grace', () => {
    test('a pod on a node has as long as it says, which may be made shorter and never longer', async () => {
      await pod('slow', { terminationGracePeriodSeconds: 100 });
      const { body: first } = await remove(pods('/slow'));
      assert.equal(first.metadata.deletionGracePeriodSeconds, 100);
      const asked = seconds(first.metadata.deletionTimestamp) - 100;
      assert.ok(Math.abs(asked - Date.now() / 1000) < 30);
      for (const body of [undefined, { gracePeriodSeconds: 100 }, { gracePeriodSeconds: 200 }]) {
        const again = await remove(pods('/slow'), body);
        assert.deepEqual([again.code, again.body], [200, first]);
      }
      const { body: shorter } = await remove(pods('/slow'), { gracePeriodSeconds: 40 });
      assert.equal(shorter.metadata.deletionGracePeriodSeconds, 40);
      assert.equal(seconds(shorter.metadata.deletionTimestamp), asked + 40);
      const { body: least } = await remove(pods('/slow'), { gracePeriodSeconds: -5 });
      assert.equal(least.metadata.deletionGracePeriodSeconds, 1);
      assert.equal((await remove(pods('/slow'), { gracePeriodSeconds: 0 })).body.metadata.name, 'slow');
      assert.equal((await api.ask('GET', pods('/slow'))).code, 404);
    });

    test('what the query says counts where there is no body', async () => {
      await pod('asked');
      const { body } = await remove(pods('/asked?gracePeriodSeconds=7'));
      assert.equal(body.metadata.deletionGracePeriodSeconds, 7);
      assert.equal((await remove(pods('/asked?gracePeriodSeconds=x'))).code, 400);
      await remove(pods('/asked?gracePeriodSeconds=0'));
    });

    test('a grace that has begun does not depend on what the pod does', async () => {
      await pod('ended');
      await remove(pods('/ended'));
      await space.patch(pods('/ended/status'), { status: { phase: 'Succeeded' } });
      const { body } = await remove(pods('/ended'), { gracePeriodSeconds: 60 });
      assert.equal(body.metadata.deletionGracePeriodSeconds, 30);
      const { body: shorter } = await remove(pods('/ended'), { gracePeriodSeconds: 10 });
      assert.equal(shorter.metadata.deletionGracePeriodSeconds, 10);
      await remove(pods('/ended'), { gracePeriodSeconds: 0 });
    });

    test('a pod without a node, and one that has ended, goes at once', async () => {
      await api.ask('POST', pods(), {
        body: { metadata: { name: 'waiting' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      });
      const { body } = await remove(pods('/waiting'));
      assert.equal(body.metadata.deletionGracePeriodSeconds, 0);
      assert.ok(body.metadata.deletionTimestamp);
      await pod('done');
      await space.patch(pods('/done/status'), { status: { phase: 'Failed' } });
      await remove(pods('/done'), { gracePeriodSeconds: 60 });
      for (const name of ['waiting', 'done']) assert.equal((await api.ask('GET', pods(`/${name}`))).code, 404);
    });

    test('a pod with finalizers stays without grace until they are gone', async () => {
      await pod('held', { terminationGracePeriodSeconds: 20 });
      await space.patch(pods('/held'), { metadata: { finalizers: ['example.com/a'] } });
      await remove(pods('/held'));
      const { body } = await remove(pods('/held'), { gracePeriodSeconds: 0 });
      assert.equal(body.metadata.deletionGracePeriodSeconds, 0);
      const last = await space.patch(pods('/held'), { metadata: { finalizers: null } });
      assert.equal(last.code, 200);
      assert.equal((await api.ask('GET', pods('/held'))).code, 404);
    });
  });

  suite('policy', () => {
    test('leaves a mark for the garbage collector, or none', async () => {
      const after = async (options: object, finalizers?: string[]) => {
        await space.configMap('marked', finalizers && { finalizers });
        const { body } = await remove(maps('/marked'), options);
        const marks = body.kind === 'ConfigMap' ? body.metadata.finalizers : undefined;
        if (marks) await space.patch(maps('/marked'), { metadata: { finalizers: null } });
        return marks;
      };
      assert.equal(await after({}), undefined);
      assert.equal(await after({ propagationPolicy: 'Background' }), undefined);
      assert.deepEqual(await after({ propagationPolicy: 'Foreground' }), ['foregroundDeletion']);
      assert.deepEqual(await after({ propagationPolicy: 'Orphan' }), ['orphan']);
      assert.deepEqual(await after({ orphanDependents: true }), ['orphan']);
      assert.equal(await after({ orphanDependents: false }), undefined);
      assert.deepEqual(await after({}, ['orphan']), ['orphan']);
      assert.deepEqual(await after({ propagationPolicy: 'Foreground' }, ['orphan', 'example.com/a']), [
        'example.com/a',
        'foregroundDeletion',
      ]);
      assert.deepEqual(await after({ propagationPolicy: 'Background' }, ['foregroundDeletion', 'example.com/a']), [
        'example.com/a',
      ]);
    });

    test('of jobs by default spares their pods; events have nothing to collect', async () => {
      const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
      await api.ask('POST', jobs(), { body: { metadata: { name: 'j' }, spec: { template } } });
      assert.deepEqual((await remove(jobs('/j'))).body.metadata.finalizers, ['orphan']);
      const { body } = await remove(jobs('/j?propagationPolicy=Background'));
      assert.equal(body.status, 'Success');
      const event = {
        metadata: { name: 'e' },
        involvedObject: { namespace: 'deletions', kind: 'Pod', name: 'p' },
        reason: 'r',
      };
      await api.ask('POST', `${space.path}/events`, { body: event });
      const gone = await remove(`${space.path}/events/e`, { propagationPolicy: 'Foreground' });
      assert.deepEqual([gone.code, gone.body.status], [200, 'Success']);
      assert.equal((await api.ask('GET', `${space.path}/events/e`)).code, 404);
    });

    test('an object that waits for its dependents is accepted, where the old switch asked for it', async () => {
      await space.configMap('accepted', { finalizers: ['example.com/a'] });
      assert.equal((await remove(maps('/accepted'), { orphanDependents: false })).code, 202);
      assert.equal((await remove(maps('/accepted?orphanDependents=false'))).code, 202);
      assert.equal((await remove(maps('/accepted'))).code, 200);
      await space.patch(maps('/accepted'), { metadata: { finalizers: null } });
    });
  });

  test('options that are not valid', async () => {
    await space.configMap('stays');
    const refused = async (options: object) => (await remove(maps('/stays'), options)).body.message;
    const prefix = 'DeleteOptions.meta.k8s.io "" is invalid: ';
    assert.equal(
      await refused({ propagationPolicy: 'Later' }),
      `${prefix}propagationPolicy: Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"`,
    );
    assert.equal(
      await refused({ propagationPolicy: 'Orphan', orphanDependents: true }),
      `${prefix}propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set`,
    );
    assert.equal(
      await refused({ dryRun: ['Some'] }),
      `${prefix}dryRun: Unsupported value: []string{"Some"}: supported values: "All"`,
    );
    const { body: map } = await space.configMap('sent');
    assert.equal(
      (await remove(maps('/stays'), map)).body.message,
      'no kind "ConfigMap" is registered for version "v1" in scheme "pkg/apis/meta/internalversion/scheme/register.go:27"',
    );
    assert.equal((await remove(maps(), map)).code, 400);
    assert.equal((await api.ask('GET', maps('/stays'))).code, 200);
    const grouped = { apiVersion: 'apps/v1', kind: 'DeleteOptions' };
    assert.equal((await remove(maps('/sent'), grouped)).code, 200);
  });

  test('preconditions', async () => {
    const { body: map } = await space.configMap('guarded');
    const { uid, resourceVersion } = map.metadata;
    assert.deepEqual(told(await remove(maps('/guarded'), { preconditions: { uid: 'x' } })), [
      409,
      'Conflict',
      `Operation cannot be fulfilled on ConfigMap "guarded": the UID in the precondition (x) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    ]);
    assert.equal((await remove(maps('/guarded?uid=x'))).code, 409);
    assert.deepEqual(told(await remove(maps('/guarded'), { preconditions: { uid, resourceVersion: '1' } })), [
      409,
      'Conflict',
      `Operation cannot be fulfilled on ConfigMap "guarded": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    ]);
    assert.equal((await remove(maps('/guarded'), { preconditions: { uid, resourceVersion } })).code, 200);
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
    await api.ask('POST', jobs(), { body: { metadata: { name: 'g' }, spec: { template } } });
    const refused = await remove(jobs('/g'), { preconditions: { uid: 'x' } });
    assert.match(refused.body.message, /^Operation cannot be fulfilled on Job\.batch "g": the UID/);
    assert.deepEqual(refused.body.details, { name: 'g', group: 'batch', kind: 'Job' });
  });

  test('a namespace ends when nothing of it is left, and may be deleted again until then', async () => {
    const path = '/api/v1/namespaces/deletions-ending';
    await api.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: 'deletions-ending' } } });
    const refused = await remove(path, { preconditions: { uid: 'x' } });
    const { body: present } = await api.ask('GET', path);
    assert.deepEqual(told(refused), [
      409,
      'Conflict',
      `Operation cannot be fulfilled on namespaces "deletions-ending": Precondition failed: UID in precondition: x, UID in object meta: ${present.metadata.uid}`,
    ]);
    const { code, body } = await remove(path);
    assert.deepEqual([code, body.kind, body.status.phase], [200, 'Namespace', 'Terminating']);
    assert.deepEqual((await remove(path)).body, body);
    const finalized = await api.ask('PUT', `${path}/finalize`, {
      body: { ...body, metadata: { ...body.metadata, labels: { a: 'b' } }, spec: { finalizers: [] }, status: {} },
    });
    assert.deepEqual([finalized.code, finalized.body.status.phase], [200, 'Terminating']);
    assert.equal((await api.ask('GET', path)).code, 404);
  });

  suite('of collections', () => {
    const fill = async (names: readonly string[], more: object = {}) => {
      for (const name of names) await space.configMap(name, more);
    };
    const left = async (query = '') =>
      (await api.ask('GET', maps(query))).body.items.map(({ metadata }: never) => (metadata as { name: string }).name);

    test('take what is selected, page by page where a limit says so', async () => {
      await fill(['a', 'b', 'c'], { labels: { of: 'page' } });
      const page = await remove(maps('?labelSelector=of=page&limit=2'));
      assert.equal(page.body.kind, 'ConfigMapList');
      assert.deepEqual(
        page.body.items.map(({ metadata }: never) => (metadata as { name: string }).name),
        ['a', 'b'],
      );
      assert.ok(page.body.metadata.continue);
      assert.deepEqual(await left('?labelSelector=of=page'), ['c']);
      await fill(['a', 'b'], { labels: { of: 'page' } });
      await remove(maps('?labelSelector=of=page&fieldSelector=metadata.name!=b'));
      assert.deepEqual(await left('?labelSelector=of=page'), ['b']);
      await remove(maps('?labelSelector=of=page'), { dryRun: ['All'] });
      assert.deepEqual(await left('?labelSelector=of=page'), ['b']);
      await remove(maps('?labelSelector=of=page'));
      assert.deepEqual(await left('?labelSelector=of=page'), []);
    });

    test('have options as single ones have', async () => {
      await fill(['d'], { labels: { of: 'options' } });
      const refused = await remove(maps('?labelSelector=of=options'), { preconditions: { uid: 'x' } });
      assert.equal(refused.code, 409);
      await remove(maps('?labelSelector=of=options'), { propagationPolicy: 'Foreground' });
      const { body } = await api.ask('GET', maps('/d'));
      assert.deepEqual(body.metadata.finalizers, ['foregroundDeletion']);
      await space.patch(maps('/d'), { metadata: { finalizers: null } });
      assert.equal((await remove(maps('?labelSelector=a b'))).code, 400);
      assert.equal((await remove(maps('?fieldSelector=spec.none=1'))).code, 400);
    });
  });
});
