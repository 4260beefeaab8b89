/** Holds the pods of an account that asks for it to the Secrets that the account lists. Pure. */
import type { Container, Pod, ServiceAccount } from '#lib/kinds/gen/core-v1.ts';

const annotation = 'kubernetes.io/enforce-mountable-secrets';
/** What Go reads as true. */
const trueWords: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

/** The first Secret that the pod uses and may not, in upstream's words; undefined when there is none. `isDebugging` looks at its ephemeral containers alone. */
export function secretFault({ spec }: Pod, account: ServiceAccount, isDebugging: boolean): string | undefined {
  const { metadata, secrets = [], imagePullSecrets = [] } = account;
  if (!trueWords.has(metadata.annotations?.[annotation] ?? '')) return undefined;
  const mountable = new Set(secrets.map(({ name }) => name));
  const because = `is not allowed because service account ${metadata.name} does not reference that`;
  const inContainers = (title: string, containers: readonly Pick<Container, 'name' | 'env' | 'envFrom'>[] = []) => {
    for (const { name, env = [], envFrom = [] } of containers) {
      for (const { name: variable, valueFrom } of env) {
        const secret = valueFrom?.secretKeyRef && (valueFrom.secretKeyRef.name ?? '');
        if (secret === undefined || mountable.has(secret)) continue;
        return `${title} ${name} with envVar ${variable} referencing secret.secretName="${secret}" ${because} secret`;
      }
      for (const { secretRef } of envFrom) {
        if (!secretRef || mountable.has(secretRef.name)) continue;
        return `${title} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}" ${because} secret`;
      }
    }
    return undefined;
  };
  if (isDebugging) return inContainers('ephemeral container', spec.ephemeralContainers);
  for (const { secret } of spec.volumes ?? []) {
    if (!secret || mountable.has(secret.secretName)) continue;
    return `volume with secret.secretName="${secret.secretName ?? ''}" ${because} secret`;
  }
  const used = inContainers('init container', spec.initContainers) ?? inContainers('container', spec.containers);
  if (used) return used;
  const pullable = new Set(imagePullSecrets.map(({ name }) => name));
  const index = (spec.imagePullSecrets ?? []).findIndex(({ name }) => !pullable.has(name));
  if (index < 0) return undefined;
  return `imagePullSecrets[${index}].name="${spec.imagePullSecrets![index]!.name ?? ''}" ${because} imagePullSecret`;
}
