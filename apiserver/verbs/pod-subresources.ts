/** pods/binding and pods/eviction. */
import { deleteOptionsFaults } from '#lib/kinds/checks/delete-options.ts';
import type { Binding, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Eviction, PodDisruptionBudget } from '#lib/kinds/gen/policy-v1.ts';
import { binding as bindingKind } from '#lib/kinds/binding.ts';
import { pod as kind } from '#lib/kinds/pod.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { withCondition } from '#lib/meta/conditions.ts';
import { badRequest, conflict, invalidObject, isReason, notSupported, plainError, required } from '#lib/meta/errors.ts';
import type { Ref } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';
import { demand } from '../auth/authorize.ts';
import { admitted, warner } from './context.ts';
import type { VerbsContext } from './context.ts';
import { decodeObject } from './decode.ts';
import { removeAuthorized } from './delete.ts';
import { consentTo, spend, stillProcessed } from './disruption-budget.ts';
import { checkMeant } from './meant.ts';
import type { Caller, DeleteOptions, WriteOptions } from './types.ts';

/** Assigns a pod to a node, once. Resolves to the revision of the write. */
export async function bindPod(
  context: VerbsContext,
  caller: Caller,
  ref: Ref,
  body: unknown,
  options: WriteOptions,
): Promise<bigint> {
  demand(context.authorize, caller, 'create', kind, { ...ref, subresource: 'binding' });
  const binding = decodeObject(bindingKind, body, options) as Binding;
  checkName('Binding', binding, ref);
  checkTarget(binding);
  const refuse = (because: string) => conflict({ group: '', plural: 'pods/binding' }, ref.name, because);
  const written = await context.writer.change(kind, ref, options.dryRun ?? false, async (before) => {
    const pod = before as Pod;
    checkMeant(kind, ref, binding.metadata, pod.metadata);
    if (pod.metadata.deletionTimestamp !== undefined) {
      throw refuse(`pod ${ref.name} is being deleted, cannot be assigned to a host`);
    }
    if (pod.spec.nodeName) throw refuse(`pod ${ref.name} is already assigned to node "${pod.spec.nodeName}"`);
    if (pod.spec.schedulingGates?.length) throw refuse(`pod ${ref.name} has non-empty .spec.schedulingGates`);
    const object = await admitted(context, {
      operation: 'CREATE',
      kind,
      namespace: ref.namespace,
      name: ref.name,
      subresource: 'binding',
      object: assigned(pod, binding, context.env.now()),
      before,
      caller,
      dryRun: options.dryRun ?? false,
      warn: warner(options.notes),
    });
    return { do: 'store', object };
  });
  return written.entry.revision;
}

const evictionType = {
  group: 'policy',
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  schema: 'io.k8s.api.policy.v1.Eviction',
};

/** Deletes a pod on behalf of someone who empties its node. */
export async function evictPod(
  context: VerbsContext,
  caller: Caller,
  ref: Ref,
  body: unknown,
  options: WriteOptions,
): Promise<bigint> {
  demand(context.authorize, caller, 'create', kind, { ...ref, subresource: 'eviction' });
  const eviction = decodeObject(evictionType, inPresentVersion(body), options) as Eviction;
  checkName('Eviction', eviction, ref);
  const { gracePeriodSeconds, preconditions, propagationPolicy, dryRun: asked } = eviction.deleteOptions ?? {};
  const dryRun = options.dryRun === true || asked?.includes('All') === true;
  await admitted(context, {
    operation: 'CREATE',
    kind,
    namespace: ref.namespace,
    name: ref.name,
    subresource: 'eviction',
    object: eviction,
    before: undefined,
    caller,
    dryRun,
    warn: warner(options.notes),
  });
  const faults = deleteOptionsFaults(eviction.deleteOptions ?? {});
  if (faults.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', faults);
  return removeWithConsent(context, caller, ref, {
    dryRun,
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(propagationPolicy !== undefined && { propagationPolicy: propagationPolicy as 'Background' }),
    ...(preconditions && {
      preconditions: {
        ...(preconditions.uid !== undefined && { uid: preconditions.uid }),
        ...(preconditions.resourceVersion !== undefined && { resourceVersion: preconditions.resourceVersion }),
      },
    }),
  });
}

/** Clients may still speak the version that came before, which says the same. */
function inPresentVersion(body: unknown): unknown {
  const { apiVersion } = (body ?? {}) as { apiVersion?: unknown };
  return apiVersion === 'policy/v1beta1' ? { ...(body as object), apiVersion: evictionType.apiVersion } : body;
}

/** Deletes a pod once its budget, if it has one, gives a disruption for it. */
async function removeWithConsent(
  context: VerbsContext,
  caller: Caller,
  ref: Ref,
  options: DeleteOptions,
): Promise<bigint> {
  const pinned = options.preconditions?.resourceVersion !== undefined;
  const time = formatTime(context.env.now());
  for (let attempt = 1; ; attempt++) {
    const pod = (await context.reader.get(kind, ref)).object as Pod;
    const consent = consentTo(pod, context.look.list(podDisruptionBudget, ref.namespace));
    if (consent.do === 'spend') await spendFrom(context, consent.budget, pod, options.dryRun ?? false);
    const unchanged = consent.do === 'delete-unchanged' && !pinned;
    const { resourceVersion } = pod.metadata;
    const how = { ...options, ...(unchanged && { preconditions: { ...options.preconditions, resourceVersion } }) };
    try {
      const { entry } = await removeAuthorized(context, caller, kind, ref, how, (object) =>
        evicted(object as Pod, time),
      );
      return entry.revision;
    } catch (error) {
      if (!unchanged || !isReason(error, 'Conflict')) throw error;
      // A pod that a budget covers may count by now; others are looked at anew.
      if (consent.budget !== undefined) throw stillProcessed(consent.budget);
      if (attempt === evictionAttempts) throw error;
    }
  }
}

/** The pod with the reason of its end, for those who count how Jobs fail. */
function evicted(pod: Pod, time: string): Pod {
  const reason = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
  const condition = { type: 'DisruptionTarget', status: 'True', ...reason };
  return { ...pod, status: { ...pod.status, conditions: withCondition(pod.status?.conditions, condition, time) } };
}

async function spendFrom(
  { writer, env }: VerbsContext,
  budget: PodDisruptionBudget,
  pod: Pod,
  dryRun: boolean,
): Promise<void> {
  const { name, namespace } = budget.metadata;
  const at = { name, namespace: namespace ?? '' };
  try {
    await writer.change(podDisruptionBudget, at, dryRun, async (before) => ({
      do: 'store',
      object: spend(before as PodDisruptionBudget, pod.metadata.name, env.now()),
    }));
  } catch (error) {
    if (isReason(error, 'Conflict')) throw stillProcessed(name);
    // A budget that has just been deleted protects nothing any more.
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** How often a pod may change under an eviction before the client must ask again. */
const evictionAttempts = 20;

function assigned(pod: Pod, { target, metadata }: Binding, nowMs: number): Pod {
  const annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  return {
    ...pod,
    metadata: { ...pod.metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...pod.spec, nodeName: target.name },
    status: {
      ...pod.status,
      conditions: withCondition(pod.status?.conditions, { type: 'PodScheduled', status: 'True' }, formatTime(nowMs)),
    },
  };
}

function checkTarget({ target }: Binding): void {
  const faults = [
    ...(target?.kind && target.kind !== 'Node' ? [notSupported('target.kind', target.kind, ['Node', '<empty>'])] : []),
    ...(target?.name ? [] : [required('target.name')]),
  ];
  const sentences = faults.map(({ field, message }) => `${field}: ${message}`);
  if (sentences.length > 0) throw plainError(sentences.length === 1 ? sentences[0]! : `[${sentences.join(', ')}]`);
}

function checkName(title: string, { metadata }: { metadata?: { name?: string } | undefined }, { name }: Ref): void {
  if (metadata?.name !== name) throw badRequest(`name in URL does not match name in ${title} object`);
}
