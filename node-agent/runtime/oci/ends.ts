/** How containers end: noticing it, and bringing it about. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { podCgroup } from './cgroups.ts';
import { containerFolders } from './folders.ts';
import { unknownExitCode } from './observe.ts';
import { isConmonOf, readPidFile, runsIn, signalProcess } from './process-table.ts';
import { signalNumber } from './signals.ts';
import type { ContainerEntry, PodEntry, Workshop } from './workshop.ts';

/** Upstream's limit for a container's last words; of a longer file the end counts. */
const longestMessageBytes = 4096;
/** While waiting for an end we are told of it; this often we look all the same, for a container whose conmon was killed. */
const lookAgainMs = 1000;
/** A process that does not end so long after SIGKILL hangs in the kernel. */
const killLimitMs = 60_000;

export interface Ends {
  /** Notes the end of the container if it has ended; whether this was news. */
  settle(pod: PodEntry, container: ContainerEntry): boolean;
  /** Signals, waits, kills. Resolves when the container has ended. */
  stop(pod: PodEntry, container: ContainerEntry, graceMs: number, signal: AbortSignal): Promise<void>;
  /** To be called with the id of each container that has ended. */
  wake(id: string): void;
}

export function makeEnds(shop: Workshop): Ends {
  const waiting = new Map<string, Set<() => void>>();

  function settle(pod: PodEntry, container: ContainerEntry): boolean {
    const { record } = container;
    if (container.exit || !record.started) return false;
    const { id, podUid } = record;
    let left = shop.exits.read(id);
    if (!left) {
      if (isHeld(shop, container)) return false;
      // Between our two looks conmon may have left the code and gone.
      if (!shop.exits.read(id)) shop.exits.leave(id, unknownExitCode);
      left = shop.exits.read(id)!;
    }
    const folders = containerFolders(shop.folders, podUid, id);
    const cgroup = `${podCgroup(shop.cgroupRoot, pod.record.spec)}/${id}`;
    container.exit = {
      ...left,
      oomKilled: existsSync(folders.oom) || shop.cgroups.oomKills(cgroup) > 0,
      message: lastBytes(folders.termination),
    };
    // Without a process namespace of its own, the container's other processes have not ended with its first.
    const { hostPid, shareProcessNamespace } = pod.record.spec;
    if (hostPid || shareProcessNamespace) shop.cgroups.kill(cgroup);
    return true;
  }

  /** Resolves at the container's end, after `limitMs`, or at an abort; whether it has ended. */
  async function waitForEnd(
    pod: PodEntry,
    container: ContainerEntry,
    limitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { id } = container.record;
    const deadline = shop.env.monotonic() + limitMs;
    for (;;) {
      settle(pod, container);
      const restMs = deadline - shop.env.monotonic();
      if (container.exit || restMs <= 0 || signal?.aborted) return container.exit !== undefined;
      await new Promise<void>((resolve) => {
        const finish = () => {
          cancel();
          signal?.removeEventListener('abort', finish);
          waiters.delete(finish);
          if (waiters.size === 0) waiting.delete(id);
          resolve();
        };
        const cancel = shop.env.after(Math.min(restMs, lookAgainMs), finish);
        const waiters = waiting.get(id) ?? new Set();
        waiting.set(id, waiters.add(finish));
        signal?.addEventListener('abort', finish, { once: true });
      });
    }
  }

  return {
    settle,
    async stop(pod, container, graceMs, signal) {
      const { record } = container;
      if (!record.started || container.exit) return;
      if (graceMs > 0 && runsIn(record.started.pid, record.id)) {
        signalProcess(record.started.pid, signalNumber(record.stopSignal));
        if (await waitForEnd(pod, container, graceMs, signal)) return;
        signal.throwIfAborted();
      }
      shop.cgroups.kill(`${podCgroup(shop.cgroupRoot, pod.record.spec)}/${record.id}`);
      if (!(await waitForEnd(pod, container, killLimitMs, undefined)))
        throw new Error(`Cannot stop container ${record.id}: it does not end after SIGKILL`);
    },
    wake(id) {
      for (const finish of waiting.get(id) ?? []) finish();
    },
  };
}

/** Whether the container's program runs, or conmon has yet to tell how it ended. */
function isHeld(shop: Workshop, { record }: ContainerEntry): boolean {
  if (record.bootId !== shop.host.bootId) return false;
  if (runsIn(record.started!.pid, record.id)) return true;
  const conmon = readPidFile(containerFolders(shop.folders, record.podUid, record.id).conmonPid);
  return conmon !== undefined && isConmonOf(conmon, record.id);
}

function lastBytes(file: string): string {
  if (!existsSync(file)) return '';
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, longestMessageBytes));
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, buffer.length, size - buffer.length));
  } finally {
    closeSync(descriptor);
  }
}
