/**
 * The pods that wait for a node: ready ones by priority and age, those that rest after a failed attempt, and those parked until
 * something changes that could help them (upstream: `backend/queue`). Times are on a monotonic clock, in milliseconds.
 */
import type { PodInfo } from './cluster/pod-info.ts';
import { Heap } from './heap.ts';

/** A pod in the queue. */
export interface Waiting {
  info: PodInfo;
  attempts: number;
  /** When it was last ready for an attempt; older goes first among equals. */
  turn: number;
  /** It is not tried again before this. */
  restsUntil: number;
  /** When it was parked, if it is. */
  parkedAt: number;
  /** Whether changes anywhere may help it, and not only on the node that refused it. */
  far: boolean;
  state: 'ready' | 'resting' | 'parked' | 'trying' | 'gone';
}

const firstRestMs = 1000;
const longestRestMs = 10_000;

export class SchedulingQueue {
  readonly #byUid = new Map<string, Waiting>();
  readonly #ready = new Heap<Entry>(
    (a, b) => a.priority > b.priority || (a.priority === b.priority && a.turn < b.turn),
  );
  readonly #resting = new Heap<Waiting>((a, b) => a.restsUntil < b.restsUntil);
  #turns = 0;

  /** Pods that wait, in whatever state. */
  get size(): number {
    return this.#byUid.size;
  }

  get(uid: string): Waiting | undefined {
    return this.#byUid.get(uid);
  }

  /** Adds a pod that is ready for its first attempt. */
  add(info: PodInfo): void {
    const waiting: Waiting = { info, attempts: 0, turn: 0, restsUntil: 0, parkedAt: 0, far: false, state: 'ready' };
    this.#byUid.set(info.uid, waiting);
    this.#makeReady(waiting);
  }

  /** The pod has changed. With `again`, a parked one is tried again. */
  update(info: PodInfo, again: boolean, now: number): void {
    const waiting = this.#byUid.get(info.uid);
    if (!waiting) return;
    const reorder = waiting.state === 'ready' && waiting.info.priority !== info.priority;
    waiting.info = info;
    if (reorder) this.#makeReady(waiting);
    if (again && waiting.state === 'parked') this.#release(waiting, now);
  }

  /** Forgets a pod: deleted, placed, or no longer ours. */
  remove(uid: string): void {
    const waiting = this.#byUid.get(uid);
    if (!waiting) return;
    waiting.state = 'gone';
    this.#byUid.delete(uid);
  }

  /** The next pod to try, now counted as being tried. */
  pop(): Waiting | undefined {
    for (let entry = this.#ready.pop(); entry; entry = this.#ready.pop()) {
      const { waiting, turn } = entry;
      if (waiting.state !== 'ready' || waiting.turn !== turn) continue;
      waiting.state = 'trying';
      waiting.attempts++;
      return waiting;
    }
    return undefined;
  }

  /** No node suits the pod now: it waits for a change. */
  park(waiting: Waiting, now: number): void {
    if (waiting.state === 'gone') return;
    waiting.state = 'parked';
    waiting.parkedAt = now;
    waiting.restsUntil = now + restMs(waiting.attempts);
  }

  /** The attempt failed for a reason of its own: it is repeated after a rest. */
  retry(waiting: Waiting, now: number): void {
    this.park(waiting, now);
    if (waiting.state === 'parked') this.#release(waiting, now);
  }

  /** Tries the parked pods again for which `helped` holds, each when its rest is over. */
  wake(helped: (waiting: Waiting) => boolean, now: number): void {
    for (const waiting of this.#byUid.values())
      if (waiting.state === 'parked' && helped(waiting)) this.#release(waiting, now);
  }

  /** Makes pods ready whose rest is over. */
  releaseRested(now: number): void {
    for (let first = this.#resting.peek(); first && (first.state !== 'resting' || first.restsUntil <= now);) {
      this.#resting.pop();
      if (first.state === 'resting') this.#makeReady(first);
      first = this.#resting.peek();
    }
  }

  /** When the next rest is over, if any pod rests. */
  nextRested(): number | undefined {
    return this.#resting.peek()?.restsUntil;
  }

  #release(waiting: Waiting, now: number): void {
    if (waiting.restsUntil <= now) return this.#makeReady(waiting);
    waiting.state = 'resting';
    this.#resting.push(waiting);
  }

  #makeReady(waiting: Waiting): void {
    waiting.state = 'ready';
    waiting.turn = ++this.#turns;
    this.#ready.push({ waiting, turn: waiting.turn, priority: waiting.info.priority });
  }
}

/** One readiness of a pod; out of date when the pod has had another turn since. */
interface Entry {
  waiting: Waiting;
  turn: number;
  priority: number;
}

/** Doubles with each attempt. */
function restMs(attempts: number): number {
  return Math.min(firstRestMs * 2 ** Math.max(0, attempts - 1), longestRestMs);
}
