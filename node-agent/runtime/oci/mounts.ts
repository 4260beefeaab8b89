/** What is mounted in a container, in the order it must be. */
import type { ContainerSpec, Mount, SandboxSpec } from '../types.ts';
import { honestFiles } from './honest-list.ts';
import type { UserIds } from '../user-ids.ts';
import type { OciMount } from './oci-types.ts';

/** Where a pod's own things are on the node. */
export interface PodPaths {
  /** Folder of pinned namespaces: `net`, `ipc`, `uts`, `pid`. */
  pins: string;
  /** The memory file system that the pod's containers share as /dev/shm. */
  shm: string;
  /** Folder of `resolv.conf`, `hostname` and `hosts`. */
  etc: string;
}

/** What is mounted somewhere below the source of a mount. */
export interface Submount {
  source: string;
  /** Path below that source. */
  below: string;
  /** Of its file system, `ext4`. */
  type: string;
}

/** File systems that can show files with other owners than they have, of those that are mounted below others. Of ordinary ones the kernel says itself what it cannot. */
const mappable = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'f2fs',
  'tmpfs',
  'vfat',
  'exfat',
  'erofs',
  'squashfs',
]);

/** Everything, the kernel's file systems first, then the pod's files, then the pod's volumes with parents before children. */
export function containerMounts(inputs: {
  pod: SandboxSpec;
  container: ContainerSpec;
  paths: PodPaths;
  terminationFile: string;
  /** The folder of files with the container's own limits; absent for those of the kernel. */
  honestFolder?: string | undefined;
  userIds?: UserIds | undefined;
  submounts?: readonly Submount[] | undefined;
  nodes?: readonly Mount[] | undefined;
}): OciMount[] {
  const { pod, container, paths, terminationFile, userIds, submounts = [], nodes = [] } = inputs;
  const { honestFolder } = inputs;
  const { privileged, readOnlyRootFilesystem } = container.security;
  const volumes = container.mounts.filter(({ device }) => !device);
  const taken = new Set(volumes.map(({ target }) => withoutSlash(target)));
  const filesReadOnly = readOnlyRootFilesystem;
  const shm = bindMount(bind(pod.hostIpc ? '/dev/shm' : paths.shm, '/dev/shm', false));
  const own: Mount[] = [
    bind(`${paths.etc}/resolv.conf`, '/etc/resolv.conf', filesReadOnly),
    bind(`${paths.etc}/hostname`, '/etc/hostname', filesReadOnly),
    // As upstream, whose kubelet brings this one and containerd the two before.
    bind(`${paths.etc}/hosts`, '/etc/hosts', false),
    bind(terminationFile, container.terminationMessagePath, false),
    ...nodes,
  ];
  const honest = honestFolder === undefined ? [] : honestFiles;
  const shown = honest.filter((file) => ![...taken].some((target) => `${file}/`.startsWith(`${target}/`)));
  const depth = ({ target }: Mount) => withoutSlash(target).split('/').length;
  const users = userIds ? [mappedTo(userIds)] : [];
  const mounts = volumes.flatMap((volume) => [
    { mount: volume, options: volume.image || !isBind(volume) ? [] : users },
    ...submounts
      .filter(({ source }) => source === volume.source)
      .map((submount) => ({ mount: lower(volume, submount), options: mappable.has(submount.type) ? users : [] })),
  ]);
  return [
    ...kernelMounts(privileged).filter(({ destination }) => !taken.has(destination)),
    ...shown.map((file) => bindMount(bind(`${honestFolder}${file}`, file, true))),
    // A bind has none of its source's flags but those it names.
    ...(taken.has('/dev/shm') ? [] : [adding(['nosuid', 'nodev', 'noexec'], shm)]),
    // These are made for the pod, and belong to its root.
    ...own.filter(({ target }) => !taken.has(withoutSlash(target))).map(bindMount),
    ...mounts
      .toSorted((a, b) => depth(a.mount) - depth(b.mount))
      .map(({ mount, options }) => adding(options, bindMount(mount))),
  ];
}

function kernelMounts(privileged: boolean): OciMount[] {
  const access = privileged ? 'rw' : 'ro';
  const mount = (destination: string, type: string, ...options: string[]) => ({
    destination,
    type,
    source: type,
    options,
  });
  return [
    mount('/proc', 'proc', 'nosuid', 'noexec', 'nodev'),
    mount('/dev', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    mount('/dev/pts', 'devpts', 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
    mount('/dev/mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'),
    mount('/sys', 'sysfs', 'nosuid', 'noexec', 'nodev', access),
    mount('/sys/fs/cgroup', 'cgroup', 'nosuid', 'noexec', 'nodev', 'relatime', access),
  ];
}

function bind(source: string, target: string, readOnly: boolean): Mount {
  return { source, target, readOnly, propagation: 'private' };
}

/**
 * crun's words for showing owners as the pod's users know them: root of the node is root of the pod, on this mount alone. With `idmap` alone it would take the namespace of a process whose number it
 * knows from within the pod's process namespace, which is another one on the node.
 */
function mappedTo({ first, count }: UserIds): string {
  return `idmap=uids=0-${first}-${count};gids=0-${first}-${count}`;
}

/** For a pod with users of its own crun leaves away what is mounted below, so that it is named too. A mount that is read-only by itself is not so below. */
function lower({ source, target, readOnly, recursive = false, propagation }: Mount, { below }: Submount): Mount {
  return {
    source: `${source}/${below}`,
    target: `${withoutSlash(target)}/${below}`,
    readOnly: readOnly && recursive,
    recursive,
    propagation,
  };
}

/** Whether it shows something of the node's. */
function isBind({ as }: Mount): boolean {
  return !as || as.type === 'bind' || as.options.some((option) => option === 'bind' || option === 'rbind');
}

/** Whether it shows what is mounted below its source, too. */
export function showsBelow({ as }: Mount): boolean {
  return !as || as.options.includes('rbind');
}

function bindMount({ source, target, readOnly, recursive, image, propagation, as }: Mount): OciMount {
  if (as) return { destination: target, type: as.type, source, options: [...as.options] };
  const access = readOnly ? (recursive ? 'rro' : 'ro') : 'rw';
  return {
    destination: target,
    type: 'bind',
    source,
    options: [
      'rbind',
      propagation === 'private' ? 'rprivate' : propagation,
      access,
      ...(image ? ['nosuid', 'nodev', 'noexec'] : []),
    ],
  };
}

function adding(options: readonly string[], mount: OciMount): OciMount {
  return { ...mount, options: [...mount.options, ...options] };
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
