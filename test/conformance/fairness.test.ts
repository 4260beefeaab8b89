/** API priority and fairness over HTTP: who is served, who waits, and who is told to come back. Counted, not timed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { Etcd3 } from 'etcd3';
import { configMap } from '#lib/kinds/config-map.ts';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const group = '/apis/flowcontrol.apiserver.k8s.io/v1';
const [schemas, levels] = [`${group}/flowschemas`, `${group}/prioritylevelconfigurations`];
const everything = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }];
const everyPath = [{ verbs: ['*'], nonResourceURLs: ['*'] }];
const patienceMs = 15_000;

/** Places that a flow has to wait in: by them one that was served in the order of arrival would see who was before it. */
const placesOfFlow = 4 * 25;

suite('API priority and fairness', function () {
  this.timeout(60_000);
  let space: Space;
  let api: TestApi;
  const made: string[] = [];

  const as = (user: string) => ({ headers: { 'impersonate-user': user } });
  const create = async (path: string, body: object): Promise<Answer['body']> => {
    const { code, body: object } = await api.ask('POST', path, { body });
    assert.equal(code, 201, JSON.stringify(object));
    made.push(`${path}/${object.metadata.name}`);
    return object;
  };
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline;) {
      if (await isSo()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail(`Not so after ${patienceMs} ms: ${what}`);
  };
  const createMap = async (name: string, sizeBytes: number) => {
    const body = { metadata: { name }, data: { text: 'x'.repeat(sizeBytes) } };
    assert.equal((await api.ask('POST', `${space.path}/configmaps`, { body })).code, 201);
  };
  const createLevel = (name: string, limited: object) =>
    create(levels, {
      metadata: { name },
      spec: { type: 'Limited', limited: { nominalConcurrencyShares: 1, ...limited } },
    });
  const createSchema = async (name: string, level: string, ...users: string[]) => {
    const subjects = users.map((user) => ({ kind: 'User', user: { name: user } }));
    const schema = await create(schemas, {
      metadata: { name },
      spec: {
        priorityLevelConfiguration: { name: level },
        matchingPrecedence: 700,
        distinguisherMethod: { type: 'ByUser' },
        rules: [{ subjects, resourceRules: everything, nonResourceRules: everyPath }],
      },
    });
    await until('the schema is heeded', async () => {
      const { headers } = await api.ask('GET', '/version', as(users[0]!));
      return headers['x-kubernetes-pf-flowschema-uid'] === schema.metadata.uid;
    });
    return schema;
  };
  const dump = async (what: string) => {
    const { bytes } = await api.ask('GET', `/debug/api_priority_and_fairness/dump_${what}`);
    return bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/, */));
  };

  suiteSetup(async () => {
    space = await makeSpace('fairness');
    ({ api } = space);
    for (let i = 0; i < 40; i++) await createMap(`map-${i}`, 500);
    const rules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
    const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/fairness';
    await create(`${roles}/roles`, { metadata: { name: 'all' }, rules });
    await create(`${roles}/rolebindings`, {
      metadata: { name: 'all' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'all' },
      subjects: ['noisy', 'quiet', 'calm', 'slow'].map((name) => ({
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'User',
        name,
      })),
    });
    await createLevel('fairness-narrow', {
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 4, queueLengthLimit: 25 } },
    });
    await createSchema('fairness-narrow', 'fairness-narrow', 'noisy', 'quiet', 'calm');
  });

  suiteTeardown(async () => {
    for (const path of made.toReversed()) await api?.ask('DELETE', path);
  });

  test('a noisy client gets 429 once its queues are full, and a quiet one its answers all the while', async () => {
    const agent = new Agent({ ...adminOf(api), keepAlive: true, maxSockets: 300 });
    const answers: { code: number; headers: Answer['headers']; text: string }[] = [];
    const over = new AbortController();
    /** Asks for one expensive list after the other: YAML is made for each reader anew. */
    const makeNoise = async () => {
      while (!over.signal.aborted) {
        const headers = { ...as('noisy').headers, accept: 'application/yaml' };
        const sending = request(`${api.url}${space.path}/configmaps`, { agent, headers });
        sending.end();
        const [response] = await once(sending, 'response');
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        const text = Buffer.concat(chunks).toString();
        answers.push({ code: response.statusCode, headers: response.headers, text: text.slice(0, 100) });
        // Who is refused asks again later, as clients do.
        if (response.statusCode === 429) await new Promise((resolve) => setTimeout(resolve, 500));
      }
    };
    const noise = Array.from({ length: 300 }, makeNoise);
    await until('the noisy one fills its queues', async () => answers.some(({ code }) => code === 429));
    const served = () => answers.filter(({ code }) => code === 200).length;

    // One at a time, each of them waits for a few of the noisy one's; served in order it would be for all that wait.
    const waits: number[] = [];
    for (let i = 0; i < 20; i++) {
      const before = served();
      const path = i % 2 === 0 ? `${space.path}/configmaps/map-${i}` : `${space.path}/configmaps?limit=5`;
      const { code } = await api.ask('GET', path, as('quiet'));
      assert.equal(code, 200, `number ${i}`);
      waits.push(served() - before);
    }
    assert.ok(Math.max(...waits) <= placesOfFlow / 4, `waited for ${waits.join(', ')}`);

    // Writes and watches of another are served likewise.
    const { code } = await api.ask('PATCH', `${space.path}/configmaps/map-0`, {
      body: { data: { more: 'y' } },
      headers: { ...as('calm').headers, 'content-type': 'application/merge-patch+json' },
    });
    assert.equal(code, 200);
    const watch = await api.watch(`${space.path}/configmaps?watch=1`, as('calm').headers);
    assert.equal((await watch.next()).type, 'ADDED');
    // One that has begun holds no seat.
    assert.equal((await api.ask('GET', `${space.path}/configmaps/map-0`, as('quiet'))).code, 200);

    // Administrators and our own components never wait: nothing is between them and their answers.
    for (let i = 0; i < 10; i++) assert.equal((await api.ask('GET', `${space.path}/configmaps/map-${i}`)).code, 200);
    const component = connect({ address: `unix:${api.folder}/api.sock` }, makeRealEnv({ service: 'test' }));
    for (let i = 0; i < 10; i++) {
      const before = served();
      await component.get(configMap, { namespace: 'fairness', name: `map-${i}` });
      assert.ok(served() - before <= placesOfFlow / 4, `a component waited for ${served() - before}`);
    }
    component.close();

    const rows = await dump('requests?includeRequestDetails=1');
    const mine = rows.filter(([level]) => level === 'fairness-narrow');
    assert.ok(mine.filter(([, , , position]) => position === '-1').length <= 1, 'one seat');
    assert.ok(mine.length > 10 && mine.length <= placesOfFlow + 2, `${mine.length}`);
    const queues = await dump('queues');
    assert.ok(queues.filter(([level, , waiting]) => level === 'fairness-narrow' && waiting !== '0').length <= 6);

    over.abort();
    await Promise.all(noise);
    watch.close();
    agent.destroy();
    const refused = answers.filter(({ code }) => code === 429);
    assert.deepEqual(new Set(answers.map(({ code }) => code)), new Set([200, 429]));
    for (const { headers, text } of refused.slice(0, 5)) {
      assert.equal(text, 'Too many requests, please try again later.\n');
      assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
      assert.match(String(headers['retry-after']), /^\d+$/);
    }
    assert.equal(refused[0]?.headers['retry-after'], '1');
    const metrics = (await api.ask('GET', '/metrics')).bytes.toString();
    const metric = (name: string, more = '') =>
      Number(
        new RegExp(`^apiserver_flowcontrol_${name}\\{priority_level="fairness-narrow"${more}.*\\} (\\S+)$`, 'm').exec(
          metrics,
        )?.[1],
      );
    assert.equal(metric('nominal_limit_seats'), 1);
    // On a slow machine some waited too long for a place that they had.
    const rejected = metrics.matchAll(
      /^apiserver_flowcontrol_rejected_requests_total\{priority_level="fairness-narrow",.*reason="(queue-full|time-out)"\} (\d+)$/gm,
    );
    const counts = new Map([...rejected].map(([, reason, count]) => [reason, Number(count)]));
    assert.ok(counts.get('queue-full')! > 0);
    assert.equal(
      [...counts.values()].reduce((sum, count) => sum + count, 0),
      refused.length,
    );
    const terminations =
      /^apiserver_request_terminations_total\{verb="LIST",.*resource="configmaps".*code="429"\} (\d+)$/m;
    assert.equal(Number(terminations.exec(metrics)?.[1]), refused.length);
    assert.equal(metric('current_inqueue_requests'), 0);
    assert.equal(metric('current_executing_requests'), 0);
  });

  test('a client that is slow to send its body, or to read its answer, keeps nobody from a seat', async () => {
    await createLevel('fairness-slow', { borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } });
    await createSchema('fairness-slow', 'fairness-slow', 'slow');
    const agent = new Agent({ ...adminOf(api), maxSockets: 20 });
    const ask = (method: string, path: string, headers = {}) =>
      request(`${api.url}${path}`, { agent, method, headers: { ...as('slow').headers, ...headers } });

    const senders = Array.from({ length: 10 }, (_, i) => {
      const body = JSON.stringify({ metadata: { name: `slow-${i}` } });
      const headers = { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' };
      const sending = ask('POST', `${space.path}/configmaps`, headers);
      sending.flushHeaders();
      return { sending, body, goOn: once(sending, 'continue') };
    });
    await Promise.all(senders.map(({ goOn }) => goOn));
    for (const { sending, body } of senders) sending.write(body.slice(0, 10));
    for (let i = 0; i < 5; i++) assert.equal((await api.ask('GET', '/version', as('slow'))).code, 200);
    for (const { sending, body } of senders) {
      const answered = once(sending, 'response');
      sending.end(body.slice(10));
      const [response] = await answered;
      response.resume();
      await once(response, 'end');
      assert.equal(response.statusCode, 201);
    }

    // Over HTTP/2 requests begin and end in other ways.
    const session = api.http2();
    for (let i = 0; i < 10; i++) {
      const stream = session.request({ ':path': '/version', 'impersonate-user': 'slow' });
      const [headers] = await once(stream, 'response');
      stream.resume();
      await once(stream, 'close');
      assert.equal(headers[':status'], 200);
    }
    session.close();

    // More than the connection takes without being read.
    for (let i = 0; i < 14; i++) await createMap(`large-${i}`, 900_000);
    const reading = ask('GET', `${space.path}/configmaps`);
    reading.on('error', () => {});
    reading.end();
    const [unread] = await once(reading, 'response');
    assert.equal(unread.statusCode, 200);
    await until('others are served', async () => (await api.ask('GET', '/version', as('slow'))).code === 200);
    assert.equal(unread.complete, false);
    reading.destroy();
    for (let i = 0; i < 14; i++) await api.ask('DELETE', `${space.path}/configmaps/large-${i}`);
    agent.destroy();
  });

  test('every seat comes back, however requests end', async () => {
    const agent = new Agent({ ...adminOf(api), maxSockets: 60 });
    const session = api.http2();
    const list = `${space.path}/configmaps`;
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const ways: ((i: number) => Promise<unknown>)[] = [
      // Given up while it waits, while it is served, and while it is answered.
      async (i) => {
        const sending = request(`${api.url}${list}`, {
          agent,
          headers: { ...as('noisy').headers, accept: 'application/yaml' },
        });
        sending.on('error', () => {});
        sending.end();
        await pause(i % 40);
        sending.destroy();
      },
      async (i) => {
        const stream = session.request({ ':path': list, 'impersonate-user': 'noisy', accept: 'application/yaml' });
        stream.on('error', () => {});
        await pause(i % 40);
        stream.close(8);
      },
      // A body that is cut short, and one that is none.
      async (i) => {
        const headers = { ...as('noisy').headers, 'content-type': 'application/json', 'content-length': 100 };
        const sending = request(`${api.url}${list}`, { agent, method: 'POST', headers });
        sending.on('error', () => {});
        sending.write('{');
        await pause(i % 20);
        sending.destroy();
      },
      () => api.ask('POST', list, { ...as('noisy'), body: 'x' }),
      // Refused, not found, not allowed, and gone with the client.
      () => api.ask('GET', '/api/v1/namespaces/kube-system/secrets', as('noisy')),
      () => api.ask('GET', `${list}/none`, as('noisy')),
      () => api.ask('PUT', '/version', as('noisy')),
      async () => (await api.watch(`${list}?watch=1`, as('noisy').headers)).close(),
      () => api.ask('GET', `${list}?timeout=1ms`, as('noisy')),
    ];
    for (let round = 0; round < 12; round++) await Promise.all(ways.map((end, i) => end(round * ways.length + i)));
    session.destroy();
    agent.destroy();
    await until('the level is idle', async () => {
      const row = (await dump('priority_levels')).find(([name]) => name === 'fairness-narrow')!;
      return row[2] === 'true' && row[4] === '0' && row[5] === '0';
    });
    const metrics = (await api.ask('GET', '/metrics')).bytes.toString();
    for (const name of ['executing_requests', 'executing_seats', 'inqueue_requests', 'inqueue_seats']) {
      const of = `apiserver_flowcontrol_current_${name}{priority_level="fairness-narrow",flow_schema="fairness-narrow"} `;
      assert.ok(metrics.includes(`${of}0\n`), name);
    }
  });

  test('a schema made at run time takes effect, and says whether its level is there', async () => {
    const spec = (level: string) => ({
      priorityLevelConfiguration: { name: level },
      rules: [{ subjects: [{ kind: 'User', user: { name: 'runtime' } }], nonResourceRules: everyPath }],
    });
    const schema = await create(schemas, { metadata: { name: 'fairness-runtime' }, spec: spec('fairness-later') });
    const path = `${schemas}/fairness-runtime`;
    const isDangling = (status: string) => async () => {
      const { body } = await api.ask('GET', path);
      return body.status.conditions?.[0]?.type === 'Dangling' && body.status.conditions[0].status === status;
    };
    const uidsFor = async (user: string) => {
      const { headers } = await api.ask('GET', '/healthzz', as(user));
      return [headers['x-kubernetes-pf-flowschema-uid'], headers['x-kubernetes-pf-prioritylevel-uid']];
    };
    await until('the level is found missing', isDangling('True'));
    const usual = await uidsFor('runtime');
    assert.deepEqual(await uidsFor('somebody'), usual);
    assert.ok(
      usual.every((uid) => /^[\da-f-]{36}$/.test(String(uid))),
      String(usual),
    );
    const level = await createLevel('fairness-later', { limitResponse: { type: 'Reject' } });
    await until('the level is found', isDangling('False'));
    assert.deepEqual(await uidsFor('runtime'), [schema.metadata.uid, level.metadata.uid]);
    assert.deepEqual(await uidsFor('somebody'), usual);
    const { body: table } = await api.ask('GET', path, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    const names = table.columnDefinitions.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['Name', 'PriorityLevel', 'MatchingPrecedence', 'DistinguisherMethod', 'Age', 'MissingPL']);
    assert.equal(table.rows[0].cells.at(-1), 'False');
    await api.ask('DELETE', path);
    await until('it holds no more', async () => (await uidsFor('runtime'))[0] === usual[0]);
  });

  for (const [path, spec, patch, isPatched] of [
    [
      schemas,
      {
        matchingPrecedence: 10000,
        priorityLevelConfiguration: { name: 'global-default' },
        distinguisherMethod: { type: 'ByUser' },
        rules: [{ subjects: [{ kind: 'User', user: { name: 'nobody-at-all' } }], nonResourceRules: everyPath }],
      },
      { matchingPrecedence: 9999 },
      (object: Answer['body']) => object.spec.matchingPrecedence === 9999,
    ],
    [
      levels,
      { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } },
      { limited: { nominalConcurrencyShares: 4 } },
      (object: Answer['body']) => object.spec.limited.nominalConcurrencyShares === 4,
    ],
  ] as const) {
    test(`${path.split('/').at(-1)} can be used as upstream’s conformance tests do`, async () => {
      const labels = { 'fairness-e2e': 'yes' };
      const selected = `${path}?labelSelector=fairness-e2e%3Dyes`;
      const { body: discovered } = await api.ask('GET', group);
      const resources = discovered.resources.map(({ name }: { name: string }) => name);
      const plural = path.split('/').at(-1)!;
      assert.ok(resources.includes(plural) && resources.includes(`${plural}/status`));
      const object = { metadata: { generateName: 'fairness-e2e-', labels }, spec };
      await api.ask('POST', path, { body: object });
      await api.ask('POST', path, { body: object });
      const { body: created } = await api.ask('POST', path, { body: object });
      const own = `${path}/${created.metadata.name}`;
      assert.equal((await api.ask('GET', own)).body.metadata.uid, created.metadata.uid);
      const { body: list } = await api.ask('GET', selected);
      assert.equal(list.items.length, 3);
      const watch = await api.watch(`${selected}&watch=1&resourceVersion=${list.metadata.resourceVersion}`);

      const { body: patched } = await space.patch(own, { metadata: { annotations: { patched: 'true' } }, spec: patch });
      assert.ok(isPatched(patched) && patched.metadata.annotations.patched === 'true');
      assert.equal(patched.metadata.generation, 2);
      await until('an update meets no other', async () => {
        const { body: latest } = await api.ask('GET', own);
        latest.metadata.annotations.updated = 'true';
        const { code, body } = await api.ask('PUT', own, { body: latest });
        return code === 200 && body.metadata.annotations.updated === 'true';
      });
      for (let isSeen = false; !isSeen;) {
        const event = await watch.next();
        assert.equal(event.type, 'MODIFIED');
        isSeen = event.object.metadata.annotations?.patched === 'true';
      }
      watch.close();

      assert.equal((await api.ask('GET', `${own}/status`)).body.metadata.uid, created.metadata.uid);
      const condition = { type: 'PatchStatusFailed', status: 'False', reason: 'e2e' };
      const metadata = { annotations: { patched: 'by status' } };
      const { body: told } = await space.patch(`${own}/status`, { metadata, status: { conditions: [condition] } });
      assert.ok(told.status.conditions.some(({ type }: { type: string }) => type === condition.type));
      assert.equal(told.metadata.annotations.patched, 'true', 'a write of the status leaves the metadata alone');
      await until('an update of the status meets no other', async () => {
        const { body: latest } = await api.ask('GET', own);
        latest.status.conditions.push({
          type: 'StatusUpdateFailed',
          status: 'False',
          reason: 'E2E',
          message: 'Set from a test',
        });
        const { code, body } = await api.ask('PUT', `${own}/status`, { body: latest });
        return (
          code === 200 && body.status.conditions.some(({ type }: { type: string }) => type === 'StatusUpdateFailed')
        );
      });

      assert.equal((await api.ask('DELETE', own)).code, 200);
      assert.equal((await api.ask('GET', own)).code, 404);
      assert.equal((await api.ask('GET', selected)).body.items.length, 2);
      assert.equal((await api.ask('DELETE', selected)).code, 200);
      assert.equal((await api.ask('GET', selected)).body.items.length, 0);
    });
  }

  test('kubectl shows schemas in the order in which they are tried, and what each level may serve', async () => {
    const table = async (path: string) => {
      const { body } = await api.ask('GET', path, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      });
      return body.rows.map(({ cells }: { cells: unknown[] }) => cells);
    };
    const rows = await table(schemas);
    const starting = ['exempt', 'probes', 'system-leader-election', 'endpoint-controller', 'workload-leader-election'];
    assert.deepEqual(
      rows.slice(0, 5).map(([name]: string[]) => name),
      starting,
    );
    const precedences: number[] = rows.map(([, , precedence]: number[]) => precedence);
    assert.deepEqual(
      precedences,
      precedences.toSorted((a, b) => a - b),
    );
    const [low] = (await table(levels)).filter(([name]: string[]) => name === 'workload-low');
    assert.deepEqual(low.slice(0, -1), ['workload-low', 'Limited', 100, 128, 6, 50]);
  });

  test('an object that nobody can make sense of is not heeded, and keeps no other from being', async () => {
    const etcd = new Etcd3({ hosts: api.etcd.endpoint });
    for (const [folder, spec] of Object.entries({ flowschemas: { rules: 5 }, prioritylevelconfigurations: {} })) {
      const object = {
        apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
        kind: 'x',
        metadata: { name: 'fairness-odd', uid: 'u' },
        spec,
      };
      const key = `/registry/flowcontrol.apiserver.k8s.io/${folder}/fairness-odd`;
      await etcd.put(key).value(JSON.stringify(object));
    }
    etcd.close();
    await createSchema('fairness-beside', 'workload-low', 'beside');
    for (const path of [schemas, levels]) assert.equal((await api.ask('DELETE', `${path}/fairness-odd`)).code, 200);
  });

  test('what is mandatory cannot be changed, and comes back when it is deleted', async () => {
    const { code, body } = await space.patch(`${schemas}/catch-all`, { spec: { matchingPrecedence: 9000 } });
    assert.equal(code, 422);
    assert.match(body.message, /spec of 'catch-all' must equal the fixed value/);
    assert.equal((await api.ask('DELETE', `${levels}/catch-all`)).code, 200);
    // Without its object the level holds all the same.
    assert.equal((await api.ask('GET', '/version', as('somebody'))).code, 200);
    assert.ok((await dump('priority_levels')).some(([name]) => name === 'catch-all'));
  });
});

function adminOf({ folder }: TestApi) {
  const file = (name: string) => readFileSync(`${folder}/${name}`);
  return { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
}
