/** Tells how far a pull has come, the longer it takes the more rarely, so that what is told never piles up. */
import type { Env } from '#lib/env/env.ts';
import type { PullProgress } from './types.ts';

const firstMs = 10_000;

/** Returns the way to stop. */
export function tellProgress(
  look: () => Promise<PullProgress | undefined>,
  tell: (progress: PullProgress) => void,
  env: Env,
): () => void {
  let cancel = () => {};
  let isOver = false;
  const tellAfter = (ms: number) => {
    cancel = env.after(ms, () => {
      look().then(
        (progress) => {
          if (isOver) return;
          if (progress) tell(progress);
          tellAfter(2 * ms);
        },
        (error: unknown) => env.log.warn('Cannot tell how far a pull has come', { error }),
      );
    });
  };
  tellAfter(firstMs);
  return () => {
    isOver = true;
    cancel();
  };
}
