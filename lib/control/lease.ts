/**
 * Leader election by a coordination.k8s.io Lease, compatible with client-go's `tools/leaderelection`: whoever renews the Lease
 * leads; a Lease that nobody was seen to change for its duration may be taken. Only local clocks are compared with themselves.
 */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Lease, LeaseSpec } from '#lib/kinds/gen/coordination-v1.ts';
import { lease } from '#lib/kinds/lease.ts';
import { isReason } from '#lib/meta/errors.ts';
import { formatMicroTime } from '#lib/meta/time.ts';

export interface ElectionOptions {
  namespace: string;
  name: string;
  /** Unique among all candidates that ever were. */
  identity: string;
  /** How long a Lease holds without renewal. */
  leaseMs?: number;
  /** A leader that could not renew for this long steps down; less than `leaseMs`. */
  renewMs?: number;
  retryMs?: number;
}

/** Spreads the candidates' attempts over up to this many retry times more. */
const jitter = 1.2;

/**
 * Stands for election until aborted. Whenever elected, calls `lead` with a signal that aborts when leadership is lost, waits for it
 * to end, and stands again. On abort it gives the Lease back, so that another need not wait.
 */
export async function standForElection(
  options: ElectionOptions,
  { client, env, signal }: { client: Client; env: Env; signal: AbortSignal },
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const retryMs = options.retryMs ?? 2000;
  const renewMs = options.renewMs ?? 10_000;
  const log = env.log.with({ lease: `${options.namespace}/${options.name}`, identity: options.identity });
  const seat = makeSeat(options, client, env);
  while (!signal.aborted) {
    if (!(await seat.tryHold().catch((error: unknown) => failed(error)))) {
      await env.sleep(retryMs * (1 + env.random() * jitter), signal).catch(() => {});
      continue;
    }
    log.info('Leading');
    const term = new AbortController();
    const leading = lead(term.signal);
    const ended = leading.finally(() => term.abort(new Error('The term ended'))).catch(() => {});
    let renewed = env.monotonic();
    while (!signal.aborted && !term.signal.aborted && env.monotonic() - renewed < renewMs) {
      await env.sleep(retryMs, AbortSignal.any([signal, term.signal])).catch(() => {});
      if (signal.aborted || term.signal.aborted) break;
      const left = renewMs - (env.monotonic() - renewed);
      const holds = await Promise.race([seat.tryHold().catch((error: unknown) => failed(error)), timeUp(env, left)]);
      if (holds) renewed = env.monotonic();
      else if (seat.heldByOther()) break;
    }
    log.info(signal.aborted ? 'Giving up the lead' : 'Lost the lead');
    term.abort(new Error('No longer leading'));
    await ended;
    if (signal.aborted) await seat.release().catch((error: unknown) => void failed(error));
    await leading;
  }

  function failed(error: unknown): false {
    if (!isReason(error, 'Conflict', 'AlreadyExists')) log.warn('Cannot write the lease', { error });
    return false;
  }
}

function timeUp(env: Env, afterMs: number): Promise<false> {
  return new Promise((resolve) => void env.after(afterMs, () => resolve(false)));
}

interface Seat {
  /** One attempt to take or renew the Lease; whether we hold it now. */
  tryHold(): Promise<boolean>;
  heldByOther(): boolean;
  /** Lets go of the Lease when we hold it. */
  release(): Promise<void>;
}

function makeSeat({ namespace, name, identity, leaseMs = 15_000 }: ElectionOptions, client: Client, env: Env): Seat {
  let seen: Lease | undefined;
  let seenAt = 0;
  const observe = (now: Lease) => {
    if (now.metadata.resourceVersion !== seen?.metadata.resourceVersion) seenAt = env.monotonic();
    seen = now;
  };
  const holder = () => seen?.spec.holderIdentity ?? '';
  const claim = (before: LeaseSpec | undefined): LeaseSpec => {
    const now = formatMicroTime(env.now());
    const ours = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
      acquireTime: ours ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: before ? (before.leaseTransitions ?? 0) + (ours ? 0 : 1) : 0,
    };
  };
  const read = async (): Promise<Lease | undefined> => {
    try {
      return await client.get(lease, { namespace, name });
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  return {
    async tryHold() {
      const current = await read();
      if (!current) {
        observe(await client.create(lease, { metadata: { namespace, name }, spec: claim(undefined) }));
        return true;
      }
      observe(current);
      const expired = env.monotonic() - seenAt >= leaseMs;
      if (holder() !== '' && holder() !== identity && !expired) return false;
      observe(await client.update(lease, { ...current, spec: claim(current.spec) }));
      return true;
    },
    heldByOther: () => holder() !== '' && holder() !== identity,
    async release() {
      if (!seen || holder() !== identity) return;
      const now = formatMicroTime(env.now());
      const spec = { ...seen.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
      seen = await client.update(lease, { ...seen, spec });
    },
  };
}
