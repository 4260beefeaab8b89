/** Registry credentials from a pod's imagePullSecrets. Pure. */
import type { Secret } from '#lib/kinds/gen/core-v1.ts';
import type { RegistryAuth } from '../images/types.ts';

interface DockerEntry {
  username?: string;
  password?: string;
  auth?: string;
}

/** Looks credentials up by registry host, in the order of the secrets; unreadable secrets give none, as upstream. */
export function pullAuth(secrets: readonly (Secret | undefined)[]): (registry: string) => RegistryAuth | undefined {
  const known = new Map<string, RegistryAuth>();
  for (const secret of secrets) {
    for (const [address, entry] of Object.entries(entriesOf(secret))) {
      const auth = authOf(entry);
      const host = hostOf(address);
      if (auth && !known.has(host)) known.set(host, auth);
    }
  }
  return (registry) => known.get(hostOf(registry));
}

function entriesOf(secret: Secret | undefined): Record<string, DockerEntry> {
  try {
    const config = secret?.data?.['.dockerconfigjson'];
    if (config !== undefined) {
      return (JSON.parse(decode(config)) as { auths?: Record<string, DockerEntry> }).auths ?? {};
    }
    const old = secret?.data?.['.dockercfg'];
    return old === undefined ? {} : (JSON.parse(decode(old)) as Record<string, DockerEntry>);
  } catch {
    return {};
  }
}

function authOf({ username, password, auth }: DockerEntry): RegistryAuth | undefined {
  if (username !== undefined && password !== undefined) return { username, password };
  if (auth === undefined) return undefined;
  const text = decode(auth);
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The host of `https://index.docker.io/v1/`, `registry.example.com:5000/team` and the like; Docker Hub has several names. */
function hostOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0]!;
  return ['index.docker.io', 'registry-1.docker.io', 'hub.docker.com'].includes(host) ? 'docker.io' : host;
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}
