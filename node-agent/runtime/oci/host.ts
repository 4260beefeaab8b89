/** What this machine can do, found out once; and the little it must be made ready for. */
import { existsSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { runCommand } from '#lib/env/command.ts';
import type { Log } from '#lib/env/log.ts';
import { readHugePages } from '../huge-pages.ts';
import { canLimitFolders } from './bounded-layer.ts';
import { capabilitiesInMask } from './capabilities.ts';
import type { CgroupVersion } from './cgroup-writes.ts';

export interface HostFacts {
  /** `hybrid` is v1 controllers with a cgroup2 mount beside them. */
  cgroup: 'v1' | 'v2' | 'hybrid';
  /** The kernel can limit swap by cgroup. */
  swapAccounting: boolean;
  apparmor: boolean;
  seccomp: boolean;
  /** What this process may hand on: `CAP_...`. */
  capabilities: string[];
  /** Lowest oom score adjustment that containers can be given. */
  leastOomScoreAdj: number;
  /** There is a /dev/kvm; whether it works, only a guest can tell. */
  kvmNode: boolean;
  /** The state folder's file system limits folders by project. */
  projectQuotas: boolean;
  kernelVersion: string;
  /** Changes with each start of the machine. */
  bootId: string;
}

const cgroupRoot = '/sys/fs/cgroup';
const unified = `${cgroupRoot}/unified`;
const cgroup2Magic = 0x63677270;

/** Looks around. `stateDir` must exist. Whether swap can be limited only cgroups tell. */
export function probeHost(stateDir: string): Omit<HostFacts, 'swapAccounting'> {
  const status = readFileSync('/proc/self/status', 'utf8');
  const capabilities = capabilitiesInMask(/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0');
  const cgroup = cgroupVersion();
  return {
    cgroup,
    apparmor: readText('/sys/module/apparmor/parameters/enabled') === 'Y',
    seccomp: /^Seccomp:/m.test(status),
    capabilities,
    leastOomScoreAdj: capabilities.includes('CAP_SYS_RESOURCE') ? -1000 : Number(readText('/proc/self/oom_score_adj')),
    kvmNode: existsSync('/dev/kvm'),
    projectQuotas: countsByProject(stateDir) && canLimitFolders(stateDir),
    kernelVersion: readText('/proc/sys/kernel/osrelease'),
    bootId: readText('/proc/sys/kernel/random/boot_id'),
  };
}

/** The sizes of huge pages whose use this kernel can limit: none where the controller is not at hand. */
export function limitedHugePages(version: CgroupVersion): number[] {
  const atHand =
    version === 'v2'
      ? readText(`${cgroupRoot}/cgroup.controllers`).split(' ').includes('hugetlb')
      : existsSync(`${cgroupRoot}/hugetlb/cgroup.procs`);
  return atHand ? readHugePages().map(({ bytes }) => bytes) : [];
}

/**
 * Makes the machine ready, as often as asked. In a mount namespace of our own: shows a hybrid machine's cgroups without the empty cgroup2, which crun cannot work beside, and shares mounts
 * with what is below, so that containers can be given them. The kernel is told to prefer quick changes of cgroups (`favordynmods`), which halves the time to create a
 * container; that holds for the whole machine until cgroup2 is mounted anew. Rejects on a hybrid machine when this process has the machine's own mounts; tells `log` of what can
 * be done without.
 */
export async function prepareHost(log: Log): Promise<void> {
  const ownMounts = readlinkSync('/proc/self/ns/mnt') !== machineMounts();
  const hybrid = cgroupVersion() === 'hybrid';
  if (hybrid && !ownMounts)
    throw new Error(
      `Cannot run containers: ${unified} is mounted beside cgroup v1 controllers; start the node in a mount namespace of its own`,
    );
  const cgroup2 = hybrid ? unified : cgroupRoot;
  const script = [
    'set -e',
    ...(isCgroup2(cgroup2) ? [`mount -o remount,favordynmods ${cgroup2} 2>/dev/null || :`] : []),
    ...(hybrid ? [coverCgroups] : []),
    ...(ownMounts && setsHugePagesAside() ? [mountHugetlb] : []),
    ...(ownMounts ? ['mount --make-rshared /'] : []),
  ];
  const { exitCode, stderr } = await runCommand('sh', ['-c', script.join('\n')]);
  if (exitCode !== 0) throw new Error(`Cannot prepare the machine for containers: ${stderr.trim()}`);
  if (stderr !== '') log.warn('The machine is not all that containers could use', { because: stderr.trim() });
}

/** Covers the folder of hierarchies with one that has all of them but cgroup2. Unmounting would not do: its empty folder, shared by all namespaces, would fill with crun's files. */
const coverCgroups = `cover=$(mktemp -d)
mount -t tmpfs -o mode=755,size=1m cgroup "$cover"
for each in ${cgroupRoot}/*; do
  name=\${each##*/}
  if [ "$name" = unified ]; then continue; fi
  if [ -L "$each" ]; then cp --no-dereference "$each" "$cover/$name"; continue; fi
  mkdir "$cover/$name"
  mount --bind "$each" "$cover/$name"
done
mount --move "$cover" ${cgroupRoot}
rmdir "$cover"`;

/** Below such a cover a controller of huge pages that nobody has mounted yet, and that cgroup2 does not hold, is mounted too. */
const mountHugetlb = `if grep -q ' ${cgroupRoot} .* - tmpfs cgroup ' /proc/self/mountinfo && grep -q '^hugetlb.*1$' /proc/cgroups && ! [ -e ${cgroupRoot}/hugetlb/cgroup.procs ]; then
  mkdir -p ${cgroupRoot}/hugetlb
  mount -t cgroup -o hugetlb cgroup ${cgroupRoot}/hugetlb || { rmdir ${cgroupRoot}/hugetlb; echo 'huge pages cannot be limited' >&2; }
fi`;

function setsHugePagesAside(): boolean {
  return readHugePages().some(({ pages }) => pages > 0);
}

/** The mount namespace of the machine, as its first process has it; where we may not look at that, the kernel's own second one. */
function machineMounts(): string {
  try {
    return readlinkSync('/proc/1/ns/mnt');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return readlinkSync('/proc/2/ns/mnt');
  }
}

function cgroupVersion(): HostFacts['cgroup'] {
  if (isCgroup2(cgroupRoot)) return 'v2';
  return isCgroup2(unified) ? 'hybrid' : 'v1';
}

function isCgroup2(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === cgroup2Magic;
}

/** The options of the mount that holds `path`, the last one whose mount point is a prefix of it. */
function countsByProject(path: string): boolean {
  let best = { length: -1, options: '' };
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const point = left.split(' ')[4];
    if (point === undefined || !`${path}/`.startsWith(point === '/' ? '/' : `${point}/`)) continue;
    if (point.length >= best.length) best = { length: point.length, options: right.split(' ')[2] ?? '' };
  }
  return /\b(prjquota|pquota)\b/.test(best.options);
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}
