/** The environment of a container, by upstream's rules (`kubelet_pods.go`, makeEnvironmentVariables). */
import type { ConfigMap, Pod, Secret } from '#lib/kinds/gen/core-v1.ts';
import { fieldText, resourceText } from './downward.ts';
import type { NodeFacts } from './downward.ts';
import { expand } from './expansion.ts';
import type { AnyContainer } from './types.ts';

/** The objects that containers of a pod may name; undefined for one that does not exist. */
export interface Objects {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

/** Something the container's specification names is missing or wrong: the message of CreateContainerConfigError. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface BuiltEnv {
  variables: Map<string, string>;
  /** Keys left out for not being names of variables: the message of an event each. */
  skipped: string[];
}

/** Names of the objects a container's environment needs. */
export function objectsNamedBy(spec: AnyContainer): { configMaps: string[]; secrets: string[] } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { configMapRef, secretRef } of spec.envFrom ?? []) {
    if (configMapRef?.name) configMaps.add(configMapRef.name);
    if (secretRef?.name) secrets.add(secretRef.name);
  }
  for (const { valueFrom } of spec.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps: [...configMaps], secrets: [...secrets] };
}

/** The container's own variables, then those of Services that it does not override. Throws ConfigError. */
export function buildEnv(
  pod: Pod,
  spec: AnyContainer,
  objects: Objects,
  services: ReadonlyMap<string, string>,
  facts: NodeFacts,
): BuiltEnv {
  const variables = new Map<string, string>();
  const skipped = addEnvFrom(pod, spec, objects, variables);
  const valueOf = (name: string) => variables.get(name) ?? services.get(name);
  for (const { name, value, valueFrom } of spec.env ?? []) {
    if (value !== undefined && value !== '') variables.set(name, expand(value, valueOf));
    else if (!valueFrom) variables.set(name, '');
    else {
      const found = valueOfSource(pod, spec, valueFrom, objects, facts);
      if (found !== undefined) variables.set(name, found);
    }
  }
  for (const [name, value] of services) if (!variables.has(name)) variables.set(name, value);
  return { variables, skipped };
}

type Source = NonNullable<NonNullable<AnyContainer['env']>[number]['valueFrom']>;

function valueOfSource(
  pod: Pod,
  spec: AnyContainer,
  source: Source,
  objects: Objects,
  facts: NodeFacts,
): string | undefined {
  const { namespace } = pod.metadata;
  try {
    if (source.fieldRef) return fieldText(pod, source.fieldRef.fieldPath, facts);
    if (source.resourceFieldRef) return resourceText(pod, spec.name, source.resourceFieldRef, facts);
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (source.configMapKeyRef) {
    const { name = '', key, optional } = source.configMapKeyRef;
    const map = objects.configMap(name);
    if (!map && !optional) throw new ConfigError(`configmap "${name}" not found`);
    const value = map?.data?.[key];
    if (value === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (source.secretKeyRef) {
    const { name = '', key, optional } = source.secretKeyRef;
    const secret = objects.secret(name);
    if (!secret && !optional) throw new ConfigError(`secret "${name}" not found`);
    const value = secret?.data?.[key];
    if (value === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : decode(value);
  }
  return undefined;
}

function addEnvFrom(pod: Pod, spec: AnyContainer, objects: Objects, variables: Map<string, string>): string[] {
  const skipped: string[] = [];
  const add = (what: string, name: string, prefix: string, entries: [string, string][]) => {
    const bad = entries.map(([key]) => prefix + key).filter((key) => !isVariableName(key));
    for (const [key, value] of entries) if (isVariableName(prefix + key)) variables.set(prefix + key, value);
    if (bad.length > 0) {
      skipped.push(
        `Keys [${bad.sort().join(', ')}] from the EnvFrom ${what} ${pod.metadata.namespace}/${name} were skipped since they are considered invalid environment variable names.`,
      );
    }
  };
  for (const { prefix = '', configMapRef, secretRef } of spec.envFrom ?? []) {
    if (configMapRef) {
      const { name = '', optional } = configMapRef;
      const map = objects.configMap(name);
      if (!map && !optional) throw new ConfigError(`configmap "${name}" not found`);
      add('configMap', name, prefix, Object.entries(map?.data ?? {}));
    }
    if (secretRef) {
      const { name = '', optional } = secretRef;
      const secret = objects.secret(name);
      if (!secret && !optional) throw new ConfigError(`secret "${name}" not found`);
      const entries = Object.entries(secret?.data ?? {});
      add(
        'secret',
        name,
        prefix,
        entries.map(([key, value]) => [key, decode(value)]),
      );
    }
  }
  return skipped;
}

/** Upstream's relaxed rule: printable ASCII without `=`. */
function isVariableName(text: string): boolean {
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(text);
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}
