/** Starts the scheduler: a client, a view, and scheduling while this instance leads. */
import { connect } from '#lib/client/connect.ts';
import type { ClientConfig } from '#lib/client/connect.ts';
import type { Client } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import { makeRecorder } from '#lib/control/events.ts';
import { standForElection } from '#lib/control/lease.ts';
import type { Env } from '#lib/env/env.ts';
import type { Service } from '#lib/env/service.ts';
import { followed } from './follow.ts';
import { schedule } from './scheduling.ts';

export interface SchedulerConfig {
  server: ClientConfig;
  /** Schedules the pods whose `schedulerName` this is; `default-scheduler` when absent. */
  name?: string;
  /** With several instances, only the holder of the Lease schedules; off when absent. */
  leaderElect?: boolean;
}

/** How long calls may still take when it stops. */
const stopGraceMs = 500;

export async function start(config: SchedulerConfig, env: Env): Promise<Service> {
  const client = connect(config.server, env);
  const stopping = new AbortController();
  const running = runScheduler(config, client, env, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) env.log.error('Scheduling ended', { error });
  });
  return {
    async stop() {
      // What is under way may end, and the Lease be given back; an API server that does not answer holds nobody up.
      const cancel = env.after(stopGraceMs, () => client.close());
      stopping.abort(new Error('The scheduler stops'));
      await running;
      cancel();
      client.close();
    },
  };
}

/** Schedules over `client` until aborted. */
export async function runScheduler(
  { name = 'default-scheduler', leaderElect = false }: Omit<SchedulerConfig, 'server'>,
  client: Client,
  env: Env,
  signal: AbortSignal,
): Promise<void> {
  const targets = followed.map(({ kind, fieldSelector }) => ({ kind, ...(fieldSelector && { fieldSelector }) }));
  const view = makeView(client, targets, { env, signal });
  const recorder = makeRecorder(name, client, env);
  const lead = async (term: AbortSignal): Promise<void> => {
    const either = AbortSignal.any([term, signal]);
    await view.ready(either);
    await schedule({ view, client, record: recorder.record, env, name }, either);
  };
  try {
    if (!leaderElect) return await lead(signal);
    const seat = { namespace: 'kube-system', name: leaseName(name), identity: `${name}_${env.uuid()}` };
    await standForElection(seat, { client, env, signal }, lead);
  } finally {
    recorder.stop();
  }
}

/** Upstream's name for the default scheduler; others have their own. */
function leaseName(name: string): string {
  return name === 'default-scheduler' ? 'kube-scheduler' : name;
}
