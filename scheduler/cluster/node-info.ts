/** A node with the pods that run or are about to run on it. */
import type { Node, Taint } from '#lib/kinds/gen/core-v1.ts';
import type { HostPort, PodInfo } from './pod-info.ts';
import { allocatableOf, podLimitOf } from './resources.ts';
import type { Resources } from './resources.ts';

export class NodeInfo {
  readonly name: string;
  /** Index into per-node arrays; taken over by another node once this one is gone. */
  readonly slot: number;
  /** Undefined while pods name a node that is not known (yet, or any more). */
  node: Node | undefined;
  labels: Readonly<Record<string, string>> = {};
  taints: readonly Taint[] = [];
  allocatable: Resources = allocatableOf(undefined);
  podLimit = 0;
  /** Image name -> bytes. */
  images: ReadonlyMap<string, number> = new Map();
  readonly pods = new Map<string, PodInfo>();
  /** Pods that were promised room here once their victims are gone. */
  readonly nominated = new Map<string, PodInfo>();
  cpuMillis = 0;
  memoryBytes = 0;
  ephemeralBytes = 0;
  readonly extended = new Map<string, number>();
  scoredCpuMillis = 0;
  scoredMemoryBytes = 0;
  /** Host port taken -> by how many pods. */
  readonly hostPorts = new Map<string, { port: HostPort; users: number }>();
  /** Changes with everything that a judgement about this node alone can depend on. */
  generation: number;

  constructor(name: string, slot: number, generation: number) {
    this.name = name;
    this.slot = slot;
    this.generation = generation;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    this.labels = node?.metadata.labels ?? {};
    this.taints = node?.spec.taints ?? [];
    this.allocatable = allocatableOf(node?.status?.allocatable);
    this.podLimit = podLimitOf(node?.status?.allocatable);
    this.images = imagesOf(node);
  }

  add(pod: PodInfo): void {
    this.pods.set(pod.uid, pod);
    this.#account(pod, 1);
  }

  remove(pod: PodInfo): void {
    if (this.pods.delete(pod.uid)) this.#account(pod, -1);
  }

  #account({ shape }: PodInfo, sign: 1 | -1): void {
    this.cpuMillis += sign * shape.requests.cpuMillis;
    this.memoryBytes += sign * shape.requests.memoryBytes;
    this.ephemeralBytes += sign * shape.requests.ephemeralBytes;
    this.scoredCpuMillis += sign * shape.scored.cpuMillis;
    this.scoredMemoryBytes += sign * shape.scored.memoryBytes;
    for (const [name, amount] of shape.requests.extended)
      this.extended.set(name, (this.extended.get(name) ?? 0) + sign * amount);
    for (const port of shape.hostPorts) {
      const key = `${port.address}/${port.protocol}/${port.port}`;
      const users = (this.hostPorts.get(key)?.users ?? 0) + sign;
      if (users > 0) this.hostPorts.set(key, { port, users });
      else this.hostPorts.delete(key);
    }
  }
}

function imagesOf(node: Node | undefined): ReadonlyMap<string, number> {
  const images = new Map<string, number>();
  for (const { names, sizeBytes } of node?.status?.images ?? [])
    for (const name of names ?? []) images.set(name, sizeBytes ?? 0);
  return images;
}
