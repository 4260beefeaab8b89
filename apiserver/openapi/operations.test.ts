import assert from 'node:assert/strict';
import { builtIn, kinds } from '#lib/kinds/index.ts';
import { operationsOf } from './operations.ts';
import { groupByPath } from './parameters.ts';

suite('operationsOf()', () => {
  /** As upstream's documents have them: method, path below the version, name, codes. */
  const told = (group: string, version: string, plural: string) =>
    operationsOf([builtIn.at(group, version, plural)!]).map(
      ({ method, path, id, codes }) => `${method} ${path.split(`/${version}`)[1]} ${id} ${codes.join(',')}`,
    );

  test('names everything that can be done with deployments as upstream does', () => {
    const one = '/namespaces/{namespace}/deployments/{name}';
    assert.deepEqual(told('apps', 'v1', 'deployments'), [
      'get /namespaces/{namespace}/deployments listAppsV1NamespacedDeployment 200',
      'get /deployments listAppsV1DeploymentForAllNamespaces 200',
      'post /namespaces/{namespace}/deployments createAppsV1NamespacedDeployment 200,201,202',
      'delete /namespaces/{namespace}/deployments deleteAppsV1CollectionNamespacedDeployment 200',
      `get ${one} readAppsV1NamespacedDeployment 200`,
      `put ${one} replaceAppsV1NamespacedDeployment 200,201`,
      `patch ${one} patchAppsV1NamespacedDeployment 200,201`,
      `delete ${one} deleteAppsV1NamespacedDeployment 200,202`,
      'get /watch/namespaces/{namespace}/deployments watchAppsV1NamespacedDeploymentList 200',
      `get /watch${one} watchAppsV1NamespacedDeployment 200`,
      'get /watch/deployments watchAppsV1DeploymentListForAllNamespaces 200',
      `get ${one}/scale readAppsV1NamespacedDeploymentScale 200`,
      `patch ${one}/scale patchAppsV1NamespacedDeploymentScale 200,201`,
      `put ${one}/scale replaceAppsV1NamespacedDeploymentScale 200,201`,
      `get ${one}/status readAppsV1NamespacedDeploymentStatus 200`,
      `patch ${one}/status patchAppsV1NamespacedDeploymentStatus 200,201`,
      `put ${one}/status replaceAppsV1NamespacedDeploymentStatus 200,201`,
    ]);
  });

  test('names connections and creations under nodes and pods as upstream does', () => {
    const nodes = told('', 'v1', 'nodes').filter((text) => text.includes('proxy'));
    const methods = ['Delete', 'Get', 'Head', 'Options', 'Patch', 'Post', 'Put'];
    const expected = ['', '/{path}'].flatMap((rest) =>
      methods.map(
        (method) =>
          `${method.toLowerCase()} /nodes/{name}/proxy${rest} connectCoreV1${method}NodeProxy${rest && 'WithPath'} 200`,
      ),
    );
    assert.deepEqual(nodes.sort(), expected.sort());
    const pods = told('', 'v1', 'pods');
    const one = '/namespaces/{namespace}/pods/{name}';
    for (const line of [
      `get ${one}/exec connectCoreV1GetNamespacedPodExec 200`,
      `post ${one}/eviction createCoreV1NamespacedPodEviction 200,201,202`,
      `get ${one}/log readCoreV1NamespacedPodLog 200`,
      `put ${one}/ephemeralcontainers replaceCoreV1NamespacedPodEphemeralcontainers 200,201`,
    ]) {
      assert.ok(pods.includes(line), line);
    }
  });

  test('answers a deletion with the object where the kind says so, with a Status elsewhere', () => {
    const answerOf = (group: string, plural: string) =>
      operationsOf([builtIn.at(group, 'v1', plural)!]).find(({ action }) => action === 'delete')?.answer;
    assert.equal(answerOf('', 'pods'), 'io.k8s.api.core.v1.Pod');
    assert.equal(answerOf('storage.k8s.io', 'storageclasses'), 'io.k8s.api.storage.v1.StorageClass');
    assert.equal(answerOf('', 'configmaps'), 'io.k8s.apimachinery.pkg.apis.meta.v1.Status');
  });

  test('has one name for each operation of all kinds', () => {
    const ids = operationsOf(kinds).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });
});

suite('groupByPath()', () => {
  const paths = groupByPath(operationsOf(kinds));
  const at = (path: string) => {
    const found = paths.find((item) => item.path === path);
    assert.ok(found, path);
    const namesOf = (parameters: readonly { name: string }[]) => parameters.map(({ name }) => name);
    return {
      shared: namesOf(found.shared),
      own: Object.fromEntries(found.operations.map(({ operation, own }) => [operation.method, namesOf(own)])),
    };
  };
  const write = ['dryRun', 'fieldManager', 'fieldValidation'];
  const list = ['continue', 'fieldSelector', 'labelSelector', 'limit'];
  const rest = ['resourceVersion', 'resourceVersionMatch', 'sendInitialEvents', 'timeoutSeconds'];
  const unreadable = 'ignoreStoreReadErrorWithClusterBreakingPotential';

  test('tells once what all operations of a path take, and the rest with each', () => {
    assert.deepEqual(at('/api/v1/namespaces/{namespace}/configmaps'), {
      shared: ['namespace', 'pretty'],
      own: {
        get: ['allowWatchBookmarks', ...list, ...rest, 'watch'],
        post: write,
        delete: [
          'continue',
          'dryRun',
          'fieldSelector',
          'gracePeriodSeconds',
          unreadable,
          'labelSelector',
          'limit',
          'orphanDependents',
          'propagationPolicy',
          ...rest,
        ],
      },
    });
    assert.deepEqual(at('/api/v1/namespaces/{namespace}/configmaps/{name}'), {
      shared: ['name', 'namespace', 'pretty'],
      own: {
        get: [],
        put: write,
        patch: [...write, 'force'],
        delete: ['dryRun', 'gracePeriodSeconds', unreadable, 'orphanDependents', 'propagationPolicy'],
      },
    });
  });

  test('a path with one operation shares all of its parameters', () => {
    assert.deepEqual(at('/api/v1/namespaces/{namespace}/pods/{name}/exec').shared, [
      'command',
      'container',
      'name',
      'namespace',
      'stderr',
      'stdin',
      'stdout',
      'tty',
    ]);
    assert.deepEqual(at('/api/v1/namespaces/{name}/finalize').shared, [...write, 'name', 'pretty']);
  });
});
