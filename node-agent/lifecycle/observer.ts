/** What the runtime has, as last looked: read once for all workers, and again when something may have changed. */
import type { Env } from '#lib/env/env.ts';
import type { ObservedContainer, ObservedPod, Runtime } from '../runtime/types.ts';

export interface Observer {
  get(uid: string): ObservedPod | undefined;
  uids(): string[];
  /** Looks again, at one pod or at all; a call during such a look waits for one that starts after it. */
  refresh(uid?: string): Promise<void>;
  /** Takes what a verb of the runtime answered, without another look. */
  put(pod: ObservedPod): void;
  putRun(uid: string, run: ObservedContainer): void;
  /** Remembers a run that ended before it began, of which the runtime keeps no record. */
  putFailedRun(uid: string, run: ObservedContainer): void;
  forgetFailedRun(uid: string, id: string): void;
}

export function makeObserver(runtime: Runtime, env: Env): Observer {
  let pods = new Map<string, ObservedPod>();
  /** For each look that is going on, what was learned meanwhile: it may have missed that. */
  const ongoing = new Set<Map<string, ObservedPod | undefined>>();
  const failed = new Map<string, ObservedContainer[]>();
  /** The looks at each pod, and at all of them. */
  const looks = new Map<string | undefined, { now: Promise<void>; next?: Promise<void> }>();

  async function look(uid: string | undefined): Promise<void> {
    const learned = new Map<string, ObservedPod | undefined>();
    ongoing.add(learned);
    const list = await runtime.list(uid).finally(() => ongoing.delete(learned));
    const looked = new Map(list.map((pod) => [pod.uid, pod]));
    // What a verb answered meanwhile is newer, but for what has ended since.
    const latest = (each: string) => {
      const told = learned.get(each);
      return learned.has(each) ? told && withEnds(told, looked.get(each)) : looked.get(each);
    };
    if (uid !== undefined) learn(uid, latest(uid));
    else {
      pods = new Map();
      for (const each of new Set([...looked.keys(), ...learned.keys()])) learn(each, latest(each));
    }
    for (const each of failed.keys()) if (!pods.has(each)) failed.delete(each);
  }

  function refresh(uid?: string): Promise<void> {
    const under = looks.get(uid);
    if (!under) {
      const now = look(uid).finally(() => looks.delete(uid));
      looks.set(uid, { now });
      return now;
    }
    under.next ??= under.now
      .catch((error: unknown) => env.log.debug('Cannot list what runs', { error }))
      .then(() => refresh(uid));
    return under.next;
  }

  function learn(uid: string, pod: ObservedPod | undefined): void {
    if (pod) pods.set(uid, pod);
    else pods.delete(uid);
    for (const learned of ongoing) learned.set(uid, pod);
  }

  const put = (pod: ObservedPod): void => learn(pod.uid, withEnds(pod, pods.get(pod.uid)));

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
