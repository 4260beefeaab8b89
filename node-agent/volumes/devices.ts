/** Volumes that are shown to containers as block devices, not mounted: `volumeDevices`. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { AnyContainer } from '../lifecycle/types.ts';
import type { Mount } from '../runtime/types.ts';
import { UnresolvedError, VolumeError } from './failures.ts';

/** The block devices of a container, by their volumes' names. */
export function devicesOf(pod: Pod, spec: AnyContainer, paths: Readonly<Record<string, string>>): Mount[] {
  return (spec.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = pod.spec.volumes?.find((item) => item.name === name);
    const source = paths[name];
    if (!volume || source === undefined) {
      throw new VolumeError([`cannot find volume "${name}" to pass into container "${spec.name}"`]);
    }
    const readOnly = volume.persistentVolumeClaim?.readOnly ?? false;
    return { source, target: devicePath, readOnly, device: true, propagation: 'private' };
  });
}

/** Devices are not mounted, nor folders shown as devices; upstream's sentences. */
export function refuseMode(pod: Pod, name: string, device: boolean): void {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const has = (list: { name: string }[] = []) => list.some((item) => item.name === name);
  if (device && containers.some(({ volumeMounts }) => has(volumeMounts))) {
    throw new UnresolvedError(`volume ${name} has volumeMode Block, but is specified in volumeMounts`);
  }
  if (!device && containers.some(({ volumeDevices }) => has(volumeDevices))) {
    throw new UnresolvedError(`volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`);
  }
}
