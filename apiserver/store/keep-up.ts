/** Keeps something in step with a part of the world, also when the world has had to be read anew. */
import type { Env } from '#lib/env/env.ts';
import { UnavailableError } from './types.ts';
import type { Subscription, World, WorldEvent } from './world-types.ts';

export interface Follower {
  /** Takes in what there is, now and whenever events were lost. Nothing happens between this and the first event. */
  restart(): void;
  onEvents(events: readonly WorldEvent[]): void;
}

/** Starts at once; `what` is read anew, as the log tells. Returns the way to stop. */
export function keepUp(
  world: Pick<World, 'subscribe' | 'revision'>,
  prefixes: readonly string[],
  what: string,
  { restart, onEvents }: Follower,
  env: Env,
): () => void {
  let subscription: Subscription | undefined;
  const start = () => {
    subscription = world.subscribe(prefixes, world.revision, {
      onEvents,
      onLost(error) {
        // The world is closing.
        if (error instanceof UnavailableError) return;
        env.log.info(`Reading ${what} anew`, { error });
        start();
      },
    });
    restart();
  };
  start();
  return () => subscription?.close();
}
