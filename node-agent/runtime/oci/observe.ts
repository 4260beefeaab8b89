/** What the runtime says of its pods and containers, from its records and what became of them. */
import type { ObservedContainer, ObservedPod } from '../types.ts';
import type { ContainerRecord, PodRecord } from './records.ts';

/** How a container ended. */
export interface Exit {
  code: number;
  /** Milliseconds since the epoch. */
  at: number;
  oomKilled: boolean;
  message: string;
}

/** A container whose end nobody recorded, as upstream reports it. */
export const unknownExitCode = 255;

export function observeContainer(record: ContainerRecord, exit: Exit | undefined): ObservedContainer {
  const { id, name, attempt, image, imageId, imageDigest, createdAt, started, logPath, asked } = record;
  const base = {
    id,
    name,
    attempt,
    image,
    imageId,
    ...(imageDigest && { imageDigest }),
    createdAt,
    logPath,
    ...(asked && { asked }),
  };
  if (!started) return { ...base, state: 'created' };
  if (!exit) return { ...base, state: 'running', pid: started.pid, startedAt: started.at };
  return {
    ...base,
    state: 'exited',
    // A program may end before we have noted that it began.
    startedAt: Math.min(started.at, exit.at),
    finishedAt: exit.at,
    exitCode: exit.code,
    oomKilled: exit.oomKilled,
    message: exit.message,
  };
}

export function observePod(
  record: PodRecord,
  ready: boolean,
  nodeIps: readonly string[],
  containers: ObservedContainer[],
): ObservedPod {
  const { uid, namespace, name, hostNetwork } = record.spec;
  return {
    uid,
    namespace,
    name,
    ready,
    createdAt: record.createdAt,
    ips: hostNetwork ? [...nodeIps] : record.address === '' ? [] : [record.address],
    containers: containers.sort((a, b) => a.createdAt - b.createdAt),
    resources: record.spec.resources,
    ...(record.userIds && { userIds: record.userIds }),
  };
}

/** The pod's hosts file with the line of its own address: after the fixed lines, before the aliases. */
export function hostsWithPod(hosts: string, address: string, hostname: string, domainname: string): string {
  // The host's own name may be the full one already.
  const ending = domainname && `.${domainname}`;
  const short = ending && hostname.endsWith(ending) ? hostname.slice(0, -ending.length) : hostname;
  const line = `${address}\t${ending && `${short}${ending}\t`}${short}\n`;
  const aliases = hosts.indexOf('\n# Entries added by HostAliases.');
  return aliases < 0 ? hosts + line : hosts.slice(0, aliases) + line + hosts.slice(aliases);
}
