/** Keeps an image of each static pod in the API: made when it is missing, replaced when it shows something else. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import { hashAnnotation, mirrorAnnotation, mirrorStep } from './static.ts';

export interface Mirrors {
  /** The pod, or its image, is another now: looks what to do about it. */
  keep(name: string): void;
  stop(): void;
}

export interface MirrorParts {
  client: Client;
  env: Env;
  /** The node as the API has it, which owns the images; undefined before that is known. */
  node(): Node | undefined;
  /** What there is by `namespace/name`. */
  look(name: string): { pod: Pod | undefined; mirror: Pod | undefined };
}

const firstRetryMs = 500;
const longestRetryMs = 20_000;
/** How long the watch may take to tell of a write. */
const seenWithinMs = 2000;

export function makeMirrors({ client, env, node, look }: MirrorParts): Mirrors {
  const stopping = new AbortController();
  /** Names at work, and whether something has changed meanwhile. */
  const busy = new Map<string, { again: boolean; wake: AbortController }>();

  async function work(name: string): Promise<void> {
    const state = busy.get(name)!;
    let retryMs = firstRetryMs;
    while (!stopping.signal.aborted) {
      state.again = false;
      state.wake = new AbortController();
      const { pod, mirror } = look(name);
      const step = mirrorStep(pod, mirror);
      if (!step) {
        if (state.again) continue;
        return;
      }
      let restMs = seenWithinMs;
      try {
        if (step === 'delete') await remove(mirror!);
        else if (!(await create(pod!))) restMs = retryMs;
        retryMs = firstRetryMs;
      } catch (error) {
        env.log.warn('Cannot bring the image of a static pod to the API, trying again', { pod: name, step, error });
        restMs = retryMs;
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
      if (!state.again) {
        await env.sleep(restMs, AbortSignal.any([stopping.signal, state.wake.signal])).catch(() => {});
      }
    }
  }

  async function remove({ metadata: { name, namespace = '', uid } }: Pod): Promise<void> {
    try {
      await client.delete(podKind, { namespace, name }, { gracePeriodSeconds: 0, uid });
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  /** False when the node is not known yet. */
  async function create(pod: Pod): Promise<boolean> {
    const owner = node();
    if (!owner) return false;
    const { name, namespace, labels, annotations } = pod.metadata;
    const { name: ownerName, uid } = owner.metadata;
    try {
      await client.create(podKind, {
        metadata: {
          name,
          ...(namespace !== undefined && { namespace }),
          ...(labels && { labels }),
          annotations: { ...annotations, [mirrorAnnotation]: annotations![hashAnnotation]! },
          ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: ownerName, uid, controller: true }],
        },
        spec: pod.spec,
      });
    } catch (error) {
      // The watch has not told yet of the one that is there.
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    return true;
  }

  return {
    keep(name) {
      const state = busy.get(name);
      if (state) {
        state.again = true;
        state.wake.abort(new Error('Something has changed'));
        return;
      }
      busy.set(name, { again: false, wake: new AbortController() });
      void work(name).finally(() => busy.delete(name));
    },
    stop: () => stopping.abort(new Error('The agent stops')),
  };
}
