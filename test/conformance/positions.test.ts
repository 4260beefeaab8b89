/** Which state is read: upstream's table of resourceVersion, resourceVersionMatch and limit, pages, and where watches begin. */
import assert from 'node:assert/strict';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('positions', () => {
  let space: Space;
  let api: TestApi;
  let maps: string;
  /** Before `d` was made. */
  let before: string;
  let latest: bigint;
  const future = 99_999_999;
  suiteSetup(async () => {
    space = await makeSpace('positions');
    ({ api } = space);
    maps = `${space.path}/configmaps`;
    for (const name of ['c', 'a', 'b']) await space.configMap(name);
    before = (await list('')).body.metadata.resourceVersion;
    latest = BigInt((await space.configMap('d')).body.metadata.resourceVersion);
  });

  const list = (query: string) => api.ask('GET', `${maps}?${query}`);
  const namesOf = (items: { metadata: { name: string } }[]) => items.map(({ metadata }) => metadata.name).join();
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('a list shows the latest state, or one that is new enough, or exactly the one asked for', async () => {
    const cases: [query: string, names: string, isExact: boolean][] = [
      ['', 'a,b,c,d', false],
      ['limit=2', 'a,b', false],
      ['resourceVersion=0', 'a,b,c,d', false],
      ['resourceVersion=0&limit=2', 'a,b,c,d', false],
      ['resourceVersion=0&resourceVersionMatch=NotOlderThan', 'a,b,c,d', false],
      ['resourceVersion=BEFORE', 'a,b,c,d', false],
      ['resourceVersion=BEFORE&resourceVersionMatch=NotOlderThan', 'a,b,c,d', false],
      ['resourceVersion=BEFORE&resourceVersionMatch=NotOlderThan&limit=2', 'a,b', false],
      ['resourceVersion=BEFORE&limit=5', 'a,b,c', true],
      ['resourceVersion=BEFORE&limit=2', 'a,b', true],
      ['resourceVersion=BEFORE&resourceVersionMatch=Exact', 'a,b,c', true],
      ['resourceVersion=BEFORE&resourceVersionMatch=Exact&limit=1', 'a', true],
    ];
    for (const [query, names, isExact] of cases) {
      const { code, body } = await list(query.replace('BEFORE', before));
      assert.equal(code, 200, query);
      assert.equal(namesOf(body.items), names, query);
      const revision = BigInt(body.metadata.resourceVersion);
      assert.ok(isExact ? revision === BigInt(before) : revision >= latest, query);
    }
  });

  test('an object is read at the latest state, or at one that is new enough', async () => {
    for (const query of ['', '?resourceVersion=0', `?resourceVersion=${before}`, `?resourceVersion=${latest}`]) {
      assert.equal((await api.ask('GET', `${maps}/d${query}`)).code, 200, query);
    }
  });

  test('a state that has not come to be is not waited for', async () => {
    for (const path of [
      `${maps}?resourceVersion=${future}`,
      `${maps}?resourceVersion=${future}&resourceVersionMatch=Exact`,
      `${maps}?resourceVersion=${future}&limit=1`,
      `${maps}/d?resourceVersion=${future}`,
      `${maps}?watch=1&resourceVersion=${future}`,
    ]) {
      const { code, headers, body } = await api.ask('GET', path);
      assert.deepEqual([code, body.reason, headers['retry-after']], [504, 'Timeout', '1'], path);
      assert.match(body.message, /^Timeout: Too large resource version: 99999999, current: \d+$/);
      assert.deepEqual(body.details, {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      });
    }
  });

  test('positions that are none', async () => {
    const told = async (query: string) => {
      const { code, body } = await list(query);
      return [code, body.message];
    };
    const unread = (text: string, because: string) => [
      400,
      `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": ${because}`,
    ];
    assert.deepEqual(await told('resourceVersion=x'), unread('x', 'invalid syntax'));
    assert.deepEqual(await told('resourceVersion=-1'), unread('-1', 'invalid syntax'));
    const huge = '9'.repeat(30);
    assert.deepEqual(await told(`resourceVersion=${huge}`), unread(huge, 'value out of range'));
    assert.deepEqual(await told('watch=1&resourceVersion=x'), unread('x', 'invalid syntax'));
    assert.equal((await api.ask('GET', `${maps}/d?resourceVersion=x`)).code, 400);
    const version = 'meta.k8s.io/v1';
    const token = 'invalid continue token: continue key is not valid';
    const tokens: [string, string][] = [
      ['a!', ': illegal base64 data at input byte 1'],
      [Buffer.from('{"v"').toString('base64url'), ': unexpected end of JSON input'],
      [encode({ v: 'v2', rv: 5, start: 'a' }), ': server does not recognize this encoded version v2'],
      [encode({ v: version, rv: 0, start: 'a' }), ': incorrect encoded start resourceVersion (version meta.k8s.io/v1)'],
      [encode({ v: version, rv: 5, start: '' }), ': encoded start key empty (version meta.k8s.io/v1)'],
      [encode({ v: version, rv: 5, start: 'a/../../secrets' }), ': a/../../secrets'],
      [encode({ v: version, rv: future, start: 'a' }), ''],
    ];
    for (const [given, because] of tokens) assert.deepEqual(await told(`continue=${given}`), [400, token + because]);
    const { metadata } = (await list('limit=1')).body;
    assert.deepEqual(await told(`continue=${metadata.continue}&resourceVersion=5`), [
      400,
      'specifying resource version is not allowed when using continue',
    ]);
    assert.deepEqual(await told(`continue=${metadata.continue}&resourceVersionMatch=Exact`), [
      422,
      'ListOptions.meta.k8s.io "" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided, resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided]',
    ]);
  });

  test('a list over all namespaces is in the order of keys', async () => {
    const other = await makeSpace('positions-a');
    await other.configMap('z');
    const { body } = await api.ask('GET', '/api/v1/configmaps');
    const keys = body.items.map(
      ({ metadata }: { metadata: { namespace: string; name: string } }) => `${metadata.namespace}/${metadata.name}`,
    );
    assert.deepEqual(
      keys,
      keys.toSorted((a: string, b: string) => Buffer.from(a).compare(Buffer.from(b))),
    );
    const paged: string[] = [];
    let token = '';
    do {
      const { body: page } = await api.ask('GET', `/api/v1/configmaps?limit=2&continue=${token}`);
      for (const { metadata } of page.items) paged.push(`${metadata.namespace}/${metadata.name}`);
      token = page.metadata.continue ?? '';
    } while (token);
    assert.deepEqual(paged, keys);
  });

  test('a watch of one object, by its path and by selector', async () => {
    const watches = [
      `/api/v1/watch/namespaces/positions/configmaps/a`,
      `/api/v1/watch/namespaces/positions/configmaps/a?fieldSelector=metadata.name%3Da`,
      `${maps}?watch=1&fieldSelector=metadata.name%3Da`,
      `/api/v1/configmaps?watch=1&fieldSelector=metadata.name%3Da,metadata.namespace%3Dpositions`,
    ];
    for (const path of watches) {
      const watch = await api.watch(path);
      assert.equal((await watch.next()).object.metadata.name, 'a', path);
      await space.patch(`${maps}/b`, { data: { n: path } });
      await space.patch(`${maps}/a`, { data: { n: path } });
      const { type, object } = await watch.next();
      assert.deepEqual([type, object.metadata.name, object.data.n], ['MODIFIED', 'a', path]);
      watch.close();
    }
    const { code, body } = await api.ask('GET', `${watches[0]!}?fieldSelector=metadata.name%3Db`);
    assert.deepEqual([code, body.message], [400, "fieldSelector metadata.name doesn't match requested name"]);
  });

  test('a watch tells the state first, or leaves it out, as it is asked to', async () => {
    const first = async (query: string) => {
      const watch = await api.watch(`${maps}?watch=1&${query}`);
      await space.patch(`${maps}/d`, { data: { n: query } });
      const { type, object } = await watch.next();
      watch.close();
      return `${type} ${object.metadata.name}`;
    };
    const match = 'resourceVersionMatch=NotOlderThan';
    assert.equal(await first(''), 'ADDED a');
    assert.equal(await first('resourceVersion=0'), 'ADDED a');
    assert.equal(await first(`resourceVersion=${before}`), 'ADDED d');
    assert.equal(await first(`sendInitialEvents=true&${match}&resourceVersion=${before}`), 'ADDED a');
    assert.equal(await first(`sendInitialEvents=true&${match}&resourceVersion=1`), 'ADDED a');
    assert.equal(await first(`sendInitialEvents=false&${match}`), 'MODIFIED d');
    assert.equal(await first(`sendInitialEvents=false&${match}&resourceVersion=${before}`), 'ADDED d');
  });

  test('a watch with a state that must be as new as another server’s says when it is complete', async () => {
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const { resourceVersion } = (await list('')).body.metadata;
    const watch = await api.watch(`${maps}?watch=1&${query}&resourceVersion=${resourceVersion}`);
    for (let i = 0; i < 4; i++) assert.equal((await watch.next()).type, 'ADDED');
    const { type, object } = await watch.next();
    assert.deepEqual([type, object.metadata.annotations['k8s.io/initial-events-end']], ['BOOKMARK', 'true']);
    assert.ok(BigInt(object.metadata.resourceVersion) >= BigInt(resourceVersion));
    watch.close();
  });

  test('a watch may be asked to last longer than any timer', async () => {
    const watch = await api.watch(`${maps}?watch=1&timeoutSeconds=99999999&resourceVersion=${latest}`);
    await space.patch(`${maps}/d`, { data: { last: 'long' } });
    for (let event = await watch.next(); event.object.data?.last !== 'long'; event = await watch.next());
    await space.patch(`${maps}/d`, { data: { last: 'longer' } });
    assert.equal((await watch.next()).object.data.last, 'longer');
    watch.close();
  });

  test('a page whose state is gone offers to go on with the present one', async () => {
    const page = (await list('limit=2')).body;
    await api.ask('DELETE', `${maps}/c`);
    await compact();
    const { code, body } = await list(`limit=2&continue=${page.metadata.continue}`);
    assert.deepEqual([code, body.reason], [410, 'Expired']);
    assert.match(body.message, /^The provided continue parameter is too old to display a consistent list result\. /);
    const rest = (await list(`limit=2&continue=${body.metadata.continue}`)).body;
    assert.equal(namesOf(rest.items), 'd');
    assert.ok(BigInt(rest.metadata.resourceVersion) > BigInt(page.metadata.resourceVersion));
    const exact = await list(`resourceVersion=${before}&resourceVersionMatch=Exact`);
    assert.deepEqual(
      [exact.code, exact.body.reason, exact.body.message],
      [410, 'Expired', 'The resourceVersion for the provided list is too old.'],
    );
  });

  /** Lets etcd forget all that is past. */
  async function compact(): Promise<void> {
    const { resourceVersion } = (await list('')).body.metadata;
    const answer = await fetch(`${api.etcd.endpoint}/v3/kv/compaction`, {
      method: 'POST',
      body: JSON.stringify({ revision: resourceVersion }),
    });
    assert.equal(answer.status, 200);
  }
});
