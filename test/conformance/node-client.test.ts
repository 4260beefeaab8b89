/** @kubernetes/client-node, as published, against the server: objects, patches, watches, informers, the client for any kind. */
import assert from 'node:assert/strict';
import {
  ApiException,
  AppsV1Api,
  AuthenticationV1Api,
  BatchV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  VersionApi,
  Watch,
  makeInformer,
  setHeaderOptions,
} from '@kubernetes/client-node';
import type { KubernetesObject, V1ConfigMap, V1Deployment } from '@kubernetes/client-node';
import { startTestApi } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';
import { eventually } from '../harness/cluster.ts';
import { writeKubeconfig } from '../harness/kubectl.ts';
import { makeSpace, spaceIn } from './server.ts';

const configOf = (api: TestApi) => {
  const config = new KubeConfig();
  config.loadFromFile(writeKubeconfig(api));
  return config;
};

const by = (strategy: PatchStrategy) => setHeaderOptions('Content-Type', strategy);

const deployment = (name: string, replicas = 2): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'registry.local/a:1' }] },
    },
  },
});

suite('@kubernetes/client-node', function () {
  this.timeout(60_000);
  const namespace = 'node-client';
  let config: KubeConfig;
  let core: CoreV1Api;
  let apps: AppsV1Api;
  let any: KubernetesObjectApi;

  suiteSetup(async () => {
    config = configOf((await makeSpace(namespace)).api);
    core = config.makeApiClient(CoreV1Api);
    apps = config.makeApiClient(AppsV1Api);
    any = KubernetesObjectApi.makeApiClient(config);
  });

  const refused = (code: number, reason: string, work: Promise<unknown>) =>
    assert.rejects(work, (error: unknown) => {
      assert.ok(error instanceof ApiException);
      assert.equal(error.code, code);
      assert.match(String(error.body), new RegExp(`"reason":"${reason}"`));
      return true;
    });

  test('objects live and die, and refusals say why', async () => {
    const name = 'lived';
    const body = { metadata: { name }, data: { a: '1' } };
    const made = await core.createNamespacedConfigMap({ namespace, body });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    await refused(409, 'AlreadyExists', core.createNamespacedConfigMap({ namespace, body }));
    made.data = { b: '2' };
    const changed = await core.replaceNamespacedConfigMap({ namespace, name, body: made });
    assert.deepEqual(changed.data, { b: '2' });
    await refused(409, 'Conflict', core.replaceNamespacedConfigMap({ namespace, name, body: made }));
    const status = await core.deleteNamespacedConfigMap({ namespace, name, propagationPolicy: 'Background' });
    assert.equal(status.status, 'Success');
    await refused(404, 'NotFound', core.readNamespacedConfigMap({ namespace, name }));
    await refused(422, 'Invalid', apps.createNamespacedDeployment({ namespace, body: deployment('bad', -1) }));
    const unknown = { metadata: { name: 'x' }, dataa: {} } as object;
    // The client leaves out what its model does not know, so nothing is left to refuse.
    await core.createNamespacedConfigMap({ namespace, body: unknown, fieldValidation: 'Strict', dryRun: 'All' });
  });

  test('lists come in pages and by label; collections are deleted', async () => {
    for (let i = 0; i < 5; i++) {
      const metadata = { name: `page-${i}`, labels: { book: 'yes' } };
      await core.createNamespacedConfigMap({ namespace, body: { metadata } });
    }
    const names: string[] = [];
    let next: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        labelSelector: 'book',
        limit: 2,
        ...(next !== undefined && { _continue: next }),
      });
      names.push(...page.items.map(({ metadata }) => metadata!.name!));
      next = page.metadata?._continue;
    } while (next);
    assert.deepEqual(names, ['page-0', 'page-1', 'page-2', 'page-3', 'page-4']);
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'book=yes' });
    assert.deepEqual((await core.listNamespacedConfigMap({ namespace, labelSelector: 'book' })).items, []);
  });

  test('patches of every type', async () => {
    const name = 'patched';
    await apps.createNamespacedDeployment({ namespace, body: deployment(name) });
    const patch = (body: unknown, strategy: PatchStrategy) =>
      apps.patchNamespacedDeployment({ namespace, name, body }, by(strategy));
    const tested = [
      { op: 'test', path: '/spec/replicas', value: 2 },
      { op: 'replace', path: '/spec/replicas', value: 3 },
    ];
    assert.equal((await patch(tested, PatchStrategy.JsonPatch)).spec?.replicas, 3);
    const labels = { metadata: { labels: { x: 'y' } } };
    assert.deepEqual((await patch(labels, PatchStrategy.MergePatch)).metadata?.labels, { x: 'y' });
    const side = { spec: { template: { spec: { containers: [{ name: 'side', image: 'registry.local/side' }] } } } };
    const { spec } = await patch(side, PatchStrategy.StrategicMergePatch);
    assert.deepEqual(
      spec?.template.spec?.containers.map((container) => container.name),
      ['side', 'c'],
    );
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name });
    assert.deepEqual([scale.spec?.replicas, scale.status?.selector], [3, `app=${name}`]);
    scale.spec!.replicas = 1;
    await apps.replaceNamespacedDeploymentScale({ namespace, name, body: scale });
    assert.equal((await apps.readNamespacedDeployment({ namespace, name })).spec?.replicas, 1);
    await apps.deleteNamespacedDeployment({ namespace, name });
  });

  test('server-side apply owns fields, refuses to take others’, and takes them when forced', async () => {
    const map = (data: Record<string, string>) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'owned' },
      data,
    });
    const apply = (data: Record<string, string>, fieldManager: string, force = false) =>
      core.patchNamespacedConfigMap(
        { namespace, name: 'owned', body: map(data), fieldManager, force },
        by(PatchStrategy.ServerSideApply),
      );
    const first = await apply({ a: '1', b: '1' }, 'one');
    assert.deepEqual(first.metadata?.managedFields?.[0]?.fieldsV1, { 'f:data': { 'f:a': {}, 'f:b': {} } });
    await assert.rejects(apply({ a: '2' }, 'two'), /conflict with \\+"one\\+": \.data\.a/);
    await apply({ a: '2' }, 'two', true);
    assert.deepEqual((await apply({ b: '1' }, 'one')).data, { a: '2', b: '1' });
  });

  test('the client for any kind finds where each lives', async () => {
    const metadata = { name: 'any', namespace };
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'registry.local/a' }] } } },
    };
    await any.create(job);
    const jobs = config.makeApiClient(BatchV1Api);
    assert.equal((await jobs.readNamespacedJob({ namespace, name: 'any' })).spec?.completions, 1);
    const change = { ...job, spec: { suspend: true } };
    await any.patch(change, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
    const read = await any.read<KubernetesObject & { spec: { suspend: boolean } }>(job);
    assert.equal(read.spec.suspend, true);
    const listed = await any.list('batch/v1', 'Job', namespace);
    assert.deepEqual(
      listed.items.map((item) => item.metadata?.name),
      ['any'],
    );
    await any.delete(job, undefined, undefined, 0, undefined, 'Background');
    await refused(404, 'NotFound', any.read(job));
    const space = await any.read({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    assert.equal(space.metadata?.name, namespace);
  });

  test('a watch tells what happens, and ends when asked to', async () => {
    const seen: string[] = [];
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const { promise: ended, resolve } = Promise.withResolvers<unknown>();
    const watching = await new Watch(config).watch(
      path,
      { labelSelector: 'watched=me', allowWatchBookmarks: true },
      (phase, object: V1ConfigMap) => seen.push(`${phase} ${object.data?.['a']}`),
      resolve,
    );
    const body = { metadata: { name: 'watched', labels: { watched: 'me' } }, data: { a: '1' } };
    await core.createNamespacedConfigMap({ namespace, body });
    body.data.a = '2';
    await core.replaceNamespacedConfigMap({ namespace, name: 'watched', body });
    await core.deleteNamespacedConfigMap({ namespace, name: 'watched' });
    await eventually('three events', () => seen.length === 3);
    assert.deepEqual(seen, ['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
    watching.abort();
    await ended;
  });

  test('a token of an account says who asks', async () => {
    const name = 'robot';
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
    const body = { spec: { audiences: [], expirationSeconds: 600 } };
    const { status } = await core.createNamespacedServiceAccountToken({ namespace, name, body });
    const robot = new KubeConfig();
    const cluster = config.getCurrentCluster()!;
    robot.loadFromClusterAndUser(cluster, { name, token: status?.token ?? '' });
    const review = await robot.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    assert.equal(review.status?.userInfo?.username, `system:serviceaccount:${namespace}:${name}`);
    await refused(403, 'Forbidden', robot.makeApiClient(CoreV1Api).listNamespacedPod({ namespace }));
    assert.match((await config.makeApiClient(VersionApi).getCode()).gitVersion, /^v1\.32\./);
  });
});

suite('informers of @kubernetes/client-node', function () {
  this.timeout(60_000);
  const namespace = 'informed';
  let api: TestApi;

  suiteSetup(async () => {
    api = await startTestApi();
    await spaceIn(api, namespace);
  });

  suiteTeardown(() => api?.stop());

  test('an informer knows what there is, hears of changes, and goes on after the server was restarted', async () => {
    const config = configOf(api);
    const core = config.makeApiClient(CoreV1Api);
    const create = (name: string) => core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } });
    await create('before');
    const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
      core.listNamespacedConfigMap({ namespace }),
    );
    const heard: string[] = [];
    for (const verb of ['add', 'update', 'delete'] as const) {
      informer.on(verb, ({ metadata }) => heard.push(`${verb} ${metadata!.name}`));
    }
    // What its documentation tells programs to do.
    informer.on('error', () => setTimeout(() => void informer.start().catch(() => {}), 100));
    await informer.start();
    try {
      await create('during');
      await core.deleteNamespacedConfigMap({ namespace, name: 'before' });
      await eventually('three changes', () => heard.length === 3);
      assert.deepEqual(heard, ['add before', 'add during', 'delete before']);
      await api.restart();
      await eventually('the server answers', () => create('after'));
      await eventually('the change after the restart', () => heard.includes('add after'));
      assert.deepEqual(
        informer.list(namespace).map(({ metadata }) => metadata!.name),
        ['during', 'after'],
      );
      assert.equal(heard.filter((text) => text === 'add during').length, 1);
    } finally {
      await informer.stop();
    }
  });
});
