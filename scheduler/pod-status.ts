/** Writes what the scheduler has to say into pods' status, a few at a time, the latest word first and last. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { isReason } from '#lib/meta/errors.ts';
import { formatTime } from '#lib/meta/time.ts';

export interface SchedulingStatus {
  reason: 'Unschedulable' | 'SchedulingGated' | 'SchedulerError';
  message: string;
  /** The node promised after evictions; null takes a promise back, undefined leaves it as it is. */
  nominatedNodeName?: string | null;
}

export interface StatusWriter {
  /** Writes PodScheduled=False with this reason, unless the pod says so already. */
  write(pod: Pod, status: SchedulingStatus): void;
  /** Takes back what is not written yet: the pod is placed or gone. */
  forget(uid: string): void;
}

/** Writes under way at a time. At most one waits per pod. */
const atOnce = 8;
const attempts = 5;
const retryMs = 1000;

export function makeStatusWriter(client: Client, env: Env, signal: AbortSignal): StatusWriter {
  const waiting = new Map<string, { pod: Pod; status: SchedulingStatus }>();
  let writing = 0;

  async function writeAll(): Promise<void> {
    writing++;
    for (let next = waiting.entries().next().value; next && !signal.aborted; next = waiting.entries().next().value) {
      const [uid, { pod, status }] = next;
      waiting.delete(uid);
      await writeOne(pod, status, () => waiting.has(uid));
    }
    writing--;
  }

  async function writeOne(pod: Pod, status: SchedulingStatus, outdated: () => boolean): Promise<void> {
    const ref = { namespace: pod.metadata.namespace!, name: pod.metadata.name };
    const patch = { metadata: { uid: pod.metadata.uid }, status: statusPatch(pod, status, formatTime(env.now())) };
    for (let attempt = 1; attempt <= attempts && !outdated() && !signal.aborted; attempt++) {
      try {
        await client.patch(podKind, ref, 'application/strategic-merge-patch+json', patch, { subresource: 'status' });
        return;
      } catch (error) {
        // A pod that is gone, or another of its name, needs no word from us.
        if (isReason(error, 'NotFound', 'Conflict')) return;
        env.log.warn('Cannot write pod status', { pod: `${ref.namespace}/${ref.name}`, error });
        await env.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  return {
    write(pod, status) {
      if (saysAlready(pod, status)) return;
      waiting.set(pod.metadata.uid, { pod, status });
      if (writing < atOnce) void writeAll();
    },
    forget: (uid) => void waiting.delete(uid),
  };
}

function saysAlready({ status }: Pod, wanted: SchedulingStatus): boolean {
  const condition = conditionOf(status?.conditions, 'PodScheduled');
  const { nominatedNodeName } = wanted;
  return (
    condition?.status === 'False' &&
    condition.reason === wanted.reason &&
    condition.message === wanted.message &&
    (nominatedNodeName === undefined || (nominatedNodeName ?? '') === (status?.nominatedNodeName ?? ''))
  );
}

function statusPatch(pod: Pod, { reason, message, nominatedNodeName }: SchedulingStatus, now: string): object {
  const before = conditionOf(pod.status?.conditions, 'PodScheduled');
  const lastTransitionTime = before?.status === 'False' ? (before.lastTransitionTime ?? now) : now;
  const condition = { type: 'PodScheduled', status: 'False', reason, message, lastProbeTime: null, lastTransitionTime };
  return { conditions: [condition], ...(nominatedNodeName !== undefined && { nominatedNodeName }) };
}
