/** Registry credentials by repository, matched as upstream's `pkg/credentialprovider` keyring does. Pure. */
import type { Credentials, RegistryAuth } from './types.ts';

/** One registry's entry in Docker's config files. */
export interface DockerEntry {
  username?: string;
  password?: string;
  /** base64 of `username:password`; wins over both. */
  auth?: string;
}

/** By address: `registry.example.com`, `*.example.com:5000/team`, `https://index.docker.io/v1/`. */
export type DockerAuths = Readonly<Record<string, DockerEntry>>;

interface Place {
  /** Host labels with `*`, `?` and `[...]`. */
  labels: RegExp[];
  port: string;
  path: string;
}

const dockerHub = 'index.docker.io';

/**
 * All credentials that fit a repository like `docker.io/library/nginx`, those of the longest address first and of one address in the order
 * given. Entries of Docker Hub's old address serve only when no other fits. Entries that cannot be read are left out.
 */
export function makeKeyring(configs: readonly DockerAuths[]): Credentials {
  const known = new Map<string, RegistryAuth[]>();
  for (const [address, entry] of configs.flatMap((config) => Object.entries(config))) {
    const key = keyOf(address);
    const auth = authOf(entry);
    if (key !== undefined && auth) known.set(key, [...(known.get(key) ?? []), auth]);
  }
  const keys = [...known.keys()].sort().toReversed();
  const places = keys.map((key) => ({ key, place: placeOf(key) }));
  return (repository) => {
    const found = places.filter(({ place }) => matches(place, repository)).flatMap(({ key }) => known.get(key)!);
    if (found.length > 0) return found;
    return repository.startsWith('docker.io/') ? (known.get(dockerHub) ?? []) : [];
  };
}

/** The entries of a `.dockerconfigjson` or a node's `config.json`. Throws SyntaxError for what is no JSON. */
export function readDockerConfig(text: string): DockerAuths {
  const { auths } = asRecord(JSON.parse(text));
  return asRecord(auths) as DockerAuths;
}

/** The entries of a `.dockercfg`, which has no level around them. */
export function readDockercfg(text: string): DockerAuths {
  return asRecord(JSON.parse(text)) as DockerAuths;
}

export function authOf(entry: DockerEntry): RegistryAuth | undefined {
  const { username, password, auth } = asRecord(entry);
  if (typeof auth === 'string' && auth !== '') {
    const text = decode(auth);
    const colon = text?.indexOf(':') ?? -1;
    return colon < 0 ? undefined : { username: text!.slice(0, colon), password: text!.slice(colon + 1) };
  }
  return typeof username === 'string' && typeof password === 'string' ? { username, password } : undefined;
}

/** Without scheme, and without the version that Docker's own addresses have. */
function keyOf(address: string): string | undefined {
  const url = /^https?:\/\//.test(address) ? address.replace(/^https?:\/\//, '') : address;
  const slash = url.indexOf('/');
  const host = slash < 0 ? url : url.slice(0, slash);
  const path = (slash < 0 ? '' : url.slice(slash)).replace(/^\/v[12](?=\/)/, '');
  if (host === '' && path === '') return undefined;
  return path === '/' ? host : host + path;
}

function placeOf(key: string): Place {
  const slash = key.indexOf('/');
  const { name, port } = splitHost(slash < 0 ? key : key.slice(0, slash));
  return { labels: name.split('.').map(globOf), port, path: slash < 0 ? '' : key.slice(slash) };
}

function matches({ labels, port, path }: Place, repository: string): boolean {
  const slash = repository.indexOf('/');
  const target = splitHost(repository.slice(0, slash));
  const parts = target.name.split('.');
  return (
    port === target.port &&
    parts.length === labels.length &&
    repository.slice(slash).startsWith(path) &&
    labels.every((label, index) => label.test(parts[index]!))
  );
}

function splitHost(host: string): { name: string; port: string } {
  const colon = host.endsWith(']') ? -1 : host.lastIndexOf(':');
  if (colon < 0) return { name: host, port: '' };
  return { name: host.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: host.slice(colon + 1) };
}

/** Go's `filepath.Match` for one label. A pattern that is broken fits nothing. */
function globOf(label: string): RegExp {
  const source = label.replaceAll(
    /\[(\^?)([^\]]+)\]|\*|\?|[^*?[]|\[/g,
    (part, not: string, set: string | undefined) => {
      if (part === '*') return '.*';
      if (part === '?') return '.';
      if (set !== undefined) return `[${not}${set.replaceAll(/[\\\]^]/g, String.raw`\$&`)}]`;
      return part.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
    },
  );
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /(?!)/;
  }
}

function decode(base64: string): string | undefined {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64));
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
