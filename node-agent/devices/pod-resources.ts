/** Who has which devices and processors, for monitoring agents on the node: upstream's pod resources API. */
import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { podResourcesListerService } from '#protos/gen/pod-resources.ts';
import type {
  AllocatableResourcesResponse,
  ContainerDevices,
  GetPodResourcesRequest,
  GetPodResourcesResponse,
  ListPodResourcesResponse,
  PodResources,
} from '#protos/gen/pod-resources.ts';
import { grantsOf } from './allot.ts';
import type { DeviceMeter } from './meter.ts';
import { serveOnSocket } from './socket-server.ts';
import type { SocketServer } from './socket-server.ts';
import type { Device, Grant, Pools } from './types.ts';

export interface PodResourcesParts {
  env: Env;
  /** The socket to serve on. */
  file: string;
  /** Pods of the node that have not ended. */
  pods(): readonly Pod[];
  devices: { view(): { pools: Pools; grants: readonly Grant[] } };
  cpus: OwnCpus;
  meter: Pick<DeviceMeter, 'asked'>;
}

/** Processors that containers have for themselves. */
export interface OwnCpus {
  own(uid: string, container: string): readonly number[];
  /** Those that containers can have for themselves. */
  ownable(): readonly number[];
}

/** Serves until closed. */
export function servePodResources({ env, file, pods, devices, cpus, meter }: PodResourcesParts): Promise<SocketServer> {
  const tell = (pod: Pod) => podResources(pod, devices.view(), cpus);
  return serveOnSocket(
    file,
    podResourcesListerService,
    {
      list(_call: unknown, answer: sendUnaryData<ListPodResourcesResponse>) {
        meter.asked('list', false);
        answer(null, { podResources: pods().map(tell) });
      },
      get(
        { request }: ServerUnaryCall<GetPodResourcesRequest, GetPodResourcesResponse>,
        answer: sendUnaryData<GetPodResourcesResponse>,
      ) {
        const { podName, podNamespace } = request;
        const pod = pods().find(({ metadata }) => metadata.name === podName && metadata.namespace === podNamespace);
        meter.asked('get', !pod);
        if (pod) answer(null, { podResources: tell(pod) });
        else answer({ code: status.UNKNOWN, details: `pod ${podName} in namespace ${podNamespace} not found` });
      },
      getAllocatableResources(_call: unknown, answer: sendUnaryData<AllocatableResourcesResponse>) {
        meter.asked('get_allocatable', false);
        const { pools } = devices.view();
        answer(null, {
          devices: [...pools].flatMap(([resource, pool]) =>
            pool.filter(({ healthy }) => healthy).map((device) => describe(resource, device.id, device)),
          ),
          cpuIds: [...cpus.ownable()],
        });
      },
    },
    env,
  );
}

/** What the containers of a pod have that run beside each other. Pure. */
function podResources(
  { metadata, spec }: Pod,
  { pools, grants }: { pools: Pools; grants: readonly Grant[] },
  cpus: Pick<OwnCpus, 'own'>,
): PodResources {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    containers: [...sidecars, ...spec.containers].map(({ name }) => ({
      name,
      devices: grantsOf(grants, metadata.uid, name).flatMap(({ resource, devices }) => {
        const pool = new Map((pools.get(resource) ?? []).map((device) => [device.id, device]));
        return devices.map((id) => describe(resource, id, pool.get(id)));
      }),
      cpuIds: [...cpus.own(metadata.uid, name)],
    })),
  };
}

/** As upstream, an entry for each device. */
function describe(resource: string, id: string, device: Device | undefined): ContainerDevices {
  const nodes = (device?.numaNodes ?? []).map((ID) => ({ ID }));
  return { resourceName: resource, deviceIds: [id], topology: nodes.length > 0 ? { nodes } : undefined };
}
