/**
 * Charges quotas: their status counts a new object before it is stored, by compare-and-put, so that however many writers and servers
 * there are, a quota is never exceeded. Requests that come together are charged together, one write for all of them.
 *
 * What is charged and then not stored is given back by the quota controller, which counts anew.
 */
import type { ResourceQuota } from '#lib/kinds/gen/core-v1.ts';
import { resourceQuota } from '#lib/kinds/resource-quota.ts';
import { ApiError, alreadyExists, isReason } from '#lib/meta/errors.ts';
import type { World } from '../store/world-types.ts';
import type { Writer } from '../verbs/writer.ts';
import { chargeOf, coveringQuotas, withCharge } from './resource-quota.ts';
import type { Charge, Used } from './resource-quota.ts';
import type { AdmissionRequest, Lookup } from './types.ts';

/** Requests of one namespace that wait at most; more are turned away for a moment. */
const waitingLimit = 10_000;

/** Makes the step of admission that comes last. `look` sees the world. */
export function makeQuotaCharger(
  writer: Pick<Writer, 'change'>,
  look: Lookup,
  world: Pick<World, 'sync' | 'waitFor'>,
): (request: AdmissionRequest) => Promise<void> | undefined {
  /** By namespace: who waits while a batch is being charged. */
  const queues = new Map<string, Waiter[]>();

  const enqueue = (charge: Charge): Promise<void> => {
    const { namespace } = charge.request;
    let queue = queues.get(namespace);
    if (queue && queue.length >= waitingLimit) {
      throw new ApiError('TooManyRequests', 'too many requests wait for the quotas of this namespace', {
        retryAfterSeconds: 1,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { charge, resolve, reject };
    if (queue) queue.push(waiter);
    else {
      queues.set(namespace, (queue = [waiter]));
      void drain(namespace);
    }
    return promise;
  };

  const drain = async (namespace: string): Promise<void> => {
    // Whoever comes within this turn comes along.
    await Promise.resolve();
    let written = 0n;
    for (let batch = queues.get(namespace)!; batch.length > 0; batch = queues.get(namespace)!) {
      queues.set(namespace, []);
      written = await settle(namespace, batch, written);
    }
    queues.delete(namespace);
  };

  /** Charges a batch, on a state that has what the last one wrote; answers the revision of its own last write. */
  const settle = async (namespace: string, batch: Waiter[], after: bigint): Promise<bigint> => {
    let written = after;
    try {
      await world.waitFor(after);
      let plan = planOf(look, namespace, batch);
      if (plan.refused.size > 0) {
        await world.sync();
        plan = planOf(look, namespace, batch);
      }
      for (const [waiter, error] of plan.refused) waiter.reject(error);
      for (const [quota, waiters] of plan.charges) written = (await write(quota, waiters, plan.refused)) ?? written;
      for (const waiter of batch) waiter.resolve();
    } catch (error) {
      for (const waiter of batch) waiter.reject(error);
    }
    return written;
  };

  /** Adds the charges to the quota; those that no longer fit are refused. Answers the revision, where the quota is still there. */
  const write = async (
    quota: ResourceQuota,
    waiters: readonly Waiter[],
    refused: Map<Waiter, unknown>,
  ): Promise<bigint | undefined> => {
    const { name, namespace = '' } = quota.metadata;
    let tooMuch = new Map<Waiter, unknown>();
    let revision: bigint | undefined;
    try {
      const written = await writer.change(resourceQuota, { namespace, name }, false, (current) => {
        tooMuch = new Map();
        const latest = current as ResourceQuota;
        const before = latest.status?.used ?? {};
        let used: Used = before;
        for (const waiter of waiters) {
          if (!refused.has(waiter)) attempt(waiter, tooMuch, () => (used = withCharge(latest, used, waiter.charge)));
        }
        return used === before
          ? { do: 'nothing' }
          : { do: 'store', object: { ...latest, status: { ...latest.status, used } } as ResourceQuota };
      });
      ({ revision } = written.entry);
    } catch (error) {
      // A quota that is gone limits nothing.
      if (!isReason(error, 'NotFound')) throw error;
    }
    // Who filled it may have taken the very name, which counts for more.
    if (tooMuch.size > 0) await world.sync();
    for (const [waiter, error] of tooMuch) {
      const told = nameTaken(look, waiter) ?? error;
      refused.set(waiter, told);
      waiter.reject(told);
    }
    return revision;
  };

  return (request) => {
    const [first] = look.list(resourceQuota, request.namespace);
    if (!first) return undefined;
    const charge = chargeOf(request);
    if (!charge) return undefined;
    if (!request.dryRun) return enqueue(charge);
    for (const quota of coveringQuotas(look.list(resourceQuota, request.namespace), charge)) {
      withCharge(quota, quota.status?.used ?? {}, charge);
    }
    return undefined;
  };
}

interface Waiter {
  charge: Charge;
  resolve(): void;
  reject(error: unknown): void;
}

interface Plan {
  refused: Map<Waiter, unknown>;
  /** By quota: whose charges it takes. */
  charges: Map<ResourceQuota, Waiter[]>;
}

/** Takes the charges in, one after the other, as far as all their quotas have room. */
function planOf(look: Lookup, namespace: string, batch: readonly Waiter[]): Plan {
  const quotas = [...look.list(resourceQuota, namespace)];
  const plan: Plan = { refused: new Map(), charges: new Map() };
  const used = new Map<ResourceQuota, Used>(quotas.map((quota) => [quota, quota.status?.used ?? {}]));
  for (const waiter of batch) {
    attempt(waiter, plan.refused, () => {
      // What cannot be stored anyway must not be charged.
      const taken = nameTaken(look, waiter);
      if (taken) throw taken;
      const covering = coveringQuotas(quotas, waiter.charge);
      const next = covering.map((quota) => [quota, withCharge(quota, used.get(quota)!, waiter.charge)] as const);
      for (const [quota, sum] of next) {
        used.set(quota, sum);
        const waiters = plan.charges.get(quota);
        if (waiters) waiters.push(waiter);
        else plan.charges.set(quota, [waiter]);
      }
    });
  }
  return plan;
}

/** The refusal of what is to be created under a name that another has. */
function nameTaken(look: Lookup, { charge }: Waiter): ApiError | undefined {
  const { operation, kind, namespace, name } = charge.request;
  return operation === 'CREATE' && look.get(kind, { namespace, name }) ? alreadyExists(kind, name) : undefined;
}

/** Runs one waiter's part; a refusal is its own affair. */
function attempt(waiter: Waiter, refused: Map<Waiter, unknown>, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!isReason(error, 'Forbidden', 'AlreadyExists')) throw error;
    refused.set(waiter, error);
  }
}
