import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Metadata, Server } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { followTls } from '#lib/env/live-tls.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import { makeLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import { channelCredentials, serverCredentials } from './grpc-tls.ts';

const path = '/test/Echo';
const bytes = (value: Buffer) => value;

suite('gRPC over certificates that change', () => {
  let folder: string;
  let authority: KeyPair;
  let server: Server;
  let port: number;
  let logged: string[];
  let live: Record<'server' | 'client', LiveTls>;
  const clients = new Set<Client>();
  const file = (name: string) => join(folder, name);
  const env = () => ({
    ...makeRealEnv({ service: 'test' }),
    log: makeLog({ level: 'info', format: 'text', now: Date.now, write: (line) => logged.push(line) }),
  });

  const put = (name: string, text: string) => {
    writeFileSync(file(`${name}.new`), text);
    renameSync(file(`${name}.new`), file(name));
  };
  const lay = async (name: 'server' | 'client', commonName: string, by = authority) => {
    const pair = await issue(by, { commonName, dnsNames: ['localhost'], usages: ['server', 'client'] }, Date.now());
    put(`${name}.key`, pair.keyPem);
    put(`${name}.crt`, pair.certPem);
    return pair;
  };
  const follow = (name: string) =>
    followTls({ caFile: file(`${name}-ca.crt`), certFile: file(`${name}.crt`), keyFile: file(`${name}.key`) }, env());
  const connect = () => {
    const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.ssl_target_name_override': 'localhost' };
    const client = new Client(`127.0.0.1:${port}`, channelCredentials(live.client), options);
    clients.add(client);
    return client;
  };
  /** A stream whose answers say as whom the server knows the client. */
  const open = (client: Client) => {
    const stream = client.makeBidiStreamRequest(path, bytes, bytes, new Metadata());
    const answers = stream[Symbol.asyncIterator]();
    return async () => {
      stream.write(Buffer.from('who'));
      return String((await answers.next()).value);
    };
  };
  const until = async (condition: () => boolean) => {
    const deadline = Date.now() + 10_000;
    while (!condition()) {
      assert.ok(Date.now() < deadline, logged.join('\n'));
      await sleep(10);
    }
  };

  setup(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wherry-tls-'));
    logged = [];
    authority = await makeAuthority('first', Date.now());
    for (const name of ['server', 'client']) put(`${name}-ca.crt`, authority.certPem);
    await Promise.all([lay('server', 'old-server'), lay('client', 'old-client')]);
    live = { server: follow('server'), client: follow('client') };
    server = new Server();
    server.addService(
      { echo: { path, requestStream: true, responseStream: true, ...serializers } },
      {
        echo(call: ServerDuplexStream<Buffer, Buffer>) {
          const name = call.getAuthContext().sslPeerCertificate?.subject.CN;
          call.on('data', () => call.write(Buffer.from(String(name))));
          call.on('end', () => call.end());
          call.on('error', () => {});
        },
      },
    );
    port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', serverCredentials(live.server), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
  });
  teardown(() => {
    for (const client of clients) client.close();
    clients.clear();
    server.forceShutdown();
    for (const one of Object.values(live)) one.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a stream goes on, and the next connection shows the new certificates', async () => {
    const ask = open(connect());
    assert.equal(await ask(), 'old-client');
    const [before, after] = [live.server.current.cert, live.client.current.cert];
    await Promise.all([lay('server', 'new-server'), lay('client', 'new-client')]);
    await until(() => live.server.current.cert !== before && live.client.current.cert !== after);
    assert.equal(await ask(), 'old-client');
    assert.equal(await open(connect())(), 'new-client');
  });

  test('who was known by another authority is known no more, once its certificates are replaced', async () => {
    const ask = open(connect());
    assert.equal(await ask(), 'old-client');
    const next = await makeAuthority('second', Date.now());
    // Both are trusted while everyone gets a certificate of the second, and then the second alone.
    const both = `${authority.certPem}${next.certPem}`;
    for (const name of ['server', 'client']) put(`${name}-ca.crt`, both);
    await lay('server', 'new-server', next);
    await until(() => String(live.client.current.ca) === both && String(live.server.current.ca) === both);
    assert.equal(await open(connect())(), 'old-client');
    put('server-ca.crt', next.certPem);
    await until(() => String(live.server.current.ca) === next.certPem);
    await assert.rejects(open(connect())());
    await lay('client', 'new-client', next);
    await until(() => logged.filter((line) => line.includes('client.crt') && line.includes('Took over')).length >= 2);
    assert.equal(await open(connect())(), 'new-client');
  });

  test('half a pair, or a file cut short, changes nothing and is told of', async () => {
    const { keyPem } = await issue(authority, { commonName: 'x', usages: ['server'] }, Date.now());
    const before = live.server.current;
    put('server.key', keyPem);
    await until(() => logged.some((line) => line.includes("the key is another certificate's")));
    put('server-ca.crt', authority.certPem.slice(0, 200));
    put('client-ca.crt', '');
    await until(() => logged.some((line) => line.includes('it holds no certificate')));
    assert.equal(live.server.current, before);
    assert.equal(await open(connect())(), 'old-client');
    put('server-ca.crt', authority.certPem);
    await lay('server', 'new-server');
    await until(() => live.server.current !== before);
    assert.ok(!logged.join('\n').includes('PRIVATE KEY'));
  });

  test('a server without certificates, and files that do not fit at first, are refused', async () => {
    put('other.crt', (await issue(authority, { commonName: 'x', usages: ['server'] }, Date.now())).certPem);
    const files = { caFile: file('server-ca.crt'), certFile: file('other.crt'), keyFile: file('server.key') };
    assert.throws(() => followTls(files, env()), /the key is another certificate's/);
    const bare = followTls({ caFile: file('server-ca.crt') }, env());
    assert.throws(() => serverCredentials(bare), /certFile and keyFile are required/);
    bare.close();
  });
});

const serializers = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};
