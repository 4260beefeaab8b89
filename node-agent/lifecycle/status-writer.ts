/** Brings pod statuses to the API: one write at a time for each pod, always with the latest status, until the API has it. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import { mayWait, statusPatch } from './status-patch.ts';

export interface StatusWriter {
  /** The status the pod should have, written soon. Cheap when the API has it already. */
  offer(status: PodStatus): void;
  /** Resolves once the API has the offered status, or has not the pod any more. */
  settled(signal: AbortSignal): Promise<void>;
  stop(): void;
}

/** A pod mostly begins within this, and one write tells all of it. */
const mostWaitMs = 500;
const firstRetryMs = 250;
const longestRetryMs = 10_000;

/** A writer for one pod. `latest` gives its newest known object, `accept` takes what a write answered. */
export function makeStatusWriter(
  { client, env }: { client: Client; env: Env },
  latest: () => Pod | undefined,
  accept: (pod: Pod) => void,
): StatusWriter {
  const stopping = new AbortController();
  let wanted: PodStatus | undefined;
  let writing: Promise<void> | undefined;
  let stopWaiting: (() => void) | undefined;

  /** Somebody waits for the API to have all of it, or it has waited long enough. */
  let isUrgent = false;

  /** Writes until the API has all of it, or all that may not wait. */
  async function write(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!stopping.signal.aborted) {
      const pod = latest();
      const sent = wanted;
      const patch = pod && sent && statusPatch(pod.status, sent);
      if (!pod || !patch) return;
      if (!isUrgent && mayWait(pod.status, sent)) return wait();
      const { name, namespace = '', uid } = pod.metadata;
      try {
        const answer = await client.patch(
          podKind,
          { namespace, name },
          'application/strategic-merge-patch+json',
          { metadata: { uid }, status: patch },
          { subresource: 'status', uid },
        );
        accept(answer);
        // Writing the same again at once would never end.
        if (statusPatch(answer.status, sent)) throw new Error('the API keeps another status than was written');
        retryMs = firstRetryMs;
      } catch (error) {
        // The pod is gone: there is nobody to tell.
        if (isReason(error, 'NotFound')) return;
        env.log.warn('Cannot write pod status', { pod: name, namespace, error });
        await env.sleep(retryMs, stopping.signal).catch(() => {});
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  function start(): Promise<void> {
    stopWaiting?.();
    stopWaiting = undefined;
    writing ??= write().finally(() => {
      writing = undefined;
      isUrgent = false;
    });
    return writing;
  }

  function startUrgently(): Promise<void> {
    isUrgent = true;
    return start();
  }

  function wait(): void {
    stopWaiting ??= env.after(mostWaitMs, () => void startUrgently());
  }

  return {
    offer(status) {
      wanted = status;
      const pod = latest();
      if (!pod || writing || !statusPatch(pod.status, status)) return;
      if (mayWait(pod.status, status)) wait();
      else void start();
    },
    async settled(signal) {
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      await Promise.race([startUrgently(), aborted]);
    },
    stop() {
      stopWaiting?.();
      stopping.abort();
    },
  };
}
