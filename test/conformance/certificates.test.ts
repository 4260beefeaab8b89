/** Certificates that change under a running server: files replaced as an operator, or the cluster's own renewal, replaces them. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingMessage } from 'node:http';
import tls from 'node:tls';
import { issue, makeAuthority, makeSigningKey } from '#lib/pki/certificates.ts';
import type { KeyPair, LeafRequest } from '#lib/pki/certificates.ts';
import type { TestApi } from '../harness/api.ts';
import { eventually, operatedApi, replaceFile } from './operated.ts';
import { spaceIn } from './server.ts';

suite('certificates that change', function () {
  this.timeout(60_000);
  const name = 'certificates';
  const configMaps = `/api/v1/namespaces/${name}/configmaps`;
  const ownRequest: LeafRequest = {
    commonName: 'kube-apiserver',
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
  };
  let api: TestApi;
  let authority: KeyPair;
  let original: Record<string, string>;
  suiteSetup(async () => {
    api = await operatedApi();
    authority = { certPem: textOf('ca.crt'), keyPem: textOf('ca.key') };
    original = Object.fromEntries(['ca.crt', 'server.crt', 'server.key'].map((file) => [file, textOf(file)]));
    await spaceIn(api, name);
  });
  teardown(async () => {
    for (const [file, text] of Object.entries(original)) replaceFile(join(api.folder, file), text);
    await eventually(
      'the first certificate is served again',
      async () => (await served()) === serialOf(original['server.crt']!),
    );
    await eventually('the first authority counts again', async () => (await statusFor(await adminPair())) === 200);
  });

  const textOf = (file: string) => readFileSync(join(api.folder, file), 'utf8');
  const serialOf = (pem: string) => new X509Certificate(pem).serialNumber;
  const adminPair = () =>
    issue(authority, { commonName: 'jo', organizations: ['system:masters'], usages: ['client'] }, Date.now());
  /** The serial number of the certificate that a new connection is shown. */
  const served = async () => {
    const { hostname, port } = new URL(api.url);
    const socket = tls.connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  /** The status of a request by this client, over a new connection or by this agent. */
  const statusFor = async (client: KeyPair, agent: Agent | false = false) => {
    const options = { cert: client.certPem, key: client.keyPem, rejectUnauthorized: false, agent };
    const sending = request(`${api.url}${configMaps}`, options).end();
    const [response] = (await once(sending, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };

  test('a new certificate is shown to new connections, and old watches go on', async () => {
    const watch = await api.watch(`${configMaps}?watch=true&fieldSelector=metadata.name%3Dseen`);
    const session = api.http2();
    await once(session, 'connect');
    const next = await issue(authority, ownRequest, Date.now());
    replaceFile(join(api.folder, 'server.key'), next.keyPem);
    replaceFile(join(api.folder, 'server.crt'), next.certPem);
    await eventually('the new certificate is served', async () => (await served()) === serialOf(next.certPem));
    await api.ask('POST', configMaps, { body: { metadata: { name: 'seen' } } });
    const { type, object } = await watch.next();
    assert.deepEqual([type, object.metadata.name], ['ADDED', 'seen']);
    watch.close();
    const stream = session.request({ ':path': configMaps });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers[':status'], 200);
    stream.close();
    session.close();
  });

  test('a pair that is half written is not served', async () => {
    const next = await issue(authority, ownRequest, Date.now());
    const before = await served();
    replaceFile(join(api.folder, 'server.crt'), next.certPem);
    // Long enough for a server that would take it over, on most machines; on none would it fail without a fault.
    for (let i = 0; i < 20; i++) {
      assert.equal(await served(), before);
      await sleep(10);
    }
    replaceFile(join(api.folder, 'server.key'), next.keyPem);
    await eventually('the whole pair is served', async () => (await served()) === serialOf(next.certPem));
  });

  test('another authority lets its clients in, and keeps those of the first out', async () => {
    const other = await makeAuthority('other', Date.now());
    const [ours, theirs] = await Promise.all([
      adminPair(),
      issue(other, { commonName: 'jo', organizations: ['system:masters'], usages: ['client'] }, Date.now()),
    ]);
    assert.equal(await statusFor(ours), 200);
    assert.equal(await statusFor(theirs), 401);
    replaceFile(join(api.folder, 'ca.crt'), `${authority.certPem}${other.certPem}`);
    await eventually('both are let in', async () => (await statusFor(theirs)) === 200);
    assert.equal(await statusFor(ours), 200);
    await eventually('servers that extend the API are told', async () => {
      const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
      const { body } = await api.ask('GET', path);
      return body.data['client-ca-file'] === `${authority.certPem}${other.certPem}`;
    });
    replaceFile(join(api.folder, 'ca.crt'), other.certPem);
    await eventually('the first is kept out', async () => (await statusFor(ours)) === 401);
    assert.equal(await statusFor(theirs), 200);
  });

  test('service accounts’ tokens may be signed by another key from one moment on', async () => {
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default/token`;
    const newToken = async () => (await api.ask('POST', account, { body: {} })).body.status.token as string;
    const keyOf = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid as string;
    const isGood = async (token: string) => (await api.ask('GET', '/apis', { token })).code === 200;
    const keysShown = async () =>
      (await api.ask('GET', '/openid/v1/jwks')).body.keys.map(({ kid }: { kid: string }) => kid) as string[];
    const file = join(api.folder, 'service-account.key');
    const old = textOf('service-account.key');
    const before = await newToken();
    replaceFile(join(api.folder, 'former.key'), old);
    replaceFile(file, (await makeSigningKey()).privatePem);
    await eventually('the new key signs', async () => keyOf(await newToken()) !== keyOf(before));
    const after = await newToken();
    assert.ok(await isGood(after));
    await eventually('the former is believed', async () => isGood(before));
    assert.deepEqual(await keysShown(), [keyOf(after), keyOf(before)]);
    replaceFile(join(api.folder, 'former.key'), (await makeSigningKey()).privatePem);
    await eventually('the former is believed no more', async () => !(await isGood(before)));
    assert.ok(await isGood(after));
    replaceFile(join(api.folder, 'former.key'), old);
    replaceFile(file, old);
    await eventually('the first key signs again', async () => keyOf(await newToken()) === keyOf(before));
  });

  test('a connection that is open is judged by the authorities of now, and by the end of its certificate', async () => {
    const agents = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
    const [agent, other] = agents as [Agent, Agent];
    const ours = await adminPair();
    assert.equal(await statusFor(ours, agent), 200);
    const [socket] = Object.values(agent.freeSockets).flat();
    const strange = await makeAuthority('strange', Date.now());
    replaceFile(join(api.folder, 'ca.crt'), strange.certPem);
    await eventually('it is kept out', async () => (await statusFor(ours, agent)) === 401);
    replaceFile(join(api.folder, 'ca.crt'), `${strange.certPem}${authority.certPem}`);
    await eventually('it is let in again', async () => (await statusFor(ours, agent)) === 200);
    assert.equal(Object.values(agent.freeSockets).flat()[0], socket, 'all over one connection');

    const yearMs = 365 * 24 * 60 * 60 * 1000;
    const request = { commonName: 'jo', organizations: ['system:masters'], usages: ['client'] as const };
    const short = await issue(authority, request, Date.now() - yearMs + 3000);
    assert.equal(await statusFor(short, other), 200);
    await eventually('its end is heeded', async () => (await statusFor(short, other)) === 401);
    for (const one of agents) one.destroy();
  });
});
