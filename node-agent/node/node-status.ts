/** The Node object as the agent reports it, with upstream's reasons and sentences. Pure. */
import type { NodeCondition, NodeStatus } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { PressureCondition } from '../eviction/types.ts';
import type { ImageInfo } from '../images/types.ts';
import type { RuntimeFeatures } from '../runtime/types.ts';
import type { NodeResources } from './allocatable.ts';
import type { Machine } from './machine.ts';

export interface NodeInputs {
  nodeName: string;
  address: string;
  agentPort: number;
  machine: Machine;
  resources: Pick<NodeResources, 'capacity' | 'allocatable'>;
  features: RuntimeFeatures;
  images: readonly ImageInfo[];
  /** In which ways the node is short of something. */
  pressure: readonly PressureCondition[];
  /** Why pods cannot run here yet; undefined when they can. */
  notReady: string | undefined;
}

const kubeletVersion = 'v1.32.0+wherry';
const runtimeVersion = 'crun://1.8.1';
const mostImages = 50;
const mostNames = 5;

/** Labels every node has; configured ones come on top. */
export function nodeLabels(nodeName: string, architecture: string, more: Readonly<Record<string, string>>) {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    ...more,
  };
}

/** The whole status; heartbeats are `now`, transition times move only when a status does. */
export function nodeStatus(inputs: NodeInputs, before: NodeStatus | undefined, now: number): NodeStatus {
  const { machine, resources, features } = inputs;
  const images = inputs.images
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, mostImages)
    .map(({ digests, tags, sizeBytes }) => ({ names: [...digests, ...tags].slice(0, mostNames), sizeBytes }));
  return {
    capacity: resources.capacity,
    allocatable: resources.allocatable,
    addresses: [
      { type: 'InternalIP', address: inputs.address },
      { type: 'Hostname', address: inputs.nodeName },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: inputs.agentPort } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernel,
      osImage: machine.osImage,
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: kubeletVersion,
      operatingSystem: 'linux',
      architecture: machine.architecture,
    },
    ...(images.length > 0 && { images }),
    // The one there is, which has no name.
    runtimeHandlers: [
      {
        name: '',
        features: {
          recursiveReadOnlyMounts: features.recursiveReadOnly,
          userNamespaces: features.noUserNamespaces === undefined,
        },
      },
    ],
    features: { supplementalGroupsPolicy: true },
    conditions: conditionsOf(inputs, before, formatTime(now)),
  };
}

function conditionsOf(
  { pressure, notReady }: NodeInputs,
  before: NodeStatus | undefined,
  now: string,
): NodeCondition[] {
  const is = (type: string, isTrue: boolean, reason: string, message: string) => ({
    type,
    status: isTrue ? 'True' : 'False',
    reason,
    message,
  });
  const verdicts = [
    pressure.includes('MemoryPressure')
      ? is('MemoryPressure', true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : is('MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    pressure.includes('DiskPressure')
      ? is('DiskPressure', true, 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : is('DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    pressure.includes('PIDPressure')
      ? is('PIDPressure', true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : is('PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    notReady === undefined
      ? is('Ready', true, 'KubeletReady', 'kubelet is posting ready status')
      : is('Ready', false, 'KubeletNotReady', notReady),
  ];
  return verdicts.map((verdict) => {
    const known = conditionOf(before?.conditions, verdict.type);
    const kept = known?.status === verdict.status ? known.lastTransitionTime : undefined;
    return { ...verdict, lastHeartbeatTime: now, lastTransitionTime: kept ?? now };
  });
}

/** Whether a status says something new beside its heartbeats. Resources that others gave the node are none of ours. */
export function saysNew(before: NodeStatus | undefined, after: NodeStatus): boolean {
  const { conditions, capacity = {}, allocatable = {}, ...rest } = after;
  const still = (condition: NodeCondition | undefined) => ({ ...condition, lastHeartbeatTime: undefined });
  return (
    (Object.keys(rest) as (keyof typeof rest)[]).some((field) => !equal(before?.[field], after[field])) ||
    Object.entries(capacity).some(([name, amount]) => before?.capacity?.[name] !== amount) ||
    Object.entries(allocatable).some(([name, amount]) => before?.allocatable?.[name] !== amount) ||
    (conditions ?? []).some((condition) => {
      return !equal(still(conditionOf(before?.conditions, condition.type)), still(condition));
    })
  );
}
