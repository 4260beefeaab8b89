/** Registry credentials from a pod's imagePullSecrets. Pure. */
import type { Secret } from '#lib/kinds/gen/core-v1.ts';
import { makeKeyring, readDockercfg, readDockerConfig } from '../images/keyring.ts';
import type { DockerAuths } from '../images/keyring.ts';
import type { Credentials } from '../images/types.ts';

/** The credentials of all secrets together; unreadable secrets, and those of other types, give none. */
export function pullAuth(secrets: readonly (Secret | undefined)[]): Credentials {
  return makeKeyring(secrets.map((secret) => (secret ? authsOf(secret) : {})));
}

function authsOf({ type, data = {} }: Secret): DockerAuths {
  const config = data['.dockerconfigjson'];
  const old = data['.dockercfg'];
  try {
    if (type === 'kubernetes.io/dockerconfigjson' && config !== undefined) return readDockerConfig(decode(config));
    if (type === 'kubernetes.io/dockercfg' && old !== undefined) return readDockercfg(decode(old));
  } catch {
    // Nothing to log in with: what the registry then says is what the user hears.
  }
  return {};
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}
