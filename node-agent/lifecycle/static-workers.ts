/** The workers of static pods, and the images in the API that speak for them. */
import type { ViewChange } from '#lib/client/types.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { makeMirrors } from './mirrors.ts';
import type { MirrorParts } from './mirrors.ts';
import { hashAnnotation, mirrorAnnotation } from './static.ts';
import type { Worker } from './worker.ts';

export interface StaticWorkers {
  /** These are the static pods of the node now. */
  set(pods: readonly Pod[]): void;
  /** Takes in a change of an image. */
  takeMirror(change: Pick<ViewChange<Pod>, 'object' | 'before'>): void;
  /** The API's state is known: images that are missing may be made, those that nobody needs removed. */
  begin(): void;
  /** The uid of the pod that an image speaks for. */
  uidOf(mirrorUid: string): string | undefined;
  stop(): void;
}

interface Entry {
  wanted: Pod | undefined;
  worker: Worker | undefined;
  mirror: Pod | undefined;
}

/** `start` makes the worker of a pod, or answers the one that has it already. */
export function makeStaticWorkers(parts: Omit<MirrorParts, 'look'>, start: (pod: Pod) => Worker): StaticWorkers {
  /** By `namespace/name`. */
  const entries = new Map<string, Entry>();
  let begun = false;
  let stopped = false;
  const mirrors = makeMirrors({
    ...parts,
    look: (name) => ({ pod: entries.get(name)?.wanted, mirror: entries.get(name)?.mirror }),
  });

  function entryOf(name: string): Entry {
    const entry = entries.get(name) ?? { wanted: undefined, worker: undefined, mirror: undefined };
    entries.set(name, entry);
    return entry;
  }

  /** One after the other: what replaces a pod begins when that has ended, as both may want the same ports and files. */
  function drive(name: string): void {
    const entry = entries.get(name);
    if (!entry || stopped) return;
    const { wanted, worker } = entry;
    if (worker && worker.uid !== wanted?.metadata.uid) return worker.setPod(undefined);
    if (!worker && wanted) {
      const begins = start(withStatus(wanted, entry.mirror));
      entry.worker = begins;
      void begins.done.then(() => {
        if (entry.worker !== begins) return;
        entry.worker = undefined;
        drive(name);
      });
    }
    entry.worker?.setMirror(speaksFor(entry.mirror, wanted) ? entry.mirror : undefined);
    if (!entry.worker && !entry.wanted && !entry.mirror) entries.delete(name);
  }

  function keep(name: string): void {
    drive(name);
    if (begun) mirrors.keep(name);
  }

  return {
    set(pods) {
      const byName = new Map(pods.map((pod) => [nameOf(pod), pod]));
      for (const name of new Set([...entries.keys(), ...byName.keys()])) {
        const entry = entryOf(name);
        const wanted = byName.get(name);
        if (entry.wanted === wanted) continue;
        entry.wanted = wanted;
        keep(name);
      }
    },
    takeMirror({ object, before }) {
      const name = nameOf(object ?? before!);
      entryOf(name).mirror = object;
      keep(name);
    },
    begin() {
      begun = true;
      for (const name of entries.keys()) keep(name);
    },
    uidOf(mirrorUid) {
      const found = [...entries.values()].find(({ mirror }) => mirror?.metadata.uid === mirrorUid);
      return found?.worker?.uid;
    },
    stop() {
      stopped = true;
      mirrors.stop();
    },
  };
}

/** What an earlier agent has told of the same pod goes on: when it began, how often it was started again. */
function withStatus(pod: Pod, mirror: Pod | undefined): Pod {
  return mirror?.status && speaksFor(mirror, pod) ? { ...pod, status: mirror.status } : pod;
}

function speaksFor(mirror: Pod | undefined, pod: Pod | undefined): boolean {
  const hash = mirror?.metadata.annotations?.[mirrorAnnotation];
  return hash !== undefined && hash === pod?.metadata.annotations?.[hashAnnotation];
}

function nameOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}
