/** Linux capabilities: which a container gets. */
import { StartError } from '../types.ts';

/** In the order of their numbers. */
const known = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
];

/** What a container has that asks for nothing: the fourteen that Docker chose. */
const byDefault = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SYS_CHROOT',
  'MKNOD',
  'AUDIT_WRITE',
  'SETFCAP',
];

export interface CapabilityWishes {
  privileged: boolean;
  /** With or without `CAP_`, any case; `ALL` for every one. */
  add: readonly string[];
  drop: readonly string[];
}

/**
 * The container's capabilities as `CAP_...`, among those that the node itself has. `ALL` in either list comes first, then single names count: dropping one
 * from an added ALL works, and so does adding one to a dropped ALL. Throws StartError for a name that Linux does not know.
 */
export function grantCapabilities(wishes: CapabilityWishes, ofNode: readonly string[]): string[] {
  const add = wishes.add.map(plainName);
  const drop = wishes.drop.map(plainName);
  let granted = new Set(wishes.privileged || add.includes('ALL') ? known : byDefault);
  if (drop.includes('ALL') && !wishes.privileged) granted = new Set(add.includes('ALL') ? known : []);
  if (!wishes.privileged) for (const name of drop) granted.delete(name);
  for (const name of add) if (name !== 'ALL') granted.add(name);
  return known
    .filter((name) => granted.has(name))
    .map((name) => `CAP_${name}`)
    .filter((name) => ofNode.includes(name));
}

/** The names in a mask as /proc/<pid>/status shows it. */
export function capabilitiesInMask(hex: string): string[] {
  const mask = BigInt(`0x${hex}`);
  return known.filter((_name, bit) => (mask >> BigInt(bit)) & 1n).map((name) => `CAP_${name}`);
}

function plainName(name: string): string {
  const plain = name.toUpperCase().replace(/^CAP_/, '');
  if (plain !== 'ALL' && !known.includes(plain))
    throw new StartError('CreateContainerError', `unknown capability "CAP_${plain}"`);
  return plain;
}
