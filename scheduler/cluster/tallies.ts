/**
 * How many pods of some description each node holds, kept up to date pod by pod, so that spreading and affinity
 * never walk over all pods.
 */
import type { PodInfo } from './pod-info.ts';

export interface Tally {
  /** Slot -> number of pods. */
  counts: Int32Array;
  total: number;
}

interface Entry extends Tally {
  key: string;
  /** Namespaces the description is confined to; undefined for all. */
  namespaces: readonly string[] | undefined;
  describes(pod: PodInfo): boolean;
}

/** Beyond this many descriptions the least recently used is forgotten; it costs a walk over all pods when it comes back. */
const tallyLimit = 512;

export class Tallies {
  readonly #entries = new Map<string, Entry>();
  readonly #byNamespace = new Map<string, Set<Entry>>();
  #slots = 0;

  /** The tally of `key`, counted over `pods` when it is new. */
  get(
    key: string,
    namespaces: readonly string[] | undefined,
    describes: (pod: PodInfo) => boolean,
    pods: () => Iterable<{ pod: PodInfo; slot: number }>,
  ): Tally {
    const known = this.#entries.get(key);
    if (known) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const entry: Entry = { key, namespaces, describes, counts: new Int32Array(this.#slots), total: 0 };
    for (const { pod, slot } of pods()) if (inScope(entry, pod) && describes(pod)) count(entry, slot, 1);
    for (const oldest of this.#entries.values()) {
      if (this.#entries.size < tallyLimit) break;
      this.#forget(oldest);
    }
    this.#entries.set(key, entry);
    for (const namespace of namespaces ?? ['']) setOf(this.#byNamespace, namespace).add(entry);
    return entry;
  }

  /** A pod came to (+1) or left (-1) the node of this slot. */
  note(pod: PodInfo, slot: number, change: 1 | -1): void {
    for (const scope of [pod.namespace, ''])
      for (const entry of this.#byNamespace.get(scope) ?? []) if (entry.describes(pod)) count(entry, slot, change);
  }

  /** Makes room for slots below `slots`. */
  grow(slots: number): void {
    if (slots <= this.#slots) return;
    this.#slots = Math.max(slots, this.#slots * 2, 64);
    for (const entry of this.#entries.values()) {
      const counts = new Int32Array(this.#slots);
      counts.set(entry.counts);
      entry.counts = counts;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#byNamespace.clear();
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.key);
    for (const namespace of entry.namespaces ?? ['']) {
      const set = this.#byNamespace.get(namespace);
      set?.delete(entry);
      if (set?.size === 0) this.#byNamespace.delete(namespace);
    }
  }
}

function inScope(entry: Entry, pod: PodInfo): boolean {
  return entry.namespaces === undefined || entry.namespaces.includes(pod.namespace);
}

function count(entry: Entry, slot: number, change: number): void {
  entry.counts[slot]! += change;
  entry.total += change;
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  let set = map.get(key);
  if (!set) map.set(key, (set = new Set()));
  return set;
}
