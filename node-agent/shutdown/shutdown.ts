/** Ends a node's pods before its machine goes down, in their order and within the time that is configured. */
import type { Recorder } from '#lib/control/events.ts';
import { runCommand } from '#lib/env/command.ts';
import type { Env } from '#lib/env/env.ts';
import type { Resource } from '#lib/meta/object.ts';
import { isTerminal } from '../lifecycle/ending.ts';
import type { Pods } from '../lifecycle/pods.ts';
import { planShutdown } from './plan.ts';
import type { ShutdownConfig } from './plan.ts';

export interface ShutdownParts {
  env: Env;
  config: ShutdownConfig;
  pods: Pick<Pods, 'all' | 'seen' | 'evict'>;
  events: Pick<Recorder, 'record'>;
  /** The node, as events name it. */
  node: Resource;
}

/** What the node's condition says meanwhile. */
export const shuttingDown = 'node is shutting down';
/** What pods that come meanwhile are told. */
export const shutdownRefusal = {
  reason: 'NodeShutdown',
  message: 'Pod was rejected as the node is shutting down.',
} as const;

const lookMs = 100;
/** The API may hear of the last ends for so long. */
const reportMs = 2000;

/** Whether the machine itself is going down, rather than the agent alone: as systemd sees it, where it runs. */
export async function isMachineStopping(): Promise<boolean> {
  // What cannot be run says nothing: no systemd, no shutdown that could be known.
  const said = await runCommand('systemctl', ['is-system-running']).catch(() => undefined);
  return said?.stdout.trim() === 'stopping';
}

/** Resolves when all have ended, and the API knows; or when their time is over. */
export async function endPods({ env, config, pods, events, node }: ShutdownParts): Promise<void> {
  const message = 'Shutdown manager detected shutdown event';
  events.record({ regarding: node, type: 'Normal', reason: 'NodeShutdown', message });
  const active = pods.all().flatMap(({ pod, exists }) => (pod && exists && !isTerminal(pod) ? [pod] : []));
  const until = async (isOver: (uid: string) => boolean, uids: readonly string[], limitMs: number) => {
    for (const end = env.monotonic() + limitMs; env.monotonic() < end && !uids.every(isOver);) await env.sleep(lookMs);
  };
  for (const group of planShutdown(active, config)) {
    for (const { uid, graceSeconds } of group.pods) {
      pods.evict(uid, {
        reason: 'Terminated',
        message: 'Pod was terminated in response to imminent node shutdown.',
        graceSeconds,
        disrupts: true,
      });
    }
    const hasEnded = (uid: string) => {
      const { observed } = pods.seen(uid) ?? {};
      return !observed?.containers.some(({ state }) => state === 'running');
    };
    await until(
      hasEnded,
      group.pods.map(({ uid }) => uid),
      group.seconds * 1000,
    );
  }
  const isTold = (uid: string) => pods.seen(uid)?.notes.reported !== false;
  await until(
    isTold,
    active.map(({ metadata }) => metadata.uid),
    reportMs,
  );
}
