/** What the runtime has, as last looked: read once for all workers, and again when something may have changed. */
import type { Env } from '#lib/env/env.ts';
import type { ObservedContainer, ObservedPod, Runtime } from '../runtime/types.ts';

export interface Observer {
  get(uid: string): ObservedPod | undefined;
  uids(): string[];
  /** Looks again; a call during a look waits for one that starts after it. */
  refresh(): Promise<void>;
  /** Takes what a verb of the runtime answered, without another look. */
  put(pod: ObservedPod): void;
  putRun(uid: string, run: ObservedContainer): void;
  /** Remembers a run that ended before it began, of which the runtime keeps no record. */
  putFailedRun(uid: string, run: ObservedContainer): void;
  forgetFailedRun(uid: string, id: string): void;
}

export function makeObserver(runtime: Runtime, env: Env): Observer {
  let pods = new Map<string, ObservedPod>();
  /** What verbs answered while a look was going on: it may have missed them. */
  let answered = new Map<string, ObservedPod>();
  const failed = new Map<string, ObservedContainer[]>();
  let looking: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function look(): Promise<void> {
    answered = new Map();
    const list = await runtime.list();
    const looked = new Map(list.map((pod) => [pod.uid, pod] as const));
    pods = new Map([...looked, ...[...answered].map(([uid, pod]) => [uid, withEnds(pod, looked.get(uid))] as const)]);
    for (const uid of failed.keys()) if (!pods.has(uid)) failed.delete(uid);
  }

  function refresh(): Promise<void> {
    if (!looking) {
      looking = look().finally(() => (looking = undefined));
      return looking;
    }
    next ??= looking
      .catch((error: unknown) => env.log.debug('Cannot list what runs', { error }))
      .then(() => {
        next = undefined;
        return refresh();
      });
    return next;
  }

  function put(pod: ObservedPod): void {
    const latest = withEnds(pod, pods.get(pod.uid));
    pods.set(pod.uid, latest);
    answered.set(pod.uid, latest);
  }

  return {
    get(uid) {
      const pod = pods.get(uid);
      const more = failed.get(uid);
      if (!pod || !more) return pod;
      // A look during the failed start has seen it half made.
      const others = pod.containers.filter(
        (run) => !more.some(({ name, attempt }) => name === run.name && attempt === run.attempt),
      );
      return { ...pod, containers: [...others, ...more] };
    },
    uids: () => [...pods.keys()],
    refresh,
    put,
    putRun(uid, run) {
      const pod = pods.get(uid);
      if (pod) put({ ...pod, containers: [...pod.containers.filter((item) => item.id !== run.id), run] });
    },
    putFailedRun: (uid, run) => void failed.set(uid, [...(failed.get(uid) ?? []), run]),
    forgetFailedRun(uid, id) {
      const left = (failed.get(uid) ?? []).filter((run) => run.id !== id);
      if (left.length > 0) failed.set(uid, left);
      else failed.delete(uid);
    },
  };
}

/** What a verb answered may be older than what a look has found: a run that has ended never runs again. */
function withEnds(pod: ObservedPod, looked: ObservedPod | undefined): ObservedPod {
  const ended = new Map(looked?.containers.filter(({ state }) => state === 'exited').map((run) => [run.id, run]));
  return ended.size === 0 ? pod : { ...pod, containers: pod.containers.map((run) => ended.get(run.id) ?? run) };
}
