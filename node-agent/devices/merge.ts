/** What a container needs for all its devices together. Pure. */
import type { ContainerDevices, Grant } from './types.ts';

/** How plug-ins named CDI devices before they had a field for them; upstream's runtimes heed it still. */
const cdiAnnotation = 'cdi.k8s.io/';

/**
 * Puts together what the plug-ins of a container's devices said. Where two contradict each other about a variable, an annotation or a path, the first one counts, as
 * upstream; `conflicts` names those.
 */
export function mergeGrants(
  grants: readonly Grant[],
): Omit<ContainerDevices, 'cdi'> & { cdiNames: string[]; conflicts: string[] } {
  const conflicts: string[] = [];
  const firstOf = <V>(what: string, entries: readonly (readonly [string, V])[], same: (a: V, b: V) => boolean) => {
    const kept = new Map<string, V>();
    for (const [key, value] of entries) {
      const before = kept.get(key);
      if (before === undefined) kept.set(key, value);
      else if (!same(before, value)) conflicts.push(`${what} ${key}`);
    }
    return kept;
  };
  const responses = grants.map(({ response }) => response);
  const isSame = (a: unknown, b: unknown) => a === b;
  const env = firstOf(
    'variable',
    responses.flatMap(({ envs }) => Object.entries(envs)),
    isSame,
  );
  const annotations = firstOf(
    'annotation',
    responses.flatMap((response) => Object.entries(response.annotations)),
    isSame,
  );
  const mounts = firstOf(
    'mount',
    responses.flatMap((response) =>
      response.mounts.map(
        ({ containerPath, hostPath, readOnly }) =>
          [containerPath, { source: hostPath, target: containerPath, readOnly }] as const,
      ),
    ),
    (a, b) => a.source === b.source,
  );
  const devices = firstOf(
    'device',
    responses.flatMap((response) =>
      response.devices.map(
        ({ containerPath, hostPath, permissions }) =>
          [containerPath, { source: hostPath, target: containerPath, access: permissions }] as const,
      ),
    ),
    (a, b) => a.source === b.source,
  );
  return {
    env,
    mounts: [...mounts.values()],
    devices: [...devices.values()],
    annotations: Object.fromEntries(annotations),
    cdiNames: [
      ...new Set([
        ...responses.flatMap(({ cdiDevices }) => cdiDevices.map(({ name }) => name)),
        ...[...annotations].flatMap(([key, names]) => (key.startsWith(cdiAnnotation) ? names.split(',') : [])),
      ]),
    ],
    conflicts,
  };
}
