/**
 * The parts of the control plane as ComponentStatus tells them, under upstream's names: etcd by asking it; the scheduler and the controller manager by the
 * Leases that they renew while they work, since they need not be where we could ask them.
 */
import type { Env } from '#lib/env/env.ts';
import type { ComponentCondition, ComponentStatus } from '#lib/kinds/gen/core-v1.ts';
import type { Lease } from '#lib/kinds/gen/coordination-v1.ts';
import { lease as leaseKind } from '#lib/kinds/lease.ts';
import type { Resource } from '#lib/meta/object.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { Lookup } from './admission/types.ts';
import { failureOf } from './rest/health.ts';
import type { Check } from './rest/health.ts';
import type { Observer } from './verbs/observed.ts';

/** What a Lease holds for that does not say it, as client-go's default. */
const usualLeaseSeconds = 15;

export function makeComponentHealth(look: Lookup, checkEtcd: Check, env: Env): Observer {
  const byLease = (name: string) =>
    healthByLease(name, look.get(leaseKind, { namespace: 'kube-system', name }), env.now());
  return async () => [
    statusOf('scheduler', byLease('kube-scheduler')),
    statusOf('controller-manager', byLease('kube-controller-manager')),
    statusOf('etcd-0', healthByFailure(await failureOf(checkEtcd, env))),
  ];
}

type Health = Omit<ComponentCondition, 'type'>;

/** Healthy while the Lease holds. Unknown without one: who works alone needs none. */
export function healthByLease(name: string, lease: Lease | undefined, nowMs: number): Health {
  if (!lease) {
    return {
      status: 'Unknown',
      error: `there is no Lease kube-system/${name}: it does not run, or runs without leader election`,
    };
  }
  const { holderIdentity, renewTime, leaseDurationSeconds = usualLeaseSeconds } = lease.spec;
  if (!holderIdentity) return { status: 'False', message: `nobody holds the Lease kube-system/${name}` };
  const renewedMs = parseTime(renewTime);
  if (renewedMs !== undefined && nowMs < renewedMs + leaseDurationSeconds * 1000)
    return { status: 'True', message: 'ok' };
  return {
    status: 'False',
    message: `the Lease kube-system/${name} has not been renewed since ${renewTime ?? 'it was made'}`,
  };
}

function healthByFailure(failure: string | undefined): Health {
  return failure === undefined ? { status: 'True', message: 'ok' } : { status: 'False', message: failure };
}

/** Never stored, it has neither uid nor a time of its making. */
function statusOf(name: string, health: Health): Resource {
  const status: Omit<ComponentStatus, 'metadata'> = {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    conditions: [{ type: 'Healthy', ...health }],
  };
  return { ...status, metadata: { name, creationTimestamp: null } } as unknown as Resource;
}
