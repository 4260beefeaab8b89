/** Requests and limits as cgroup settings, computed as the kubelet does (`pkg/kubelet/cm/helpers_linux.go`). */
import type { Container, Pod, ResourceRequirements } from '#lib/kinds/gen/core-v1.ts';
import { millisOf, unitsOf } from '#lib/meta/quantities.ts';
import type { CgroupResources } from '../runtime/types.ts';
import { qosOf } from './qos.ts';

const periodMicroseconds = 100_000;
const leastShares = 2;
const mostShares = 262_144;
const leastQuota = 1000;

type Amounts = ResourceRequirements | undefined;

/** One container's settings. */
export function containerResources(resources: Amounts): CgroupResources {
  const cpuLimit = millis(resources?.limits?.['cpu']);
  const cpuRequest = resources?.requests?.['cpu'] === undefined ? cpuLimit : millis(resources.requests['cpu']);
  const memoryLimitBytes = units(resources?.limits?.['memory']);
  return {
    cpuShares: sharesOf(cpuRequest),
    ...(cpuLimit > 0 && { cpuQuota: quotaOf(cpuLimit), cpuPeriod: periodMicroseconds }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
  };
}

/** The pod's cgroup as a whole: limits only where every container has one. */
export function podResources(pod: Pod): CgroupResources {
  if (qosOf(pod) === 'BestEffort') return { cpuShares: leastShares };
  const cpuRequest = total(pod, (container) => {
    const { requests, limits } = container.resources ?? {};
    return millis(requests?.['cpu'] ?? limits?.['cpu']);
  });
  const allLimited = (name: string) => mains(pod).every(({ resources }) => units(resources?.limits?.[name]) > 0);
  const cpuLimit = allLimited('cpu') ? total(pod, ({ resources }) => millis(resources?.limits?.['cpu'])) : 0;
  const memoryLimitBytes = allLimited('memory')
    ? total(pod, ({ resources }) => units(resources?.limits?.['memory']))
    : 0;
  return {
    cpuShares: sharesOf(cpuRequest),
    ...(cpuLimit > 0 && { cpuQuota: quotaOf(cpuLimit), cpuPeriod: periodMicroseconds }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
  };
}

/** What a pod needs at its hungriest: main containers and sidecars together, or one init container beside the sidecars before it. */
function total(pod: Pod, amountOf: (container: Container) => number): number {
  let sidecars = 0;
  let peak = 0;
  for (const container of pod.spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecars += amountOf(container);
    else peak = Math.max(peak, sidecars + amountOf(container));
  }
  return Math.max(peak, sidecars + pod.spec.containers.reduce((sum, container) => sum + amountOf(container), 0));
}

function mains(pod: Pod): Container[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
}

function sharesOf(milliCpu: number): number {
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
