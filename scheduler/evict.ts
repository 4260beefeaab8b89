/** Evicts one pod in favour of another. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';

interface Surroundings {
  client: Client;
  env: Env;
  record(occurrence: { regarding: Resource; type: 'Normal'; reason: string; message: string }): void;
}

/** Marks the victim as disrupted and deletes it with its own grace. A failure is logged; the preemptor will try again. */
export async function evict(victim: Pod, preemptor: Pod, nodeName: string, around: Surroundings): Promise<void> {
  const { client, env, record } = around;
  const { name, uid } = victim.metadata;
  const ref = { namespace: victim.metadata.namespace!, name };
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${preemptor.spec.schedulerName}: preempting to accommodate a higher priority pod`,
    lastProbeTime: null,
    lastTransitionTime: formatTime(env.now()),
  };
  const patch = { metadata: { uid }, status: { conditions: [condition] } };
  try {
    await client.patch(podKind, ref, 'application/strategic-merge-patch+json', patch, { subresource: 'status' });
    await client.delete(podKind, ref, { uid });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict'))
      env.log.error('Cannot preempt pod', { pod: `${ref.namespace}/${name}`, node: nodeName, error });
    return;
  }
  const message = `Preempted by pod ${preemptor.metadata.uid} on node ${nodeName}`;
  record({ regarding: victim, type: 'Normal', reason: 'Preempted', message });
}
