/** Who has processors for himself, and what is left for the rest: upstream's static policy. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import { millisOf } from '#lib/meta/quantities.ts';
import { takeProcessors } from './take.ts';
import type { Processor } from './take.ts';

/** The processors of containers that have some for themselves: by the pod's uid and the container's name. */
export type Grants = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

export interface CpuPlan {
  machine: readonly Processor[];
  /** For what is no pod; pods without processors of their own may use them too. */
  reserved: readonly number[];
}

/** What a pod is refused with. */
export interface CpuRefusal {
  reason: string;
  message: string;
}

/** What everybody may use who has none for himself. */
export function sharedProcessors({ machine }: CpuPlan, grants: Grants): number[] {
  const granted = new Set(Object.values(grants).flatMap((pod) => Object.values(pod).flat()));
  return machine.map(({ id }) => id).filter((id) => !granted.has(id));
}

/** The grants with those that a pod needs; the same when it needs none, or has them. */
export function grantTo(pod: Pod, plan: CpuPlan, grants: Grants): { grants: Grants } | { refusal: CpuRefusal } {
  const { uid } = pod.metadata;
  const needs = wholeProcessors(pod);
  if (needs.length === 0 || grants[uid]) return { grants };
  const granted: Record<string, number[]> = {};
  for (const { name, count } of needs) {
    const shared = sharedProcessors(plan, { ...grants, [uid]: granted });
    const free = new Set(shared.filter((id) => !plan.reserved.includes(id)));
    const taken = takeProcessors(plan.machine, free, count);
    if (!taken) {
      const message = `Allocate failed due to not enough cpus available to satisfy request: requested=${count}, available=${free.size}, which is unexpected`;
      return { refusal: { reason: 'UnexpectedAdmissionError', message } };
    }
    granted[name] = taken;
  }
  return { grants: { ...grants, [uid]: granted } };
}

/** The grants without those of pods that are not kept; the same when there are none. */
export function keepGrants(grants: Grants, keeps: (uid: string) => boolean): Grants {
  const entries = Object.entries(grants);
  const kept = entries.filter(([uid]) => keeps(uid));
  return kept.length === entries.length ? grants : Object.fromEntries(kept);
}

/** Containers of a guaranteed pod that run on with it and ask for whole processors. */
function wholeProcessors({ spec }: Pod): { name: string; count: number }[] {
  if (qosClassOf(spec) !== 'Guaranteed') return [];
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...spec.containers].flatMap(({ name, resources }) => {
    const millis = millisOf(resources?.requests?.['cpu'] ?? resources?.limits?.['cpu'] ?? 0);
    return millis > 0 && millis % 1000 === 0 ? [{ name, count: millis / 1000 }] : [];
  });
}
