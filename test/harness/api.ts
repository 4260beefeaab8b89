/** For tests: a whole API server in this process, on ephemeral ports, over a real etcd, and ways to talk to it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { makeRealEnv } from '#lib/env/real.ts';
import { issue, makeAuthority, makeSigningKey } from '#lib/pki/certificates.ts';
import { startEtcd } from './etcd.ts';
import type { TestEtcd } from './etcd.ts';
import { start } from '../../apiserver/start.ts';
import type { ApiServer, ApiServerConfig } from '../../apiserver/start.ts';

export interface Answer {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
  /** The body as JSON; tests read it loosely. */
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export interface AskOptions {
  body?: unknown;
  headers?: Record<string, string>;
  /** 'admin' by client certificate when absent; '' for nobody; else a bearer token. */
  token?: string;
  /** Another server over the same etcd, which is asked instead. */
  url?: string;
}

export interface TestApi {
  etcd: TestEtcd;
  server: ApiServer;
  config: ApiServerConfig;
  url: string;
  folder: string;
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
  /** Reads a stream's lines as JSON until `close`. */
  watch(path: string, headers?: Record<string, string>): Promise<WatchReader>;
  /** A session of HTTP/2 with the admin's certificate. */
  http2(): ClientHttp2Session;
  /** Stops the server and starts another on the same etcd. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface WatchReader {
  code: number;
  /** The next event; rejects when none comes within a while. Undefined at the end of the stream. */
  // oxlint-disable-next-line typescript/no-explicit-any
  next(): Promise<any>;
  close(): void;
}

const patienceMs = 10_000;

/** The keys, certificates and configuration of an API server on a free port, with an admin's certificate beside them. */
export interface ApiFiles {
  config: ApiServerConfig;
  caPem: string;
  adminCertPem: string;
  adminKeyPem: string;
}

/** Writes them into `folder`. */
export async function makeApiFiles(folder: string, etcdEndpoint: string): Promise<ApiFiles> {
  const file = (name: string) => join(folder, name);
  const now = Date.now();
  const [authority, signing] = await Promise.all([makeAuthority('test', now), makeSigningKey()]);
  const [own, admin] = await Promise.all([
    issue(authority, { commonName: 'kube-apiserver', ipAddresses: ['127.0.0.1'], usages: ['server', 'client'] }, now),
    issue(authority, { commonName: 'admin', organizations: ['system:masters'], usages: ['client'] }, now),
  ]);
  const files = {
    'ca.crt': authority.certPem,
    'ca.key': authority.keyPem,
    'server.crt': own.certPem,
    'server.key': own.keyPem,
    'admin.crt': admin.certPem,
    'admin.key': admin.keyPem,
    'service-account.key': signing.privatePem,
    'tokens.csv': 'file-token,bob,b1,"dev,ops"\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(file(name), text, { mode: 0o600 });
  const config: ApiServerConfig = {
    listen: [{ host: '127.0.0.1', port: 0 }],
    grpc: { socket: file('api.sock') },
    etcd: { endpoints: [etcdEndpoint] },
    pki: {
      caFile: file('ca.crt'),
      certFile: file('server.crt'),
      keyFile: file('server.key'),
      serviceAccountKeyFile: file('service-account.key'),
    },
    tokenFile: file('tokens.csv'),
    serviceCidr: '10.43.0.0/16',
    clusterDomain: 'cluster.local',
    advertise: { host: '10.99.0.1', port: 6443 },
  };
  return { config, caPem: authority.certPem, adminCertPem: admin.certPem, adminKeyPem: admin.keyPem };
}

/**
 * The configuration of another server over the same etcd, with a socket of this name: on a free port, told to the cluster under an address of its
 * own.
 */
export function configBeside(
  { config, folder }: Pick<TestApi, 'config' | 'folder'>,
  name: string,
  host: string,
): ApiServerConfig {
  return {
    ...config,
    listen: [{ host: '127.0.0.1', port: 0 }],
    grpc: { socket: join(folder, `${name}.sock`) },
    advertise: { host, port: 6443 },
  };
}

/** `prepare` may change the configuration, and add files to its folder, before the server starts. */
export async function startTestApi(
  prepare: (config: ApiServerConfig, folder: string) => void = () => {},
): Promise<TestApi> {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-api-'));
  const etcd = await startEtcd();
  const { config, caPem, adminCertPem, adminKeyPem } = await makeApiFiles(folder, etcd.endpoint);
  const env = makeRealEnv({ service: 'test' });
  prepare(config, folder);
  let server = await start(config, env);
  config.listen = [{ host: '127.0.0.1', port: server.address.port }];
  const url = `https://127.0.0.1:${server.address.port}`;
  const tls = { ca: caPem };
  const asAdmin = { ...tls, cert: adminCertPem, key: adminKeyPem };
  const agents = { admin: new Agent({ ...asAdmin, keepAlive: true }), other: new Agent({ ...tls, keepAlive: true }) };
  const sessions = new Set<ClientHttp2Session>();

  const open = (method: string, path: string, { body, headers, token, url: server = url }: AskOptions) => {
    const agent = token === undefined ? agents.admin : agents.other;
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(textOf(body));
    const sending = request(server + path, {
      method,
      agent,
      headers: {
        ...(body !== undefined && !Buffer.isBuffer(body) && { 'content-type': 'application/json' }),
        ...(bytes && { 'content-length': bytes.length }),
        ...(token && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
    sending.end(bytes);
    return sending;
  };

  return {
    etcd,
    get server() {
      return server;
    },
    config,
    url,
    folder,

    async ask(method, path, options = {}) {
      const sending = open(method, path, options);
      const [response] = await once(sending, 'response');
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      const { 'content-type': type, 'content-encoding': encoding } = response.headers;
      const isJson = bytes.length > 0 && String(type).includes('json') && encoding === undefined;
      return {
        code: response.statusCode,
        headers: response.headers,
        bytes,
        body: isJson ? JSON.parse(bytes.toString()) : undefined,
      };
    },

    async watch(path, headers = {}) {
      const sending = open('GET', path, { headers });
      const [response] = await once(sending, 'response');
      const lines = createInterface({ input: response })[Symbol.asyncIterator]();
      return {
        code: response.statusCode,
        async next() {
          const cancel = setTimeout(() => sending.destroy(new Error('No event came')), patienceMs);
          const line = await lines.next();
          clearTimeout(cancel);
          return line.done ? undefined : JSON.parse(line.value);
        },
        close: () => sending.destroy(),
      };
    },

    http2() {
      const session = connect(url, asAdmin);
      sessions.add(session);
      return session;
    },

    async restart() {
      await server.stop();
      server = await start(config, env);
    },

    async stop() {
      for (const session of sessions) session.destroy();
      for (const agent of Object.values(agents)) agent.destroy();
      await server.stop();
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const textOf = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));
