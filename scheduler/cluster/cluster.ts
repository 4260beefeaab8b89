/**
 * The scheduler's picture of the cluster, changed object by object as the view changes and by its own assumptions. Every
 * derived number (requests per node, tallies, topology domains) follows incrementally.
 */
import type { Namespace, Node } from '#lib/kinds/gen/core-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { CarriedTerms } from './carried-terms.ts';
import { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import { SelectorOwners } from './selector-owners.ts';
import { Tallies } from './tallies.ts';
import type { Tally } from './tallies.ts';
import { Volumes } from './volumes.ts';

/** The values of one topology key: which node lies in which. */
export interface Domains {
  /** Slot -> domain number, -1 for a node without the label. */
  ids: Int32Array;
  /** How many domains there are. */
  size: number;
}

const zoneLabels = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'] as const;

export class Cluster {
  readonly #byName = new Map<string, NodeInfo>();
  /** Pod uid -> where it is counted. */
  readonly #placed = new Map<string, { pod: PodInfo; at: NodeInfo }>();
  readonly #nominated = new Map<string, NodeInfo>();
  readonly #freeSlots: number[] = [];
  #slots = 0;
  #generation = 0;
  #order: NodeInfo[] | undefined;
  readonly #domains = new Map<string, Domains>();
  readonly #namespaces = new Map<string, Readonly<Record<string, string>>>();
  readonly #tallies = new Tallies();
  readonly #nodesWithImage = new Map<string, number>();
  readonly carried = new CarriedTerms();
  readonly selectorOwners = new SelectorOwners();
  readonly volumes = new Volumes();

  /** The known nodes, zones taking turns, as upstream visits them. */
  get nodes(): readonly NodeInfo[] {
    this.#order ??= interleavedByZone([...this.#byName.values()].filter((info) => info.node !== undefined));
    return this.#order;
  }

  /** Arrays indexed by slot need this length. */
  get slots(): number {
    return this.#slots;
  }

  nodeNamed(name: string): NodeInfo | undefined {
    const info = this.#byName.get(name);
    return info?.node ? info : undefined;
  }

  /** Adds or replaces a node. Returns whether anything that placement looks at has changed. */
  setNode(node: Node): boolean {
    const info = this.#named(node.metadata.name);
    const before = info.node;
    if (before && sameForPlacement(before, node)) {
      info.node = node;
      return false;
    }
    this.#countImages(info, -1);
    info.setNode(node);
    this.#countImages(info, 1);
    this.#touch(info);
    if (!before || !equal(before.metadata.labels, node.metadata.labels)) this.#topologyChanged();
    return true;
  }

  removeNode(name: string): void {
    const info = this.#byName.get(name);
    if (!info) return;
    this.#countImages(info, -1);
    info.setNode(undefined);
    this.#touch(info);
    this.#topologyChanged();
    this.#dropIfEmpty(info);
  }

  /**
   * Counts a pod on the node of that name, and nowhere else. Returns whether that changes anything for other pods; most
   * updates are of status alone and do not.
   */
  setPod(pod: PodInfo, nodeName: string): boolean {
    const before = this.#placed.get(pod.uid);
    if (before?.at.name === nodeName && countsAlike(before.pod, pod)) {
      before.pod = pod;
      before.at.pods.set(pod.uid, pod);
      return false;
    }
    this.removePod(pod.uid);
    const at = this.#named(nodeName);
    at.add(pod);
    this.#placed.set(pod.uid, { pod, at });
    this.#tallies.note(pod, at.slot, 1);
    this.carried.note(pod, at.slot, 1);
    this.#touch(at);
    return true;
  }

  removePod(uid: string): void {
    const placed = this.#placed.get(uid);
    if (!placed) return;
    this.#placed.delete(uid);
    placed.at.remove(placed.pod);
    this.#tallies.note(placed.pod, placed.at.slot, -1);
    this.carried.note(placed.pod, placed.at.slot, -1);
    this.#touch(placed.at);
    this.#dropIfEmpty(placed.at);
  }

  /** The name of the node a pod is counted on. */
  nodeOfPod(uid: string): string | undefined {
    return this.#placed.get(uid)?.at.name;
  }

  /** Promises a pod room on a node, and nowhere else. */
  nominate(pod: PodInfo, nodeName: string): void {
    const at = this.#named(nodeName);
    if (at.nominated.get(pod.uid)?.shape === pod.shape) return;
    this.withdraw(pod.uid);
    at.nominated.set(pod.uid, pod);
    this.#nominated.set(pod.uid, at);
    this.#touch(at);
  }

  /** Takes back what nominate() promised. */
  withdraw(uid: string): void {
    const before = this.#nominated.get(uid);
    if (!before) return;
    before.nominated.delete(uid);
    this.#nominated.delete(uid);
    this.#touch(before);
    this.#dropIfEmpty(before);
  }

  /** The node that promised the pod room. */
  promisedNode(uid: string): NodeInfo | undefined {
    const info = this.#nominated.get(uid);
    return info?.node ? info : undefined;
  }

  /** Whether what a namespace is selected by has changed. */
  setNamespace(namespace: Namespace): boolean {
    const { name, labels = {} } = namespace.metadata;
    if (equal(this.#namespaces.get(name), labels)) return false;
    this.#namespaces.set(name, labels);
    // Descriptions may select namespaces by label; this is rare enough to count everything anew.
    this.#tallies.clear();
    return true;
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
  }

  readonly namespaceLabels = (name: string): Readonly<Record<string, string>> | undefined => this.#namespaces.get(name);

  /** How many pods that fit the description each node holds; `key` must say all that `describes` depends on. */
  tally(key: string, namespaces: readonly string[] | undefined, describes: (pod: PodInfo) => boolean): Tally {
    this.#tallies.grow(this.#slots);
    return this.#tallies.get(key, namespaces, describes, () => this.#pods());
  }

  domains(topologyKey: string): Domains {
    let domains = this.#domains.get(topologyKey);
    if (!domains) {
      domains = domainsOf(this.nodes, topologyKey, this.#slots);
      this.#domains.set(topologyKey, domains);
    }
    return domains;
  }

  /** How many nodes hold an image. */
  nodesWithImage(image: string): number {
    return this.#nodesWithImage.get(image) ?? 0;
  }

  /**
   * Runs `what` with some pods of one node thought away, and puts them back. Nothing else may be changed meanwhile.
   */
  without<T>(
    info: NodeInfo,
    pods: readonly PodInfo[],
    what: (putBack: (pod: PodInfo) => void, takeAway: (pod: PodInfo) => void) => T,
  ): T {
    const { generation } = info;
    const away = new Set<PodInfo>();
    const takeAway = (pod: PodInfo) => {
      away.add(pod);
      this.removePod(pod.uid);
    };
    const putBack = (pod: PodInfo) => {
      away.delete(pod);
      this.setPod(pod, info.name);
    };
    for (const pod of pods) takeAway(pod);
    try {
      return what(putBack, takeAway);
    } finally {
      for (const pod of away) putBack(pod);
      info.generation = generation;
    }
  }

  *#pods(): Iterable<{ pod: PodInfo; slot: number }> {
    for (const { pod, at } of this.#placed.values()) yield { pod, slot: at.slot };
  }

  #named(name: string): NodeInfo {
    let info = this.#byName.get(name);
    if (!info) {
      const slot = this.#freeSlots.pop() ?? this.#slots++;
      this.#tallies.grow(this.#slots);
      info = new NodeInfo(name, slot, ++this.#generation);
      this.#byName.set(name, info);
    }
    return info;
  }

  #dropIfEmpty(info: NodeInfo): void {
    if (info.node || info.pods.size > 0 || info.nominated.size > 0) return;
    this.#byName.delete(info.name);
    this.#freeSlots.push(info.slot);
  }

  #touch(info: NodeInfo): void {
    info.generation = ++this.#generation;
  }

  #topologyChanged(): void {
    this.#order = undefined;
    this.#domains.clear();
  }

  #countImages(info: NodeInfo, change: 1 | -1): void {
    for (const image of info.images.keys()) {
      const nodes = this.nodesWithImage(image) + change;
      if (nodes > 0) this.#nodesWithImage.set(image, nodes);
      else this.#nodesWithImage.delete(image);
    }
  }
}

function countsAlike(a: PodInfo, b: PodInfo): boolean {
  return a.shape === b.shape && a.terminating === b.terminating && equal(a.labels, b.labels);
}

function sameForPlacement(a: Node, b: Node): boolean {
  return (
    a.spec.unschedulable === b.spec.unschedulable &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    equal(a.spec.taints, b.spec.taints) &&
    equal(a.metadata.labels, b.metadata.labels) &&
    equal(a.status?.allocatable, b.status?.allocatable) &&
    equal(a.status?.images, b.status?.images)
  );
}

function domainsOf(nodes: readonly NodeInfo[], topologyKey: string, slots: number): Domains {
  const ids = new Int32Array(slots).fill(-1);
  const numbers = new Map<string, number>();
  for (const { labels, slot } of nodes) {
    const value = labels[topologyKey];
    if (value === undefined) continue;
    let id = numbers.get(value);
    if (id === undefined) numbers.set(value, (id = numbers.size));
    ids[slot] = id;
  }
  return { ids, size: numbers.size };
}

function interleavedByZone(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = Map.groupBy(nodes, ({ labels }) => zoneLabels.map((label) => labels[label] ?? '').join(' '));
  if (zones.size === 1) return [...nodes];
  const order: NodeInfo[] = [];
  for (let round = 0; order.length < nodes.length; round++) {
    for (const zone of zones.values()) {
      const info = zone[round];
      if (info) order.push(info);
    }
  }
  return order;
}
