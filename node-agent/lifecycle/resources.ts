/** Requests and limits as cgroup settings, computed as the kubelet does (`pkg/kubelet/cm/helpers_linux.go`). */
import type { Pod, ResourceRequirements } from '#lib/kinds/gen/core-v1.ts';
import { podLimits, podRequests, qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import type { Amounts } from '#lib/kinds/pod-spec/resources.ts';
import { millisOf, unitsOf } from '#lib/meta/quantities.ts';
import type { CgroupResources } from '../runtime/types.ts';

const periodMicroseconds = 100_000;
const leastShares = 2;
const mostShares = 262_144;
const leastQuota = 1000;

/** One container's settings. */
export function containerResources(resources: ResourceRequirements | undefined): CgroupResources {
  const cpuLimit = millis(resources?.limits?.['cpu']);
  const cpuRequest = resources?.requests?.['cpu'] === undefined ? cpuLimit : millis(resources.requests['cpu']);
  const memoryLimitBytes = units(resources?.limits?.['memory']);
  const memoryLowBytes = units(resources?.requests?.['memory'] ?? resources?.limits?.['memory']);
  return {
    cpuShares: sharesOf(cpuRequest),
    ...(cpuLimit > 0 && { cpuQuota: quotaOf(cpuLimit), cpuPeriod: periodMicroseconds }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
    ...(memoryLowBytes > 0 && { memoryLowBytes }),
  };
}

/** The pod's cgroup as a whole: limits only where every container has one. */
export function podResources({ spec }: Pod): CgroupResources {
  if (qosClassOf(spec) === 'BestEffort') return { cpuShares: leastShares };
  const [requests, limits] = [podRequests(spec), podLimits(spec)];
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const allLimited = (name: string) => all.every(({ resources }) => units(resources?.limits?.[name]) > 0);
  const amount = (amounts: Amounts, name: string) => Number(amounts.get(name) ?? 0n) / 1e9;
  const memoryLowBytes = Math.ceil(amount(requests, 'memory'));
  return {
    cpuShares: sharesOf(amount(requests, 'cpu') * 1000),
    ...(allLimited('cpu') && { cpuQuota: quotaOf(amount(limits, 'cpu') * 1000), cpuPeriod: periodMicroseconds }),
    ...(allLimited('memory') && { memoryLimitBytes: Math.ceil(amount(limits, 'memory')) }),
    ...(memoryLowBytes > 0 && { memoryLowBytes }),
  };
}

/** Thousandths of a processor as shares of v1. */
export function sharesOf(milliCpu: number): number {
  return Math.min(mostShares, Math.max(leastShares, Math.floor((milliCpu * 1024) / 1000)));
}

function quotaOf(milliCpu: number): number {
  return Math.max(leastQuota, Math.floor((milliCpu * periodMicroseconds) / 1000));
}

function millis(amount: number | string | undefined): number {
  return amount === undefined ? 0 : millisOf(amount);
}

function units(amount: number | string | undefined): number {
  return amount === undefined ? 0 : unitsOf(amount);
}
