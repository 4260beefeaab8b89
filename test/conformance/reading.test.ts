/** Lists, watches and their positions. */
import assert from 'node:assert/strict';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('reading', () => {
  let space: Space;
  let api: TestApi;
  let maps: string;
  suiteSetup(async () => {
    space = await makeSpace('reading');
    ({ api } = space);
    maps = `${space.path}/configmaps`;
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await space.configMap(name, { labels: { odd: String('ace'.includes(name)) } });
  });

  const namesOf = (items: { metadata: { name: string } }[]) => items.map(({ metadata }) => metadata.name);
  const list = (query: string) => api.ask('GET', `${maps}?${query}`);

  test('a list names its kind and version, and has items even when it is empty', async () => {
    const { body } = await api.ask('GET', `${space.path}/secrets`);
    assert.deepEqual([body.kind, body.apiVersion, body.items], ['SecretList', 'v1', []]);
    assert.match(body.metadata.resourceVersion, /^\d+$/);
    assert.ok(!('selfLink' in body.metadata));
  });

  test('pages show one moment, and count what remains', async () => {
    const first = (await list('limit=2')).body;
    assert.deepEqual([namesOf(first.items), first.metadata.remainingItemCount], [['a', 'b'], 3]);
    await api.ask('DELETE', `${maps}/d`);
    const second = (await list(`limit=2&continue=${first.metadata.continue}`)).body;
    assert.deepEqual([namesOf(second.items), second.metadata.remainingItemCount], [['c', 'd'], 1]);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const third = (await list(`limit=2&continue=${second.metadata.continue}`)).body;
    assert.deepEqual([namesOf(third.items), third.metadata.continue], [['e'], undefined]);
    await space.configMap('d', { labels: { odd: 'false' } });
  });

  test('a page of selected objects does not say how many remain', async () => {
    const { body } = await list('limit=1&labelSelector=odd%3Dtrue');
    assert.deepEqual([namesOf(body.items), body.metadata.remainingItemCount], [['a'], undefined]);
    assert.ok(body.metadata.continue);
  });

  test('label selectors', async () => {
    const select = async (selector: string) =>
      namesOf((await list(`labelSelector=${encodeURIComponent(selector)}`)).body.items);
    assert.deepEqual(await select('odd=true'), ['a', 'c', 'e']);
    assert.deepEqual(await select('odd!=true'), ['b', 'd']);
    assert.deepEqual(await select('odd in (false, none)'), ['b', 'd']);
    assert.deepEqual(await select('odd notin (false),odd'), ['a', 'c', 'e']);
    assert.deepEqual(await select('!odd'), []);
    const complaints: [selector: string, message: string | undefined][] = [
      ['odd==', undefined],
      ['=x', "found '=', expected: !, identifier, or 'end of string'"],
      ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
      ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ];
    for (const [selector, message] of complaints) {
      const { code, body } = await list(`labelSelector=${encodeURIComponent(selector)}`);
      assert.deepEqual([code, body.message], message ? [400, message] : [200, undefined], selector);
    }
  });

  test('field selectors, and those that a kind does not know', async () => {
    assert.deepEqual(namesOf((await list('fieldSelector=metadata.name%3Db')).body.items), ['b']);
    assert.equal((await list('fieldSelector=metadata.name!%3Db')).body.items.length, 4);
    const refused = async (path: string) => (await api.ask('GET', `${path}?fieldSelector=a%3Db`)).body.message;
    assert.equal(await refused(maps), '"a" is not a known field selector: only "metadata.name", "metadata.namespace"');
    assert.equal(await refused('/api/v1/pods'), 'field label not supported: a');
    assert.equal((await list('fieldSelector=a')).body.message, "invalid selector: 'a'; can't understand 'a'");
  });

  test('positions that do not exist, or do not go together', async () => {
    const future = await list('resourceVersion=99999999');
    assert.equal(future.code, 504);
    assert.match(future.body.message, /^Timeout: Too large resource version: 99999999, current: \d+$/);
    assert.deepEqual(future.body.details, {
      retryAfterSeconds: 1,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    });
    const refused = async (query: string) => (await list(query)).body.message;
    const invalid = 'ListOptions.meta.k8s.io "" is invalid: ';
    assert.equal(
      await refused('resourceVersionMatch=Exact'),
      `${invalid}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided`,
    );
    assert.equal(
      await refused('resourceVersionMatch=Exact&resourceVersion=0'),
      `${invalid}resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
    );
    assert.equal(
      await refused('resourceVersionMatch=Some&resourceVersion=1'),
      `${invalid}resourceVersionMatch: Unsupported value: "Some": supported values: "", "Exact", "NotOlderThan"`,
    );
    assert.match(await refused('continue=none'), /^invalid continue token: continue key is not valid/);
    assert.equal(await refused('limit=x'), 'strconv.ParseInt: parsing "x": invalid syntax');
  });

  test('a watch tells what came after its position, and bookmarks end its time', async () => {
    const { resourceVersion } = (await list('')).body.metadata;
    const watch = await api.watch(
      `${maps}?watch=True&resourceVersion=${resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=3`,
    );
    await space.configMap('w');
    await space.patch(`${maps}/w`, { data: { a: 'b' } });
    await api.ask('DELETE', `${maps}/w`);
    const seen = [];
    for (let event = await watch.next(); event; event = await watch.next()) {
      seen.push([event.type, event.object.metadata.name, event.object.data]);
      if (event.type === 'BOOKMARK') {
        assert.deepEqual([event.object.kind, event.object.apiVersion], ['ConfigMap', 'v1']);
        assert.ok(BigInt(event.object.metadata.resourceVersion) > BigInt(resourceVersion));
      }
    }
    assert.deepEqual(seen, [
      ['ADDED', 'w', undefined],
      ['MODIFIED', 'w', { a: 'b' }],
      ['DELETED', 'w', { a: 'b' }],
      ['BOOKMARK', undefined, undefined],
    ]);
  });

  test('a watch without a position, or from 0, tells what there is first', async () => {
    for (const position of ['', '&resourceVersion=0']) {
      const watch = await api.watch(`${maps}?watch=1${position}`);
      const names = new Set<string>();
      for (let i = 0; i < 5; i++) names.add((await watch.next()).object.metadata.name);
      assert.deepEqual(names, new Set(['a', 'b', 'c', 'd', 'e']));
      watch.close();
    }
  });

  test('a streamed list ends with a bookmark that says so', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = await api.watch(`${maps}?${query}`);
    for (let i = 0; i < 5; i++) assert.equal((await watch.next()).type, 'ADDED');
    const { type, object } = await watch.next();
    assert.equal(type, 'BOOKMARK');
    assert.equal(object.metadata.annotations['k8s.io/initial-events-end'], 'true');
    watch.close();
    const refused = await list('watch=1&sendInitialEvents=true');
    assert.equal(
      refused.body.message,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
    assert.equal(
      (await list('sendInitialEvents=true')).body.message,
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    );
  });

  test('a watch sees objects come and go as their labels do', async () => {
    const watch = await api.watch(`${maps}?watch=1&labelSelector=mark%3Dyes`);
    await space.patch(`${maps}/a`, { metadata: { labels: { mark: 'yes' } } });
    await space.patch(`${maps}/a`, { metadata: { labels: { mark: 'no' } } });
    assert.equal((await watch.next()).type, 'ADDED');
    const gone = await watch.next();
    assert.deepEqual([gone.type, gone.object.metadata.labels.mark], ['DELETED', 'yes']);
    watch.close();
  });

  test('tables have upstream’s columns', async () => {
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const columns = async (path: string): Promise<string> => {
      const { body } = await api.ask('GET', path, { headers });
      return body.columnDefinitions.map(({ name }: { name: string }) => name).join(', ');
    };
    const expected: Record<string, string> = {
      '/api/v1/pods': 'Name, Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates',
      '/api/v1/services': 'Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector',
      '/api/v1/nodes':
        'Name, Status, Roles, Age, Version, Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime',
      '/api/v1/configmaps': 'Name, Data, Age',
      '/api/v1/secrets': 'Name, Type, Data, Age',
      '/api/v1/serviceaccounts': 'Name, Secrets, Age',
      '/api/v1/namespaces': 'Name, Status, Age',
      '/api/v1/endpoints': 'Name, Endpoints, Age',
      '/api/v1/events': 'Last Seen, Type, Reason, Object, Subobject, Source, Message, First Seen, Count, Name',
      '/api/v1/persistentvolumes':
        'Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age, VolumeMode',
      '/api/v1/persistentvolumeclaims':
        'Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode',
      '/api/v1/resourcequotas': 'Name, Request, Limit, Age',
      '/api/v1/limitranges': 'Name, Created At',
      '/api/v1/replicationcontrollers': 'Name, Desired, Current, Ready, Age, Containers, Images, Selector',
      '/apis/apps/v1/deployments': 'Name, Ready, Up-to-date, Available, Age, Containers, Images, Selector',
      '/apis/apps/v1/replicasets': 'Name, Desired, Current, Ready, Age, Containers, Images, Selector',
      '/apis/apps/v1/statefulsets': 'Name, Ready, Age, Containers, Images',
      '/apis/apps/v1/daemonsets':
        'Name, Desired, Current, Ready, Up-to-date, Available, Node Selector, Age, Containers, Images, Selector',
      '/apis/apps/v1/controllerrevisions': 'Name, Controller, Revision, Age',
      '/apis/batch/v1/jobs': 'Name, Status, Completions, Duration, Age, Containers, Images, Selector',
      '/apis/batch/v1/cronjobs':
        'Name, Schedule, Timezone, Suspend, Active, Last Schedule, Age, Containers, Images, Selector',
      '/apis/autoscaling/v2/horizontalpodautoscalers': 'Name, Reference, Targets, MinPods, MaxPods, Replicas, Age',
      '/apis/policy/v1/poddisruptionbudgets': 'Name, Min Available, Max Unavailable, Allowed Disruptions, Age',
      '/apis/networking.k8s.io/v1/ingresses': 'Name, Class, Hosts, Address, Ports, Age',
      '/apis/networking.k8s.io/v1/ingressclasses': 'Name, Controller, Parameters, Age',
      '/apis/networking.k8s.io/v1/networkpolicies': 'Name, Pod-Selector, Age',
      '/apis/rbac.authorization.k8s.io/v1/roles': 'Name, Created At',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings': 'Name, Role, Age, Users, Groups, ServiceAccounts',
      '/apis/storage.k8s.io/v1/storageclasses':
        'Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age',
      '/apis/scheduling.k8s.io/v1/priorityclasses': 'Name, Value, Global-Default, Age, PreemptionPolicy',
      '/apis/coordination.k8s.io/v1/leases': 'Name, Holder, Age',
      '/apis/discovery.k8s.io/v1/endpointslices': 'Name, AddressType, Ports, Endpoints, Age',
      '/apis/certificates.k8s.io/v1/certificatesigningrequests':
        'Name, Age, SignerName, Requestor, RequestedDuration, Condition',
      '/apis/node.k8s.io/v1/runtimeclasses': 'Name, Handler, Age',
    };
    const seen = Object.fromEntries(
      await Promise.all(Object.keys(expected).map(async (path) => [path, await columns(path)] as const)),
    );
    assert.deepEqual(seen, expected);
  });
});
