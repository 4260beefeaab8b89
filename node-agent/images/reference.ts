/** Image names: grammar and defaults of Docker's and containerd's `reference` packages. */
import { PullError } from './types.ts';

/** A name with its defaults filled in. */
export interface Reference {
  /** Registry as users name it: `docker.io`, `registry.k8s.io`, `127.0.0.1:5000`. */
  host: string;
  /** Repository on it: `library/nginx`. */
  path: string;
  /** '' when only a digest is given. */
  tag: string;
  /** `sha256:...` or ''. Wins over the tag. */
  digest: string;
}

const hostPattern =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const partPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[\w][\w.-]{0,127}$/;
const digestPattern = /^sha256:[a-f0-9]{64}$/;
const longestName = 255;

/** Reads a name as a pod has it. Throws PullError InvalidImageName with the kubelet's sentence. */
export function parseReference(name: string): Reference {
  const at = name.indexOf('@');
  const digest = at < 0 ? '' : name.slice(at + 1);
  const rest = at < 0 ? name : name.slice(0, at);
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const tag = hasTag ? rest.slice(colon + 1) : '';
  const repository = hasTag ? rest.slice(0, colon) : rest;
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const host = isHost ? normalHost(first) : 'docker.io';
  const bare = isHost ? repository.slice(slash + 1) : repository;
  if (/^[a-f0-9]{64}$/.test(name)) throw invalid(name, 'cannot specify 64-byte hexadecimal strings');
  if (name === '' || !hostPattern.test(host) || (hasTag && !tagPattern.test(tag))) throw invalid(name);
  if (at >= 0 && !digestPattern.test(digest)) throw invalid(name);
  if (!bare.split('/').every((part) => partPattern.test(part)))
    throw bare
      .toLowerCase()
      .split('/')
      .every((part) => partPattern.test(part))
      ? invalid(name, `repository name (${withLibrary(host, bare)}) must be lowercase`)
      : invalid(name);
  const path = withLibrary(host, bare);
  if (path.length > longestName) throw invalid(name, `repository name must not be more than ${longestName} characters`);
  return { host, path, tag: tag || (digest ? '' : 'latest'), digest };
}

/** `docker.io/library/nginx`. */
export function repositoryOf(reference: Reference): string {
  return `${reference.host}/${reference.path}`;
}

/** The name in full, as containerd's messages have it. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag ? `:${reference.tag}` : '';
  const digest = reference.digest ? `@${reference.digest}` : '';
  return `${repositoryOf(reference)}${tag}${digest}`;
}

/** What the name is stored under: by digest when it has one, since that alone decides. */
export function storedName(reference: Reference): string {
  return formatReference(reference.digest ? { ...reference, tag: '' } : reference);
}

function normalHost(host: string): string {
  return host === 'index.docker.io' ? 'docker.io' : host;
}

function withLibrary(host: string, path: string): string {
  return host === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
}

function invalid(name: string, because = ''): PullError {
  const reason = because ? `invalid reference format: ${because}` : 'invalid reference format';
  return new PullError(
    'InvalidImageName',
    `Failed to apply default image tag "${name}": couldn't parse image name "${name}": ${reason}`,
  );
}
