/** The audit log, event by event: what upstream's holds of the same session. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { WebSocket } from 'ws';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { event as eventKind } from '#lib/kinds/event.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import type { TestApi } from '../harness/api.ts';
import type { AskOptions } from '../harness/api.ts';
import { eventually, operatedApi, replaceFile } from './operated.ts';
import { spaceIn } from './server.ts';

/** Events are read loosely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Event = Record<string, any>;

const env = makeRealEnv({ service: 'test', level: 'error' });

suite('audit log', function () {
  this.timeout(60_000);
  const name = 'audit';
  const space = `/api/v1/namespaces/${name}`;
  const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
  const bob = { username: 'bob', uid: 'b1', groups: ['dev', 'ops', 'system:authenticated'] };
  const allowed = { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' };
  const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, users: [admin], nonResourceURLs: ["/version*"]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}], omitManagedFields: true}
- {level: Request, resources: [{group: "", resources: [pods, pods/exec]}], omitStages: [RequestReceived]}
- {level: RequestResponse, resources: [{group: "", resources: [serviceaccounts]}]}
- {level: Metadata}
`;
  let api: TestApi;
  let count = 0;
  suiteSetup(async () => {
    api = await operatedApi();
    await spaceIn(api, name);
    await api.ask('POST', `${space}/secrets`, { body: { metadata: { name: 's' }, stringData: { word: 'hush' } } });
    replaceFile(api.config.audit!.policyFile, policy);
    await eventually('the policy holds', async () => {
      const id = newId();
      await ask(id, 'GET', '/api');
      return eventsOf(id).length > 0;
    });
  });
  suiteTeardown(async () => {
    rmSync(api.config.audit!.policyFile);
    await eventually('nothing is logged any more', async () => {
      const id = newId();
      await ask(id, 'GET', '/api');
      await new Promise((resolve) => setTimeout(resolve, 50));
      return eventsOf(id).length === 0;
    });
  });

  const newId = () => `audit-test-${count++}`;
  const ask = (id: string, method: string, path: string, { headers, ...options }: AskOptions = {}) =>
    api.ask(method, path, { ...options, headers: { 'user-agent': 'tester', ...headers, 'audit-id': id } });
  const textOfLog = () => {
    const { logFile } = api.config.audit!;
    return existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  };
  const eventsOf = (id: string): Event[] =>
    textOfLog()
      .split('\n')
      .filter((line) => line.includes(`"auditID":"${id}"`))
      .map((line) => JSON.parse(line) as Event);
  /** The events of a request once the last has come, without what differs from time to time, which is checked. */
  const told = async (id: string, last = 'ResponseComplete') => {
    await eventually(`${id} is told`, async () => eventsOf(id).at(-1)?.['stage'] === last);
    return eventsOf(id).map((event) => {
      const { kind, apiVersion, auditID, requestReceivedTimestamp, stageTimestamp, userAgent, sourceIPs, ...rest } =
        event;
      assert.deepEqual([kind, apiVersion, auditID, sourceIPs], ['Event', 'audit.k8s.io/v1', id, ['127.0.0.1']]);
      assert.equal(userAgent, 'tester');
      assert.match(requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      assert.ok(stageTimestamp >= requestReceivedTimestamp);
      if (rest['stage'] === 'RequestReceived') assert.equal(stageTimestamp, requestReceivedTimestamp);
      // The credential's id differs from run to run.
      delete rest['user']?.extra;
      return rest;
    });
  };

  test('a creation, with what was sent and what was answered', async () => {
    const id = newId();
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'b' } };
    const { body: answer } = await ask(id, 'POST', `${space}/configmaps?fieldManager=x`, { body });
    const objectRef = { resource: 'configmaps', namespace: name, apiVersion: 'v1' };
    const first = {
      level: 'RequestResponse',
      stage: 'RequestReceived',
      requestURI: `${space}/configmaps?fieldManager=x`,
      verb: 'create',
      user: admin,
      objectRef,
    };
    const { managedFields: _, ...metadata } = answer.metadata;
    assert.deepEqual(await told(id), [
      first,
      {
        ...first,
        stage: 'ResponseComplete',
        objectRef: { ...objectRef, name: 'c' },
        responseStatus: { metadata: {}, code: 201 },
        requestObject: body,
        responseObject: { ...answer, metadata },
        annotations: allowed,
      },
    ]);
  });

  test('a Secret that is read leaves nothing of what is in it', async () => {
    const id = newId();
    assert.equal((await ask(id, 'GET', `${space}/secrets/s`)).code, 200);
    const first = {
      level: 'Metadata',
      stage: 'RequestReceived',
      requestURI: `${space}/secrets/s`,
      verb: 'get',
      user: admin,
      objectRef: { resource: 'secrets', namespace: name, name: 's', apiVersion: 'v1' },
    };
    assert.deepEqual(await told(id), [
      first,
      { ...first, stage: 'ResponseComplete', responseStatus: { metadata: {}, code: 200 }, annotations: allowed },
    ]);
    assert.ok(!textOfLog().includes(Buffer.from('hush').toString('base64')));
  });

  test('an update tells which version it is of; at Metadata no more of it', async () => {
    const id = newId();
    const { body } = await api.ask('GET', `${space}/secrets/s`);
    await ask(id, 'PUT', `${space}/secrets/s`, { body });
    const [, { objectRef, requestObject }] = (await told(id)) as [Event, Event];
    const { uid, resourceVersion } = body.metadata;
    assert.deepEqual(objectRef, {
      resource: 'secrets',
      namespace: name,
      name: 's',
      uid,
      apiVersion: 'v1',
      resourceVersion,
    });
    assert.equal(requestObject, undefined);
  });

  test('a watch is told when it begins and when it ends', async () => {
    const id = newId();
    const path = `${space}/configmaps?watch=true&timeoutSeconds=1`;
    const watch = await api.watch(path, { 'audit-id': id, 'user-agent': 'tester' });
    await eventually('it has begun', async () => eventsOf(id).length === 2);
    watch.close();
    const common = {
      level: 'RequestResponse',
      requestURI: path,
      verb: 'watch',
      user: admin,
      objectRef: { resource: 'configmaps', namespace: name, apiVersion: 'v1' },
    };
    const status = { responseStatus: { metadata: {}, code: 200 }, annotations: allowed };
    assert.deepEqual(await told(id), [
      { ...common, stage: 'RequestReceived' },
      { ...common, stage: 'ResponseStarted', ...status },
      { ...common, stage: 'ResponseComplete', ...status },
    ]);
  });

  test('a watch over WebSocket is told likewise, with the code of the upgrade', async () => {
    const id = newId();
    const [ca, cert, key] = ['ca.crt', 'admin.crt', 'admin.key'].map((file) => readFileSync(`${api.folder}/${file}`));
    const headers = { 'audit-id': id, 'user-agent': 'tester' };
    const url = `${api.url.replace('https:', 'wss:')}${space}/configmaps?watch=true`;
    const socket = new WebSocket(url, { ca, cert, key, headers });
    await once(socket, 'open');
    await eventually('it has begun', async () => eventsOf(id).length === 2);
    socket.close();
    assert.deepEqual(
      (await told(id)).map(({ stage, verb, responseStatus }) => [stage, verb, responseStatus?.code]),
      [
        ['RequestReceived', 'watch', undefined],
        ['ResponseStarted', 'watch', 101],
        ['ResponseComplete', 'watch', 101],
      ],
    );
  });

  test('a refusal is told with its Status and why', async () => {
    const id = newId();
    const { code, body } = await ask(id, 'GET', `${space}/secrets`, { token: 'file-token' });
    assert.equal(code, 403);
    const { status, message, reason, details } = body;
    const [, last] = (await told(id)) as [Event, Event];
    assert.deepEqual(last, {
      level: 'Metadata',
      stage: 'ResponseComplete',
      requestURI: `${space}/secrets`,
      verb: 'list',
      user: bob,
      objectRef: { resource: 'secrets', namespace: name, apiVersion: 'v1' },
      responseStatus: { metadata: {}, status, message, reason, details, code: 403 },
      annotations: { 'authorization.k8s.io/decision': 'forbid', 'authorization.k8s.io/reason': '' },
    });
  });

  test('a refused exec is told, though the connection was to be taken over', async () => {
    const id = newId();
    const sending = request(`${api.url}${space}/pods/p/exec?command=ls`, {
      rejectUnauthorized: false,
      headers: {
        authorization: 'Bearer file-token',
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': 'v4.channel.k8s.io',
        'user-agent': 'tester',
        'audit-id': id,
      },
    }).end();
    const [response] = await once(sending, 'response');
    response.resume();
    assert.equal(response.statusCode, 403);
    const events = await told(id);
    // The rule omits the first stage.
    assert.deepEqual(
      events.map(({ stage, verb, responseStatus }) => [stage, verb, responseStatus.code, responseStatus.reason]),
      [
        ['ResponseStarted', 'get', 403, 'Forbidden'],
        ['ResponseComplete', 'get', 403, 'Forbidden'],
      ],
    );
    assert.deepEqual(events[0]!['objectRef'], {
      resource: 'pods',
      namespace: name,
      name: 'p',
      apiVersion: 'v1',
      subresource: 'exec',
    });
  });

  test('impersonation tells both, and the rights are of whom the request is taken for', async () => {
    const id = newId();
    const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'dev' };
    assert.equal((await ask(id, 'GET', `${space}/services`, { headers })).code, 403);
    const [, { user, impersonatedUser, annotations }] = (await told(id)) as [Event, Event];
    assert.deepEqual(user, admin);
    assert.deepEqual(impersonatedUser, { username: 'jane', groups: ['dev', 'system:authenticated'] });
    assert.equal(annotations['authorization.k8s.io/decision'], 'forbid');

    const refused = newId();
    const asBob = { headers: { 'impersonate-user': 'jane' }, token: 'file-token' };
    assert.equal((await ask(refused, 'GET', `${space}/services`, asBob)).code, 403);
    const [, event] = (await told(refused)) as [Event, Event];
    assert.deepEqual([event['user'], event['impersonatedUser'], event['annotations']], [bob, undefined, undefined]);
  });

  test('a dry run is told as any other', async () => {
    const id = newId();
    const body = { metadata: { name: 'dry', namespace: name }, data: {} };
    assert.equal((await ask(id, 'POST', `${space}/configmaps?dryRun=All`, { body })).code, 201);
    const [, last] = (await told(id)) as [Event, Event];
    assert.deepEqual(
      [last['requestURI'], last['responseStatus']],
      [`${space}/configmaps?dryRun=All`, { metadata: {}, code: 201 }],
    );
    assert.deepEqual(last['requestObject'], body);
    assert.equal(last['responseObject'].metadata.name, 'dry');
  });

  test('a patch is told as it was sent, and a deletion with its options and its Status', async () => {
    const patched = newId();
    const headers = { 'content-type': 'application/merge-patch+json' };
    await ask(patched, 'PATCH', `${space}/configmaps/c`, { body: { data: { x: 'y' } }, headers });
    const [, patch] = (await told(patched)) as [Event, Event];
    assert.deepEqual([patch['verb'], patch['requestObject']], ['patch', { data: { x: 'y' } }]);
    assert.deepEqual(patch['responseObject'].data, { a: 'b', x: 'y' });

    const id = newId();
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' };
    const { body } = await ask(id, 'DELETE', `${space}/configmaps/c`, { body: options });
    const [, last] = (await told(id)) as [Event, Event];
    assert.deepEqual(last['requestObject'], options);
    assert.deepEqual(last['responseStatus'], { metadata: {}, status: 'Success', details: body.details, code: 200 });
    assert.deepEqual(last['responseObject'], body);
  });

  test('lists, tables and protobuf are told as JSON of what was answered', async () => {
    const forms = [
      ['application/json', 'ConfigMapList'],
      ['application/vnd.kubernetes.protobuf', 'ConfigMapList'],
      ['application/json;as=Table;g=meta.k8s.io;v=v1', 'Table'],
    ] as const;
    for (const [accept, kind] of forms) {
      const id = newId();
      assert.equal((await ask(id, 'GET', `${space}/configmaps`, { headers: { accept } })).code, 200);
      const [, last] = (await told(id)) as [Event, Event];
      assert.equal(last['responseObject'].kind, kind);
      assert.ok(!JSON.stringify(last['responseObject']).includes('managedFields'));
    }
  });

  test('a list is told whole, owners of fields and all, where the policy does not leave them out', async () => {
    const labelled = { metadata: { name: 'labelled', labels: { a: 'b' } } };
    await api.ask('POST', `${space}/serviceaccounts`, { body: labelled });
    const id = newId();
    const { body } = await ask(id, 'GET', `${space}/serviceaccounts?fieldSelector=metadata.name%3Dlabelled`);
    const [, last] = (await told(id)) as [Event, Event];
    assert.deepEqual(last['responseObject'], body);
    assert.ok(body.items[0].metadata.managedFields.length > 0);
  });

  test('a token that is asked for can be followed by its id', async () => {
    const [issued, used] = [newId(), newId()];
    const { body } = await ask(issued, 'POST', `${space}/serviceaccounts/default/token`, { body: {} });
    const [, { annotations, level }] = (await told(issued)) as [Event, Event];
    assert.equal(level, 'Metadata');
    await ask(used, 'GET', '/api', { token: body.status.token });
    await told(used);
    const id = annotations['authentication.kubernetes.io/issued-credential-id'];
    assert.match(id, /^JTI=[\w-]{36}$/);
    assert.deepEqual(eventsOf(used)[0]!['user'].extra['authentication.kubernetes.io/credential-id'], [id]);
    assert.ok(!textOfLog().includes(body.status.token));
  });

  test('who cannot be made out is told at one stage, as nobody', async () => {
    const id = newId();
    assert.equal((await ask(id, 'GET', `${space}/secrets`, { token: 'wrong' })).code, 401);
    assert.deepEqual(await told(id, 'ResponseStarted'), [
      {
        level: 'Metadata',
        stage: 'ResponseStarted',
        requestURI: `${space}/secrets`,
        verb: 'list',
        user: {},
        objectRef: { resource: 'secrets', namespace: name, apiVersion: 'v1' },
        responseStatus: {
          metadata: {},
          status: 'Failure',
          message: 'Unauthorized',
          reason: 'Unauthorized',
          code: 401,
        },
      },
    ]);
    assert.ok(!textOfLog().includes('Bearer'));
  });

  test('paths that are no resources are told by their method, and what the policy leaves out is not', async () => {
    const [silent, id] = [newId(), newId()];
    await ask(silent, 'GET', '/version');
    await ask(id, 'GET', '/version', { token: 'file-token' });
    const [first] = (await told(id)) as [Event];
    assert.deepEqual([first['verb'], first['requestURI'], first['objectRef']], ['get', '/version', undefined]);
    assert.deepEqual(eventsOf(silent), []);
  });

  test('Pod Security tells what it held a pod to, and what it would have refused', async () => {
    const restricted = {
      'pod-security.kubernetes.io/enforce': 'baseline',
      'pod-security.kubernetes.io/audit': 'restricted',
    };
    await api.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: 'audit-held', labels: restricted } } });
    await spaceIn(api, 'audit-held');
    const id = newId();
    const spec = { containers: [{ name: 'c', image: 'registry.local/app:1' }] };
    const pods = '/api/v1/namespaces/audit-held/pods';
    assert.equal((await ask(id, 'POST', pods, { body: { metadata: { name: 'p' }, spec } })).code, 201);
    const [{ annotations, requestObject, responseObject }] = (await told(id)) as [Event];
    assert.equal(annotations['pod-security.kubernetes.io/enforce-policy'], 'baseline:latest');
    assert.match(
      annotations['pod-security.kubernetes.io/audit-violations'],
      /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false /,
    );
    assert.deepEqual([requestObject.spec, responseObject], [spec, undefined]);
  });

  test('what components do by gRPC is told as the requests of REST that it stands for', async () => {
    const client = connect({ address: `unix:${api.config.grpc.socket}`, user: 'system:kube-scheduler' }, env);
    const before = textOfLog().length;
    const toldOf = (verb: string, resource: string, stage = 'ResponseComplete') =>
      textOfLog()
        .slice(before)
        .split('\n')
        .filter((line) => line.includes('"userAgent":"wherry-grpc"') && line.includes(`"stage":"${stage}"`))
        .map((line) => JSON.parse(line) as Event)
        .find((event) => event['verb'] === verb && event['objectRef'].resource === resource);
    const abort = new AbortController();
    const batches = client.watch([{ kind: podKind }], { signal: abort.signal })[Symbol.asyncIterator]();
    await batches.next();
    await assert.rejects(client.get(secretKind, { namespace: name, name: 's' }), /forbidden/);
    const draft = { metadata: { name: 'e', namespace: name }, involvedObject: { namespace: name }, reason: 'Tested' };
    await client.create(eventKind, draft);
    abort.abort();
    await batches.next().catch(() => undefined);
    await eventually('the watch is told', async () => toldOf('watch', 'pods') !== undefined);
    client.close();
    const user = { username: 'system:kube-scheduler', groups: ['system:authenticated'] };
    const { annotations: _, ...refused } = toldOf('get', 'secrets')!;
    assert.deepEqual(
      [refused['user'], refused['requestURI'], refused['responseStatus'].reason, refused['responseStatus'].code],
      [user, `${space}/secrets/s`, 'Forbidden', 403],
    );
    const created = toldOf('create', 'events')!;
    assert.deepEqual(
      [created['requestURI'], created['objectRef'].name, created['responseStatus']],
      [`${space}/events`, 'e', { metadata: {}, code: 201 }],
    );
    assert.match(
      created['annotations']['authorization.k8s.io/reason'],
      /^RBAC: allowed by ClusterRoleBinding "system:kube-scheduler"/,
    );
    assert.equal(toldOf('watch', 'pods', 'ResponseStarted')!['requestURI'], '/api/v1/pods?watch=true');
  });

  test('the events are counted', async () => {
    const { bytes } = await api.ask('GET', '/metrics');
    const value = (series: string) => Number(bytes.toString().split(`\n${series} `)[1]?.split('\n', 1)[0]);
    assert.ok(value('apiserver_audit_event_total') > 10);
    assert.ok(value('apiserver_audit_level_total{level="RequestResponse"}') > 3);
    assert.ok(value('apiserver_audit_level_total{level="None"}') > 0);
    assert.equal(value('apiserver_audit_error_total{plugin="log"}'), 0);
  });
});
