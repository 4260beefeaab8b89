/** Keeps a cluster's certificates valid: each is issued anew when a third of its life is left. Whoever uses them takes the new ones over by itself. */
import type { Env } from '#lib/env/env.ts';
import type { Service } from '#lib/env/service.ts';
import { readFacts } from './facts.ts';
import { layKeys } from './keys.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { layoutOf } from './layout.ts';
import type { Folders } from './layout.ts';

const minuteMs = 60 * 1000;
const dayMs = 24 * 60 * minuteMs;

/** Rounds come when the next certificate is due, and at least this often: clocks are set, and machines sleep. */
const roundMs = { least: minuteMs, most: dayMs / 2 };

/** The authority cannot be renewed without new keys for every client, so its end is told of this long before. */
const warnBeforeMs = 365 * dayMs;

/** Looks at once, before this resolves, and then whenever a certificate is due. A failure is logged, and tried again after a minute. */
export async function renewKeys({ name, folders }: { name: string; folders: Folders }, env: Env): Promise<Service> {
  let cancel = () => {};
  let underWay: Promise<void> = Promise.resolve();
  let stopped = false;

  const look = async (): Promise<number> => {
    // Read each time: the cluster may have grown.
    const facts = readFacts(name, folders);
    if (!facts) return Infinity;
    const cluster = layoutOf(facts, folders);
    const { dueMs, authorityEndsMs } = await layKeys(cluster, env.now());
    writeKubeconfig(cluster);
    if (authorityEndsMs - env.now() < warnBeforeMs)
      env.log.warn("The cluster's authority ends; its certificates end with it", {
        at: new Date(authorityEndsMs).toISOString(),
      });
    return dueMs;
  };
  const round = async () => {
    let dueMs = 0;
    try {
      dueMs = await look();
    } catch (error) {
      env.log.error('Cannot renew certificates, trying again', { error });
    }
    if (stopped) return;
    const waitMs = Math.min(Math.max(dueMs - env.now(), roundMs.least), roundMs.most);
    cancel = env.after(waitMs, () => (underWay = round()));
  };

  await (underWay = round());
  return {
    async stop() {
      stopped = true;
      cancel();
      await underWay;
    },
  };
}
