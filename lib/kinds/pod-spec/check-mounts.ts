/** Faults of how a container uses its pod's volumes. */
import { fieldForbidden, fieldNotFound, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { relativePath } from '../checks/values.ts';
import type { Container, Volume, VolumeMount } from '../gen/core-v1.ts';

type Faults = FieldError[];
/** The good volumes of a pod by name. */
export type Volumes = ReadonlyMap<string, Volume>;

/** Faults of both uses: as a folder, and as a device. */
export function checkMounts(path: string, container: Container, volumes: Volumes): Faults {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container;
  if (mounts.length === 0 && devices.length === 0) return [];
  return [
    ...checkFolders(`${path}.volumeMounts`, container, volumes),
    ...checkDevices(`${path}.volumeDevices`, container, volumes),
  ];
}

function checkFolders(path: string, container: Container, volumes: Volumes): Faults {
  const faults: Faults = [];
  const paths = new Set<string>();
  const deviceNames = new Set((container.volumeDevices ?? []).map(({ name }) => name));
  const devicePaths = new Set((container.volumeDevices ?? []).map(({ devicePath }) => devicePath));
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}[${i}]`;
    const { name, mountPath } = mount;
    const volume = volumes.get(name);
    if (!name) faults.push(required(`${at}.name`));
    if (!volume) faults.push(fieldNotFound(`${at}.name`, name));
    if (!mountPath) faults.push(required(`${at}.mountPath`));
    if (paths.has(mountPath)) faults.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (deviceNames.has(name)) faults.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
    if (devicePaths.has(mountPath)) {
      faults.push(invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
    }
    faults.push(...checkSubPath(path, at, mount));
    faults.push(...checkPropagation(`${path}.mountPropagation`, mount, container));
    faults.push(...checkRecursive(`${path}.recursiveReadOnly`, mount));
  }
  return faults;
}

/** Upstream names some of these fields as if they were the list's own. */
function checkSubPath(list: string, item: string, mount: VolumeMount): Faults {
  const { subPath = '', subPathExpr = '' } = mount;
  if (!subPath && !subPathExpr) return [];
  const faults: Faults = [];
  if (subPath) faults.push(...relativePath(`${list}.subPath`, subPath));
  if (!subPathExpr) return faults;
  if (subPath)
    faults.push(invalid(`${item}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
  return [...faults, ...relativePath(`${list}.subPathExpr`, subPathExpr)];
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function checkPropagation(path: string, { mountPropagation }: VolumeMount, container: Container): Faults {
  if (mountPropagation === undefined) return [];
  if (!propagations.includes(mountPropagation)) return [notSupported(path, mountPropagation, propagations)];
  return mountPropagation === 'Bidirectional' && !container.securityContext?.privileged
    ? [fieldForbidden(path, 'Bidirectional mount propagation is available only to privileged containers')]
    : [];
}

const recursions = ['Disabled', 'Enabled', 'IfPossible'];

function checkRecursive(path: string, { recursiveReadOnly, readOnly, mountPropagation }: VolumeMount): Faults {
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return [];
  if (!recursions.includes(recursiveReadOnly)) return [notSupported(path, recursiveReadOnly, recursions)];
  return [
    ...(readOnly ? [] : [fieldForbidden(path, 'may only be specified when readOnly is true')]),
    ...(mountPropagation !== undefined && mountPropagation !== 'None'
      ? [fieldForbidden(path, 'may only be specified when mountPropagation is None or not specified')]
      : []),
  ];
}

function checkDevices(path: string, container: Container, volumes: Volumes): Faults {
  const faults: Faults = [];
  const names = new Set<string>();
  const paths = new Set<string>();
  const mountNames = new Set((container.volumeMounts ?? []).map(({ name }) => name));
  const mountPaths = new Set((container.volumeMounts ?? []).map(({ mountPath }) => mountPath));
  for (const [i, { name, devicePath }] of (container.volumeDevices ?? []).entries()) {
    const at = `${path}[${i}]`;
    const volume = volumes.get(name);
    if (!name) faults.push(required(`${at}.name`));
    if (names.has(name)) faults.push(invalid(`${at}.name`, name, 'must be unique'));
    if (!volume) faults.push(fieldNotFound(`${at}.name`, name));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const block = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      faults.push(invalid(`${at}.name`, name, block));
    }
    if (!devicePath) faults.push(required(`${at}.devicePath`));
    if (paths.has(devicePath)) faults.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..')) {
      faults.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    if (mountNames.has(name)) faults.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    if (mountPaths.has(devicePath)) {
      faults.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    }
    if (name) names.add(name);
  }
  return faults;
}
