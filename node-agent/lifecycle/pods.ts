/** All pods of the node: a worker for each, from what the API assigns, what the runtime has and what lies on disk. */
import type { View, ViewChange } from '#lib/client/types.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { refusalOf } from './admit.ts';
import { asGiven } from './resize.ts';
import { isTerminal } from './ending.ts';
import type { Hands } from './hands.ts';
import { uidsWithLogs } from './log-files.ts';
import type { Eviction, Seen } from './types.ts';
import { fromApi, isMirror } from './static.ts';
import { makeStaticWorkers } from './static-workers.ts';
import { makeWorker } from './worker.ts';
import type { Worker } from './worker.ts';

export interface Pods {
  /** What is seen of a pod; of one that has no worker, undefined. */
  seen(uid: string): Seen | undefined;
  all(): Seen[];
  /** Calls `listener` after a look that followed a change of the pod's runs. Returns the way to stop. */
  onRunChange(listener: (uid: string) => void): () => void;
  /** Ends a pod because of what it, or the node, uses. */
  evict(uid: string, eviction: Eviction): void;
  /** Lets go of all pods; their containers go on. */
  stop(): Promise<void>;
}

/** Pods that the node has by itself: tells of them now, and again when they are others, until aborted. */
export type StaticSource = (onPods: (pods: Pod[]) => void, signal: AbortSignal) => Promise<void>;

/**
 * Takes up the node's own pods at once, and when the view is ready those that the API has for the node. What runs and is not among them is then taken down.
 * Rejects when aborted before.
 */
export async function makePods(
  hands: Hands,
  view: View,
  { statics, signal }: { statics?: StaticSource | undefined; signal: AbortSignal },
): Promise<Pods> {
  const { env, observer, runtime, volumes } = hands;
  const workers = new Map<string, Worker>();
  const listeners = new Set<(uid: string) => void>();
  let stopped = false;
  let tookUp = false;

  /** Whether nothing has been made of a pod yet, by this agent or one before. */
  function isNew({ metadata, status }: Pod): boolean {
    return status?.startTime === undefined && metadata.deletionTimestamp === undefined && !observer.get(metadata.uid);
  }

  function active(): Pod[] {
    return [...workers.values()].flatMap((worker) => {
      const seen = worker.seen();
      const { pod, exists, notes } = seen;
      return pod && exists && !isTerminal(pod) && !notes.rejected ? [asGiven(seen, pod)] : [];
    });
  }

  function refusal(pod: Pod): ReturnType<typeof refusalOf> {
    return hands.pressure.refusalOf(pod) ?? refusalOf(pod, active(), hands.room()) ?? hands.cpus.admit(pod);
  }

  function workerOf(uid: string, pod: Pod | undefined): Worker {
    const existing = workers.get(uid);
    if (existing) return existing;
    const worker = makeWorker(uid, pod, hands, pod && isNew(pod) ? refusal(pod) : undefined, () =>
      active().filter(({ metadata }) => metadata.uid !== uid),
    );
    workers.set(uid, worker);
    void worker.done.then(() => workers.get(uid) === worker && workers.delete(uid));
    return worker;
  }

  const ending = new AbortController();
  const own = makeStaticWorkers(
    {
      client: hands.client,
      env,
      node: () => view.get(nodeKind, { namespace: '', name: hands.facts.nodeName }),
    },
    (pod) => workerOf(pod.metadata.uid, pod),
  );

  function take({ object: given, before }: Pick<ViewChange<Pod>, 'object' | 'before'>): void {
    if (isMirror(given ?? before!)) return own.takeMirror({ object: given, before });
    const object = given && fromApi(given);
    const gone = before && before.metadata.uid !== object?.metadata.uid ? before : undefined;
    if (gone) workers.get(gone.metadata.uid)?.setPod(undefined);
    if (!object) return;
    const { uid } = object.metadata;
    const known = workers.get(uid);
    if (!known) workerOf(uid, object);
    else known.setPod(object);
    if (before && showsOtherwise(before, object)) void volumes.refresh(object);
  }

  const off = [
    view.onChange((changes) => {
      // Before that the state is not complete, and all of it is taken up at once.
      if (!tookUp) return;
      for (const change of changes) if (change.kind === podKind) take(change as ViewChange<Pod>);
    }),
    runtime.onChange((uid) => {
      observer.refresh(uid).then(
        () => {
          workers.get(uid)?.wake();
          for (const listener of listeners) listener(uid);
        },
        (error: unknown) => env.log.error('Cannot see what runs', { error }),
      );
    }),
    hands.objects.onChange((uids) => {
      for (const uid of uids) {
        const worker = workers.get(uid);
        const pod = worker?.seen().pod;
        if (!worker || !pod) continue;
        worker.retry();
        void volumes.refresh(pod);
      }
    }),
  ];

  async function stop(): Promise<void> {
    if (stopped) return;
    stopped = true;
    ending.abort(new Error('The agent stops'));
    own.stop();
    for (const end of off) end();
    const all = [...workers.values()];
    for (const worker of all) worker.stop();
    await Promise.all(all.map((worker) => worker.done));
  }

  const until = AbortSignal.any([signal, ending.signal]);
  try {
    await observer.refresh();
    await statics?.(own.set, until);
    await view.ready(until);
  } catch (error) {
    await stop();
    throw error;
  }
  tookUp = true;
  for (const pod of view.list(podKind)) take({ object: pod, before: undefined });
  own.begin();
  for (const uid of new Set([
    ...observer.uids(),
    ...(await volumes.uids()),
    ...(await uidsWithLogs(hands.facts.logDir)),
  ])) {
    if (!workers.has(uid)) workerOf(uid, undefined);
  }

  hands.cpus.keepOnly((uid) => workers.has(uid));
  hands.devices.keepOnly((uid) => workers.has(uid));

  return {
    seen: (uid) => (workers.get(uid) ?? workers.get(own.uidOf(uid) ?? ''))?.seen(),
    evict: (uid, eviction) => workers.get(uid)?.evict(eviction),
    all: () => [...workers.values()].map((worker) => worker.seen()),
    onRunChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop,
  };
}

/** Whether volumes that show the pod's own fields may look different now. */
function showsOtherwise(before: Pod, now: Pod): boolean {
  const shown = ({ metadata, status }: Pod) => JSON.stringify([metadata.labels, metadata.annotations, status?.podIPs]);
  return shown(before) !== shown(now);
}
