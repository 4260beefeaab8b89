/** Admission by webhooks: who is asked, in which order, what they may change, and how refusals and failures are told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Answer, TestApi } from '../harness/api.ts';
import { eventually } from '../harness/eventually.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const base = '/apis/admissionregistration.k8s.io/v1';
const mergeType = 'application/merge-patch+json';

interface Request {
  uid: string;
  operation: string;
  name?: string;
  namespace?: string;
  kind: object;
  resource: { resource: string };
  userInfo: { username: string };
  object: { metadata: { name: string; labels?: Record<string, string> }; data?: Record<string, string> } | null;
  oldObject: object | null;
  dryRun: boolean;
}
type Answerer = (request: Request) => object | undefined;

suite('webhooks', () => {
  let space: Space;
  let api: TestApi;
  let server: Server;
  let url: string;
  let caBundle: string;
  const answerers = new Map<string, Answerer>();
  const asked: { path: string; request: Request }[] = [];

  suiteSetup(async () => {
    space = await makeSpace('hooked');
    ({ api } = space);
    const { certFile, keyFile, caFile } = api.config.pki;
    caBundle = readFileSync(caFile).toString('base64');
    server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
      void text(request).then((body) => {
        const [path = ''] = (request.url ?? '').split('?');
        const review = JSON.parse(body) as { apiVersion: string; kind: string; request: Request };
        asked.push({ path, request: review.request });
        const answer = answerers.get(path)?.(review.request);
        if (!answer) return response.writeHead(500).end('broken');
        const { apiVersion, kind } = review;
        response.end(JSON.stringify({ apiVersion, kind, response: { uid: review.request.uid, ...answer } }));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await api.ask('PATCH', '/api/v1/namespaces/hooked', {
      body: { metadata: { labels: { hooks: 'yes' } } },
      headers: { 'content-type': mergeType },
    });
  });
  suiteTeardown(() => {
    server.closeAllConnections();
    server.close();
  });
  teardown(async () => {
    for (const plural of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
      await api.ask('DELETE', `${base}/${plural}`);
    }
    answerers.clear();
    asked.length = 0;
  });

  const webhook = (path: string, more: object = {}) => ({
    name: `${path}.example.com`,
    clientConfig: { url: `${url}/${path}`, caBundle },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps'] }],
    namespaceSelector: { matchLabels: { hooks: 'yes' } },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 5,
    ...more,
  });
  /** Webhooks that take effect for the next request to this server. */
  async function configure(kind: 'Mutating' | 'Validating', ...webhooks: object[]): Promise<void> {
    const body = { metadata: { name: `c-${kind.toLowerCase()}` }, webhooks };
    const answer = await api.ask('POST', `${base}/${kind.toLowerCase()}webhookconfigurations`, { body });
    assert.equal(answer.code, 201, answer.body.message);
  }
  const allow: Answerer = () => ({ allowed: true });
  const patching =
    (...operations: object[]): Answerer =>
    () => ({
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
    });
  const ok = ({ code, body }: Answer) => {
    assert.ok(code < 300, body.message);
    return body;
  };
  const create = (name: string, more: object = {}, query = '') =>
    api.ask('POST', `${space.path}/configmaps${query}`, { body: { metadata: { name }, data: { a: '1' }, ...more } });

  test('change what is created and updated, one after another', async () => {
    await configure('Mutating', webhook('first', { reinvocationPolicy: 'IfNeeded' }), webhook('second'));
    answerers.set('/first', patching({ op: 'add', path: '/data/b', value: '2' }));
    answerers.set('/second', ({ object }) =>
      patching({ op: 'add', path: '/data/c', value: object?.data?.['b'] ?? 'none' })({} as Request),
    );
    assert.deepEqual(ok(await create('changed')).data, { a: '1', b: '2', c: '2' });
    assert.deepEqual(
      asked.map(({ path, request }) => [path, request.operation, request.name, request.namespace]),
      [
        ['/first', 'CREATE', 'changed', 'hooked'],
        ['/second', 'CREATE', 'changed', 'hooked'],
        ['/first', 'CREATE', 'changed', 'hooked'],
      ],
    );
    const [{ request } = assert.fail()] = asked;
    assert.deepEqual(request.kind, { group: '', version: 'v1', kind: 'ConfigMap' });
    assert.equal(request.oldObject, null);
    assert.equal(request.userInfo.username, 'admin');
    asked.length = 0;
    ok(await space.patch(`${space.path}/configmaps/changed`, { data: { d: '4' } }));
    assert.equal(asked[0]?.request.operation, 'UPDATE');
    assert.ok(asked[0]?.request.oldObject);
  });

  test('refuse, and are quoted', async () => {
    await configure(
      'Validating',
      webhook('deny', {
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'DELETE'], resources: ['configmaps'] }],
      }),
    );
    answerers.set('/deny', () => ({
      allowed: false,
      status: { code: 403, message: 'not today' },
      warnings: ['mind the gap'],
    }));
    const answer = await create('refused');
    assert.equal(answer.code, 403);
    assert.equal(answer.body.message, 'admission webhook "deny.example.com" denied the request: not today');
    assert.equal((await api.ask('GET', `${space.path}/configmaps/refused`)).code, 404);
    answerers.set('/deny', () => ({ allowed: false }));
    const silent = await create('refused');
    assert.deepEqual(
      [silent.code, silent.body.message],
      [400, 'admission webhook "deny.example.com" denied the request without explanation'],
    );
    answerers.set('/deny', () => ({ allowed: true, warnings: ['mind the gap'] }));
    const made = await create('let-in');
    assert.match(String(made.headers['warning']), /mind the gap/);
    answerers.set('/deny', ({ operation, object, oldObject }) => ({
      allowed: !(operation === 'DELETE' && object === null && oldObject !== null),
    }));
    assert.equal((await api.ask('DELETE', `${space.path}/configmaps/let-in`)).code, 400);
  });

  test('are asked by their rules, selectors and conditions alone', async () => {
    await configure(
      'Validating',
      webhook('other', { rules: [{ apiGroups: ['apps'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] }),
      webhook('elsewhere', { namespaceSelector: { matchLabels: { hooks: 'no' } } }),
      webhook('labelled', { objectSelector: { matchLabels: { wanted: 'yes' } } }),
      webhook('conditional', {
        matchConditions: [
          { name: 'big', expression: 'has(object.data) && object.data.a == "big" && request.operation == "CREATE"' },
        ],
      }),
    );
    for (const path of ['other', 'elsewhere', 'labelled', 'conditional']) answerers.set(`/${path}`, allow);
    const paths = async (name: string, more: object) => {
      asked.length = 0;
      ok(await create(name, more));
      return asked.map(({ path }) => path).sort();
    };
    assert.deepEqual(await paths('plain', {}), []);
    assert.deepEqual(await paths('labelled', { metadata: { name: 'labelled', labels: { wanted: 'yes' } } }), [
      '/labelled',
    ]);
    assert.deepEqual(await paths('big', { data: { a: 'big' } }), ['/conditional']);
  });

  test('that fail are told, or passed over, as they say', async () => {
    await configure('Validating', webhook('broken'));
    const failed = await create('failing');
    assert.equal(failed.code, 500);
    assert.match(
      failed.body.message,
      /^Internal error occurred: failed calling webhook "broken.example.com": failed to call webhook: Post "https:\/\/127.0.0.1:\d+\/broken\?timeout=5s": the server answered 500: broken$/,
    );
    await api.ask('DELETE', `${base}/validatingwebhookconfigurations`);
    await configure('Validating', webhook('broken', { failurePolicy: 'Ignore' }));
    ok(await create('failing'));
    await api.ask('DELETE', `${base}/validatingwebhookconfigurations`);
    await configure('Validating', webhook('unknown', { clientConfig: { url: `${url}/unknown` } }));
    const untrusted = await create('untrusted');
    assert.match(untrusted.body.message, /unable to verify|self.signed|certificate/);
  });

  test('with side effects are not tried out', async () => {
    await configure('Mutating', webhook('effects', { sideEffects: 'NoneOnDryRun' }));
    answerers.set('/effects', ({ dryRun }) =>
      patching({ op: 'add', path: '/data/dry', value: String(dryRun) })({} as Request),
    );
    assert.equal(ok(await create('dry', {}, '?dryRun=All')).data.dry, 'true');
    assert.equal(ok(await create('dry')).data.dry, 'false');
  });

  test('are never asked about what configures them', async () => {
    const everything = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }];
    await configure('Validating', webhook('all', { rules: everything, namespaceSelector: {} }));
    // It fails whatever it is asked, and can be taken away all the same.
    assert.equal((await create('stuck')).code, 500);
    assert.equal((await api.ask('DELETE', `${base}/validatingwebhookconfigurations/c-validating`)).code, 200);
    await eventually('it is gone', async () => (await create('stuck')).code === 201);
  });

  test('judge custom resources and what is applied too', async () => {
    await configure('Mutating', webhook('applied'));
    answerers.set('/applied', patching({ op: 'add', path: '/metadata/labels', value: { by: 'hook' } }));
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { a: '1' } };
    const made = await space.patch(
      `${space.path}/configmaps/applied?fieldManager=me`,
      config,
      'application/apply-patch+yaml',
    );
    assert.deepEqual(ok(made).metadata.labels, { by: 'hook' });
  });
});
