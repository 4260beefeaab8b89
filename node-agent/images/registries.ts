/**
 * `registries.yaml` as k3s has it: mirrors of registries, and how to log in and speak TLS.
 *
 *     mirrors:
 *       docker.io:                             # "*" for all registries that have none of their own
 *         endpoint: [https://mirror.example:5000, http://other.example/v2/hub]
 *         rewrite: { "^library/(.*)": "hub/$1" }
 *     configs:
 *       mirror.example:5000:                   # a registry's or an endpoint's host
 *         auth: { username: u, password: p }   # or auth: base64 of u:p
 *         tls: { ca_file: f, cert_file: f, key_file: f, insecure_skip_verify: false }
 */
import { authOf } from './keyring.ts';
import type { Reference } from './reference.ts';
import type { RegistryAuth } from './types.ts';

export interface RegistryTls {
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** Takes whatever certificate the registry shows. */
  isUnchecked: boolean;
}

interface Mirror {
  endpoints: string[];
  /** Tried in order; the first that fits changes the repository's path. */
  rewrites: { from: RegExp; to: string }[];
}

export interface Registries {
  mirrors: ReadonlyMap<string, Mirror>;
  configs: ReadonlyMap<string, { auth?: RegistryAuth; tls?: RegistryTls }>;
}

/** A place to ask for a repository. */
export interface Endpoint {
  /** With the version: `https://mirror.example:5000/v2`. */
  url: string;
  /** As users name it, for credentials. */
  host: string;
  /** The repository there. */
  path: string;
  isOrigin: boolean;
  auth?: RegistryAuth;
  tls?: RegistryTls;
}

export const noRegistries: Registries = { mirrors: new Map(), configs: new Map() };

/** Reads the parsed file, whose scalars may all be strings, as Go reads them. Throws an Error that names what cannot be meant. */
export function readRegistries(document: unknown): Registries {
  const { mirrors, configs, ...others } = record(isNothing(document) ? {} : document, 'the file');
  refuseOthers(others, 'the file');
  return {
    mirrors: new Map(entries(mirrors, 'mirrors').map(([host, value]) => [host, readMirror(value, `mirrors.${host}`)])),
    configs: new Map(entries(configs, 'configs').map(([host, value]) => [host, readConfig(value, `configs.${host}`)])),
  };
}

/** Where to ask for an image, in order: its mirrors, then the registry itself, which no rewrite touches. */
export function endpointsFor(reference: Reference, { mirrors, configs }: Registries): Endpoint[] {
  const { host, path } = reference;
  const mirror = mirrors.get(host) ?? mirrors.get('*');
  const withConfig = (endpoint: Endpoint): Endpoint => {
    const config = configs.get(endpoint.host) ?? configs.get(new URL(endpoint.url).host) ?? configs.get('*');
    return { ...endpoint, ...(config?.auth && { auth: config.auth }), ...(config?.tls && { tls: config.tls }) };
  };
  const rewrite = mirror?.rewrites.find(({ from }) => from.test(path));
  const rewritten = rewrite ? path.replace(rewrite.from, rewrite.to) : path;
  const origin = host === 'docker.io' ? 'registry-1.docker.io' : host;
  return [
    ...(mirror?.endpoints ?? []).map((address) => {
      const url = baseOf(address);
      return withConfig({ url, host: new URL(url).host, path: rewritten, isOrigin: false });
    }),
    withConfig({ url: baseOf(origin), host, path, isOrigin: true }),
  ];
}

/** `/v2` is added to an address without a path. A loopback address without a scheme speaks plain HTTP, as in Docker. */
function baseOf(address: string): string {
  const host = address.replace(/:\d+$/, '');
  const isLoopback = host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
  const url = /^https?:\/\//.test(address) ? address : `${isLoopback ? 'http' : 'https'}://${address}`;
  const { pathname } = new URL(url);
  return pathname === '/' ? `${url.replace(/\/+$/, '')}/v2` : url.replace(/\/+$/, '');
}

function readMirror(value: unknown, at: string): Mirror {
  const { endpoint, rewrite, ...others } = record(value, at);
  refuseOthers(others, at);
  const endpoints = (Array.isArray(endpoint) ? endpoint : endpoint === undefined ? [] : [endpoint]).map(
    (address: unknown) => {
      if (typeof address !== 'string' || !URL.canParse(/:\/\//.test(address) ? address : `https://${address}`))
        throw new Error(`${at}.endpoint: ${JSON.stringify(address)} is no address`);
      if (/:\/\//.test(address) && !/^https?:\/\//.test(address))
        throw new Error(`${at}.endpoint: ${address} is neither http nor https`);
      return address;
    },
  );
  const rewrites = entries(rewrite, `${at}.rewrite`).map(([from, to]) => {
    if (typeof to !== 'string') throw new Error(`${at}.rewrite: ${from} wants a text`);
    try {
      // Go also writes ${1} for $1.
      return { from: new RegExp(from), to: to.replaceAll(/\$\{(\d+)\}/g, '$$$1') };
    } catch (error) {
      throw new Error(`${at}.rewrite: ${from} is no regular expression`, { cause: error });
    }
  });
  return { endpoints, rewrites };
}

function readConfig(value: unknown, at: string): { auth?: RegistryAuth; tls?: RegistryTls } {
  const { auth, tls, ...others } = record(isNothing(value) ? {} : value, at);
  refuseOthers(others, at);
  return {
    ...(auth !== undefined && { auth: readAuth(auth, `${at}.auth`) }),
    ...(tls !== undefined && { tls: readTls(tls, `${at}.tls`) }),
  };
}

function readAuth(value: unknown, at: string): RegistryAuth {
  const { username, password, auth, ...others } = record(value, at);
  refuseOthers(others, at);
  const found = authOf({
    ...(typeof username === 'string' && { username }),
    ...(typeof password === 'string' && { password }),
    ...(typeof auth === 'string' && { auth }),
  });
  // Without the value: it may be a secret.
  if (!found) throw new Error(`${at} wants a username and a password, or auth`);
  return found;
}

function readTls(value: unknown, at: string): RegistryTls {
  const { ca_file, cert_file, key_file, insecure_skip_verify = false, ...others } = record(value, at);
  refuseOthers(others, at);
  if (!['true', 'false'].includes(String(insecure_skip_verify)))
    throw new Error(`${at}.insecure_skip_verify wants true or false`);
  if ((cert_file === undefined) !== (key_file === undefined))
    throw new Error(`${at} wants cert_file and key_file together`);
  const file = (name: string, path: unknown) => {
    if (path === undefined || path === '') return undefined;
    if (typeof path !== 'string' || !path.startsWith('/')) throw new Error(`${at}.${name} wants a full path`);
    return path;
  };
  const [caFile, certFile, keyFile] = [
    file('ca_file', ca_file),
    file('cert_file', cert_file),
    file('key_file', key_file),
  ];
  return {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
    isUnchecked: String(insecure_skip_verify) === 'true',
  };
}

/** A word that we do not know may be one that we misread, or a way to log in that would silently not happen. */
function refuseOthers(others: object, at: string): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw new Error(`${at} has the unknown field "${name}"`);
}

function entries(value: unknown, at: string): [string, unknown][] {
  return isNothing(value) ? [] : Object.entries(record(value, at));
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${at} wants fields`);
  return value as Record<string, unknown>;
}
