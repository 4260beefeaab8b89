/** What one container has mounted of its pod's volumes. */
import path from 'node:path';
import type { Pod, Volume } from '#lib/kinds/gen/core-v1.ts';
import { expand } from '../lifecycle/expansion.ts';
import type { AnyContainer } from '../lifecycle/types.ts';
import type { Mount } from '../runtime/types.ts';
import { devicesOf } from './devices.ts';
import { VolumeError } from './failures.ts';
import { showsObjects } from './payload.ts';
import { bindSubPath } from './sub-path.ts';

/** Where volumes are on the node, by their names in the pod. */
export type VolumePaths = Readonly<Record<string, string>>;

/** The mounts of a container; subPaths are bound anew, below `subPathDir`. Rejects with VolumeError. */
export async function mountsOfContainer(
  pod: Pod,
  spec: AnyContainer,
  paths: VolumePaths,
  env: ReadonlyMap<string, string>,
  subPathDir: string,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const [i, mount] of (spec.volumeMounts ?? []).entries()) {
    const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
    const source = paths[mount.name];
    if (!volume || source === undefined) {
      throw new VolumeError(`cannot find volume "${mount.name}" to mount into container "${spec.name}"`);
    }
    const subPath = mount.subPathExpr ? expandSubPath(mount.subPathExpr, env) : (mount.subPath ?? '');
    refuseEscape(subPath);
    const target = path.join(subPathDir, String(i));
    mounts.push({
      source: subPath === '' ? source : await bind(source, subPath, target, mount.name, spec.name),
      target: path.posix.join('/', mount.mountPath),
      readOnly: (mount.readOnly ?? false) || isReadOnly(volume),
      ...(mount.readOnly && recursions.has(mount.recursiveReadOnly) && { recursive: true }),
      ...(volume.image && { image: true }),
      propagation: propagations[mount.mountPropagation ?? 'None'],
    });
  }
  return [...mounts, ...devicesOf(pod, spec, paths)];
}

const recursions = new Set<string | undefined>(['Enabled', 'IfPossible']);
const propagations = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

/** Whether no container may write to a volume, whatever its mount says. */
function isReadOnly(volume: Volume): boolean {
  return showsObjects(volume) || volume.image !== undefined || (volume.persistentVolumeClaim?.readOnly ?? false);
}

function expandSubPath(expression: string, env: ReadonlyMap<string, string>): string {
  const missing = new Set<string>();
  const expanded = expand(expression, (name) => {
    const value = env.get(name);
    if (!value) missing.add(name);
    return value;
  });
  if (missing.size > 0) throw new VolumeError(`missing value for ${[...missing].sort().join(', ')}`);
  return expanded;
}

function refuseEscape(subPath: string): void {
  if (path.isAbsolute(subPath)) throw new VolumeError(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split('/').includes('..'))
    throw new VolumeError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
}

async function bind(
  source: string,
  subPath: string,
  target: string,
  volume: string,
  container: string,
): Promise<string> {
  try {
    return await bindSubPath(source, subPath, target);
  } catch (error) {
    // As upstream, the reason is for the node's log: it may tell of files that are none of the pod's.
    const message = `failed to prepare subPath for volumeMount "${volume}" of container "${container}"`;
    throw new VolumeError(message, { cause: error });
  }
}
