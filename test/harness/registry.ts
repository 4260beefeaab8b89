/** A real registry for tests: Debian's docker-registry on an ephemeral loopback port, with a storage folder of its own. */
import { spawn, execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The one account of a registry with `auth`. */
export const account = { username: 'sailor', password: 'sesame' };
/** bcrypt of the password. */
const passwordHash = '$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW';

export interface TestRegistry {
  /** `HOST:PORT`. */
  readonly address: string;
  readonly port: number;
  /** Uploads a blob. Resolves to its digest. */
  pushBlob(repository: string, body: Buffer): Promise<string>;
  /** Uploads a manifest or index under a tag. Resolves to its digest. */
  pushManifest(repository: string, tag: string, body: Buffer, mediaType: string): Promise<string>;
  /** The file in which the registry keeps a blob, for spoiling. */
  blobFile(digest: string): string;
  /** How often this path was asked for with success. */
  served(path: string): number;
  stop(): Promise<void>;
}

/** How long it may take until it answers. */
const startLimitMs = 10_000;

export async function startRegistry({
  auth,
  host = '127.0.0.1',
}: { auth?: 'basic' | 'token'; host?: string } = {}): Promise<TestRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-registry-'));
  const port = await freePort();
  const address = `${host}:${port}`;
  const issuer = auth === 'token' ? await startIssuer(folder, address) : undefined;
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(configOf(folder, address, auth, issuer?.url)));
  writeFileSync(join(folder, 'htpasswd'), `${account.username}:${passwordHash}\n`);
  const child = spawn('/usr/bin/docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (log += text));
  const removeAtExit = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', removeAtExit);
  await untilAnswers(address, child);

  const send = async (method: string, url: string, body: Buffer | undefined, mediaType: string, repository: string) => {
    const headers: Record<string, string> = { 'content-type': mediaType };
    if (auth === 'basic') headers['authorization'] = basic();
    if (issuer) headers['authorization'] = `Bearer ${issuer.token(`repository:${repository}:pull,push`)}`;
    const answer = await fetch(url, { method, headers, ...(body && { body: new Uint8Array(body) }) });
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
    return answer;
  };

  return {
    address,
    port,
    async pushBlob(repository, body) {
      const digest = digestOf(body);
      const begun = await send('POST', `http://${address}/v2/${repository}/blobs/uploads/`, undefined, '', repository);
      const target = new URL(begun.headers.get('location')!, `http://${address}`);
      target.searchParams.set('digest', digest);
      await send('PUT', target.href, body, 'application/octet-stream', repository);
      return digest;
    },
    async pushManifest(repository, tag, body, mediaType) {
      await send('PUT', `http://${address}/v2/${repository}/manifests/${tag}`, body, mediaType, repository);
      return digestOf(body);
    },
    blobFile: (digest) =>
      join(folder, 'data/docker/registry/v2/blobs/sha256', digest.slice(7, 9), digest.slice(7), 'data'),
    served: (path) => log.split('\n').filter((line) => line.includes(`"GET ${path} `) && / 20[06] /.test(line)).length,
    async stop() {
      process.off('exit', removeAtExit);
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await issuer?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configOf(folder: string, address: string, auth: 'basic' | 'token' | undefined, realm: string | undefined) {
  const service = { realm: 'test', path: join(folder, 'htpasswd') };
  return {
    version: 0.1,
    log: { accesslog: { disabled: false }, level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: address, secret: 'test' },
    ...(auth === 'basic' && { auth: { htpasswd: service } }),
    ...(auth === 'token' && {
      auth: { token: { realm, service: 'test', issuer: 'test', rootcertbundle: join(folder, 'issuer.pem') } },
    }),
  };
}

/** What gives out tokens to those who know the account: a service of its own, as with the large registries. */
async function startIssuer(folder: string, audience: string) {
  const key = join(folder, 'issuer.key');
  const certificate = join(folder, 'issuer.pem');
  const options = ['-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=issuer', '-days', '1'];
  execFileSync('openssl', ['req', '-x509', ...options, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const der = readFileSync(certificate, 'utf8').replaceAll(/-----[^-]+-----|\s/g, '');
  const token = (scope: string) => {
    const [type, name, actions = ''] = scope.split(':');
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'test', sub: '', aud: 'test', exp: now + 300, nbf: now - 60, iat: now, jti: audience };
    const access = [{ type, name, actions: actions.split(',') }];
    const signed = [
      { typ: 'JWT', alg: 'RS256', x5c: [der] },
      { ...claims, access },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const signature = sign('RSA-SHA256', Buffer.from(signed.join('.')), readFileSync(key)).toString('base64url');
    return [...signed, signature].join('.');
  };
  const server = http.createServer((request, response) => {
    const scope = new URL(request.url!, 'http://issuer').searchParams.get('scope') ?? '';
    const known = request.headers.authorization === basic();
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? { token: token(scope) } : {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    token,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

function basic(): string {
  return `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`;
}

function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

async function untilAnswers(address: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startLimitMs;
  for (;;) {
    try {
      await fetch(`http://${address}/v2/`);
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error('docker-registry does not answer', { cause: error });
      await sleep(25);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
