/** What is mounted in a container, in the order it must be. */
import type { ContainerSpec, Mount, SandboxSpec } from '../types.ts';
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

/** Everything, the kernel's file systems first, then the pod's files, then the pod's volumes with parents before children. */
export function containerMounts(inputs: {
  pod: SandboxSpec;
  container: ContainerSpec;
  paths: PodPaths;
  terminationFile: string;
}): OciMount[] {
  const { pod, container, paths, terminationFile } = inputs;
  const { privileged, readOnlyRootFilesystem } = container.security;
  const volumes = container.mounts.filter(({ device }) => !device);
  const taken = new Set(volumes.map(({ target }) => withoutSlash(target)));
  const filesReadOnly = readOnlyRootFilesystem;
  const own: Mount[] = [
    bind(pod.hostIpc ? '/dev/shm' : paths.shm, '/dev/shm', false),
    bind(`${paths.etc}/resolv.conf`, '/etc/resolv.conf', filesReadOnly),
    bind(`${paths.etc}/hostname`, '/etc/hostname', filesReadOnly),
    bind(`${paths.etc}/hosts`, '/etc/hosts', filesReadOnly),
    bind(terminationFile, container.terminationMessagePath, false),
  ];
  const depth = ({ target }: Mount) => withoutSlash(target).split('/').length;
  return [
    ...kernelMounts(privileged).filter(({ destination }) => !taken.has(destination)),
    ...own.filter(({ target }) => !taken.has(withoutSlash(target))).map(bindMount),
    ...volumes.toSorted((a, b) => depth(a) - depth(b)).map(bindMount),
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

function bindMount({ source, target, readOnly, recursive, propagation }: Mount): OciMount {
  const access = readOnly ? (recursive ? 'rro' : 'ro') : 'rw';
  return {
    destination: target,
    type: 'bind',
    source,
    options: ['rbind', propagation === 'private' ? 'rprivate' : propagation, access],
  };
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
