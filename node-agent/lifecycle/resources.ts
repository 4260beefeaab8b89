/** Requests and limits as cgroup settings, computed as the kubelet does (`pkg/kubelet/cm/helpers_linux.go`). Pure. */
import type { Pod, ResourceRequirements } from '#lib/kinds/gen/core-v1.ts';
import { ioLimitsOf } from '#lib/kinds/pod-spec/io-limits.ts';
import { podLimits, podRequests, qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import type { Amounts } from '#lib/kinds/pod-spec/resources.ts';
import { millisOf, unitsOf } from '#lib/meta/quantities.ts';
import { leastShares, sharesOf } from '../runtime/shares.ts';
import type { CgroupResources } from '../runtime/types.ts';

const periodMicroseconds = 100_000;
const leastQuota = 1000;
const billion = 1_000_000_000n;
const million = 1_000_000n;
const hugePages = 'hugepages-';

/** One container's settings. */
export function containerResources(resources: ResourceRequirements | undefined): CgroupResources {
  const cpuLimit = millis(resources?.limits?.['cpu']);
  const cpuRequest = resources?.requests?.['cpu'] === undefined ? cpuLimit : millis(resources.requests['cpu']);
  const memoryLimitBytes = units(resources?.limits?.['memory']);
  const memoryLowBytes = units(resources?.requests?.['memory'] ?? resources?.limits?.['memory']);
  const pages = Object.entries(resources?.limits ?? {}).filter(([name]) => name.startsWith(hugePages));
  return {
    cpuShares: sharesOf(cpuRequest),
    ...(cpuLimit > 0 && { cpuQuota: quotaOf(cpuLimit), cpuPeriod: periodMicroseconds }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
    ...(memoryLowBytes > 0 && { memoryLowBytes }),
    ...hugePagesOf(pages.map(([name, amount]) => [name, unitsOf(amount)])),
  };
}

/** The pod's cgroup as a whole: limits only where every container has one. What its annotations limit is not among it. */
export function podResources({ spec }: Pod): CgroupResources {
  const requests = podRequests(spec);
  const pages = [...requests].filter(([name]) => name.startsWith(hugePages));
  const huge = hugePagesOf(pages.map(([name, amount]) => [name, Number(ceilDiv(amount, billion))]));
  if (qosClassOf(spec) === 'BestEffort') return { cpuShares: leastShares, ...huge };
  const limits = podLimits(spec);
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const allLimited = (name: string) => all.every(({ resources }) => units(resources?.limits?.[name]) > 0);
  const cpuMillis = millisIn(requests);
  const memoryLowBytes = bytesIn(requests);
  return {
    cpuShares: sharesOf(cpuMillis),
    ...(cpuMillis > 0 && { cpuMillis }),
    ...(allLimited('cpu') && { cpuQuota: quotaOf(millisIn(limits)), cpuPeriod: periodMicroseconds }),
    ...(allLimited('memory') && { memoryLimitBytes: bytesIn(limits) }),
    ...(memoryLowBytes > 0 && { memoryLowBytes }),
    ...huge,
  };
}

/** What annotations limit, which nobody can change while the pod is there: of the pod, or of a container. Throws IoLimitsError. */
export function ioResources({ metadata }: Pod, container?: string): Pick<CgroupResources, 'io'> {
  const io = ioLimitsOf(metadata, container);
  return io ? { io } : {};
}

function hugePagesOf(amounts: [string, number][]): Pick<CgroupResources, 'hugePages'> {
  if (amounts.length === 0) return {};
  return { hugePages: Object.fromEntries(amounts.map(([name, bytes]) => [name.slice(hugePages.length), bytes])) };
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

function millisIn(amounts: Amounts): number {
  return Number(ceilDiv(amounts.get('cpu') ?? 0n, million));
}

function bytesIn(amounts: Amounts): number {
  return Number(ceilDiv(amounts.get('memory') ?? 0n, billion));
}

/** Of amounts, which are never negative. */
function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}
