/** A pod's runtime class must exist; it says what running the pod costs besides, and where that is possible. */
import type { Pod, Toleration } from '#lib/kinds/gen/core-v1.ts';
import type { RuntimeClass } from '#lib/kinds/gen/node-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { runtimeClass as runtimeClassKind } from '#lib/kinds/runtime-class.ts';
import { equal } from '#lib/meta/equal.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { creates, refusal } from './types.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

export const runtimeClass: AdmissionPlugin = { name: 'RuntimeClass', admit, validate };

function admit(request: AdmissionRequest, look: Lookup): void {
  if (!creates(request, podKind)) return;
  const found = classOf(request, look);
  if (!found) return;
  const { spec } = request.object as Pod;
  const { scheduling, overhead } = found;
  if (scheduling) {
    for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
      const own = spec.nodeSelector?.[key];
      if (own === undefined || own === value) continue;
      throw refusal(
        request,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
    }
    spec.nodeSelector = { ...spec.nodeSelector, ...scheduling.nodeSelector };
    spec.tolerations = merged(spec.tolerations ?? [], scheduling.tolerations ?? []);
  }
  if (overhead?.podFixed) {
    if (spec.overhead && !sameAmounts(spec.overhead, overhead.podFixed)) throw mismatch(request);
    spec.overhead = { ...overhead.podFixed };
  }
}

function validate(request: AdmissionRequest, look: Lookup): void {
  if (!creates(request, podKind)) return;
  const overhead = classOf(request, look)?.overhead?.podFixed;
  const { spec } = request.object as Pod;
  if (overhead) {
    if (!sameAmounts(spec.overhead ?? {}, overhead)) throw mismatch(request);
  } else if (spec.overhead) {
    throw refusal(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  }
}

function classOf(request: AdmissionRequest, look: Lookup): RuntimeClass | undefined {
  const { runtimeClassName: name } = (request.object as Pod).spec;
  if (name === undefined) return undefined;
  const found = look.get(runtimeClassKind, { namespace: '', name });
  if (!found) throw refusal(request, `pod rejected: RuntimeClass "${name}" not found`);
  return found;
}

function mismatch(request: AdmissionRequest): Error {
  return refusal(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
}

type Amounts = Readonly<Record<string, number | string>>;

function sameAmounts(a: Amounts, b: Amounts): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => b[name] !== undefined && parseQuantity(a[name]!) === parseQuantity(b[name]))
  );
}

/** The pod's own tolerations and those of the class that it lacks. */
function merged(own: readonly Toleration[], more: readonly Toleration[]): Toleration[] {
  return [...own, ...more.filter((toleration) => !own.some((other) => equal(other, toleration)))];
}
