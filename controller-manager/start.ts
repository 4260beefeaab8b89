/** Starts all controllers over one connection and one view. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { connect } from '#lib/client/connect.ts';
import type { ClientConfig } from '#lib/client/connect.ts';
import type { Client } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import { standForElection } from '#lib/control/lease.ts';
import type { ElectionOptions } from '#lib/control/lease.ts';
import { runController } from '#lib/control/reconcile.ts';
import type { Shell } from '#lib/control/reconcile.ts';
import type { Env } from '#lib/env/env.ts';
import { customResourceDefinition } from '#lib/kinds/custom-resource-definition.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Service } from '#lib/env/service.ts';
import { readJwtSigner } from '#lib/pki/jwt.ts';
import { allControllers } from './all.ts';
import type { ControllerOptions } from './all.ts';
import { indexes } from './indexes.ts';
import { makeKnownKinds, viewedKinds } from './kinds.ts';
import { defaultTimings } from './timings.ts';
import type { Timings } from './timings.ts';

export interface ControllerManagerConfig {
  server: ClientConfig;
  /** Where node networks are cut from, such as `10.244.0.0/16`. */
  clusterCidr: string;
  /** Prefix length of a node's network; 24 when absent. */
  nodeMaskSize?: number;
  /** PEM file that pods check the API server by. */
  caFile: string;
  /** The authority's private key, PEM, by which approved requests for certificates are signed. */
  caKeyFile?: string;
  /** PEM file of the private key that signs tokens of service accounts: those that lie in Secrets are made by us. */
  serviceAccountKeyFile?: string;
  /** `redis://host:port`: share the work with other controller-managers instead of electing one. */
  redis?: string;
  /** Work only while holding the Lease `kube-system/kube-controller-manager`. */
  leaderElect?: boolean;
  /** Other than upstream's, for tests. */
  timings?: Partial<Timings>;
  election?: Pick<ElectionOptions, 'leaseMs' | 'renewMs' | 'retryMs'>;
}

/** How long calls may still take when it stops. */
const stopGraceMs = 500;

/** Starts the controller-manager; resolves once it is set up, which need not mean that it leads or that the API answers. */
export async function start(config: ControllerManagerConfig, env: Env): Promise<Service> {
  const ca = await readFile(config.caFile, 'utf8');
  const caKey = config.caKeyFile === undefined ? undefined : await readFile(config.caKeyFile, 'utf8');
  const { serviceAccountKeyFile: keyFile } = config;
  const tokenSigner = keyFile === undefined ? undefined : readJwtSigner(await readFile(keyFile, 'utf8'));
  const client = connect(config.server, env);
  const running = await runControllers({ ...config, ca, caKey, tokenSigner }, { client, env });
  return {
    async stop() {
      // What is under way may end, and the Lease be given back; an API server that does not answer holds nobody up.
      const cancel = env.after(stopGraceMs, () => client.close());
      await running.stop();
      cancel();
      client.close();
    },
  };
}

/** The same over a client that is there already. */
export async function runControllers(
  config: Omit<ControllerManagerConfig, 'server' | 'caFile' | 'caKeyFile' | 'serviceAccountKeyFile'> &
    Pick<ControllerOptions, 'ca' | 'caKey' | 'tokenSigner'>,
  { client, env }: { client: Client; env: Env },
): Promise<Service> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const timings = { ...defaultTimings, ...config.timings };
  const known = makeKnownKinds();
  const view = makeView(client, targetsOf(viewedKinds), {
    indexes,
    env,
    signal,
    // A definition may have gone unseen. Without those of definitions all kinds are there, and tell what definitions there are.
    onUnserved: () => {
      if (known.setDefinitions([])) view.retarget(targetsOf(known.viewed));
    },
  });
  view.onChange((changes) => {
    if (!changes.some(({ kind }) => kind === customResourceDefinition)) return;
    if (known.setDefinitions(view.list(customResourceDefinition))) view.retarget(targetsOf(known.viewed));
  });
  const { ca, caKey, tokenSigner, clusterCidr, nodeMaskSize = 24 } = config;
  const controllers = allControllers({
    ca,
    caKey,
    tokenSigner,
    clusterCidr,
    nodeMaskSize,
    known,
    timings,
    clock: env.monotonic,
  });
  const queues = config.redis === undefined ? undefined : await openRedisQueues(config.redis, env);
  const shell: Shell = { view, client, env, ...(queues && { openQueue: queues.open }) };

  async function lead(until: AbortSignal): Promise<void> {
    const running = controllers.map((controller) => runController(controller, shell));
    await aborted(until);
    await Promise.all(running.map((controller) => controller.stop()));
  }

  const working = config.leaderElect
    ? standForElection(electionFor(config, env), { client, env, signal }, lead)
    : lead(signal);
  return {
    async stop() {
      stopping.abort(new Error('The controller-manager stops'));
      await working;
      queues?.close();
    },
  };
}

const targetsOf = (kinds: readonly Kind[]) => kinds.map((kind) => ({ kind }));

function electionFor({ election }: Pick<ControllerManagerConfig, 'election'>, env: Env): ElectionOptions {
  const identity = `${hostname()}_${env.uuid()}`;
  return { namespace: 'kube-system', name: 'kube-controller-manager', identity, ...election };
}

/** BullMQ and its Redis client are large; a controller-manager that works alone never loads them. */
async function openRedisQueues(url: string, env: Env) {
  const { connectRedisQueues } = await import('#lib/control/redis-queue.ts');
  return connectRedisQueues({ url }, env);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
