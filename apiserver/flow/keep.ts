/** Compares the objects that flow control starts with to what they should be, again and again. */
import type { Env } from '#lib/env/env.ts';
import type { Lookup } from '../admission/types.ts';
import type { Verbs } from '../verbs/types.ts';
import { ensureFlowObjects } from './ensure.ts';

/** How often the objects are compared with what they should be, as upstream. */
const everyMs = 60_000;

/** Keeps the objects so; a failure waits for the next time. Returns the way to stop. */
export function keepFlowObjects(verbs: Verbs, look: Lookup, env: Env): () => void {
  let stopped = false;
  let cancel = () => {};
  const later = () => {
    cancel = env.after(everyMs, () => {
      ensureFlowObjects(verbs, look)
        .catch((error: unknown) => {
          if (!stopped) env.log.warn('Cannot set the objects of flow control right, trying again later', { error });
        })
        .finally(() => {
          if (!stopped) later();
        });
    });
  };
  later();
  return () => {
    stopped = true;
    cancel();
  };
}
