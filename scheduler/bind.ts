/** Binds a pod to the node chosen for it, so that the answer is sure even when the connection was not. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';

const attempts = 5;
const retryMs = 200;

/** Resolves when the pod is bound to this node; rejects with ApiError when it is not, as far as can be known. */
export async function bind(client: Client, pod: Pod, nodeName: string, env: Env, signal: AbortSignal): Promise<void> {
  const { name, uid } = pod.metadata;
  const namespace = pod.metadata.namespace!;
  const ref = { namespace, name };
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name, uid },
    target: { kind: 'Node', name: nodeName },
  };
  for (let attempt = 1; ; attempt++) {
    try {
      await client.post(podKind, ref, 'binding', binding);
      return;
    } catch (error) {
      // A lost answer leaves the outcome open, and the next attempt then meets our own binding.
      if (attempt > 1 && isReason(error, 'Conflict') && (await isBoundTo(client, pod, nodeName))) return;
      if (!isReason(error, 'ServiceUnavailable', 'Timeout', 'TooManyRequests') || attempt === attempts) throw error;
      await env.sleep(retryMs * 2 ** attempt, signal);
    }
  }
}

async function isBoundTo(client: Client, { metadata }: Pod, nodeName: string): Promise<boolean> {
  const now = await client.get(podKind, { namespace: metadata.namespace!, name: metadata.name });
  return now.metadata.uid === metadata.uid && now.spec.nodeName === nodeName;
}
