/** Brings pod statuses to the API: one write at a time for each pod, always with the latest status, until the API has it. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import { statusPatch } from './status-patch.ts';

export interface StatusWriter {
  /** The status the pod should have. Cheap when the API has it already. */
  offer(status: PodStatus): void;
  /** Resolves once the API has the offered status, or has not the pod any more. */
  settled(signal: AbortSignal): Promise<void>;
  stop(): void;
}

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

  async function write(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!stopping.signal.aborted) {
      const pod = latest();
      const sent = wanted;
      const patch = pod && sent && statusPatch(pod.status, sent);
      if (!pod || !patch) return;
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
    writing ??= write().finally(() => (writing = undefined));
    return writing;
  }

  return {
    offer(status) {
      wanted = status;
      const pod = latest();
      if (pod && !writing && statusPatch(pod.status, status)) void start();
    },
    async settled(signal) {
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      await Promise.race([start(), aborted]);
    },
    stop: () => stopping.abort(),
  };
}
