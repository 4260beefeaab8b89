/** A namespace in which controllers work, over a real API server, with a node that is played: its pods do as their image says. */
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Service } from '#lib/env/service.ts';
import { start } from '../../controller-manager/start.ts';
import { startTestApi } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';
import { spaceIn } from './server.ts';
import type { Space } from './server.ts';

/** Objects in tests are read loosely. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

export interface Workloads extends Space {
  get(path: string): Promise<Loose>;
  list(path: string, selector?: string): Promise<Loose[]>;
  create(path: string, body: object): Promise<Loose>;
  /** Waits until `look` answers true; fails with what it saw last. */
  until(what: string, look: () => Promise<boolean>): Promise<void>;
  /** `reason: message` of each event about an object of this name. */
  events(name: string): Promise<string[]>;
}

const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
let started: Promise<{ api: TestApi; controllers: Service }> | undefined;
const nodes: Promise<void>[] = [];
const stop = new AbortController();
const stopping = stop.signal;

/** A server of its own: controllers leave traces in all namespaces. */
async function startAll(): Promise<{ api: TestApi; controllers: Service }> {
  const api = await startTestApi();
  const pki = { caFile: `${api.folder}/ca.crt`, caKeyFile: `${api.folder}/ca.key` };
  const user = { user: 'system:kube-controller-manager', groups: ['system:masters'] };
  const server = { address: `unix:${api.folder}/api.sock`, ...user };
  return { api, controllers: await start({ server, clusterCidr: '10.244.0.0/16', ...pki }, env) };
}

/** What a played pod does, by its image. */
const statuses: Readonly<Record<string, object>> = {
  runs: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  succeeds: { phase: 'Succeeded' },
  fails: {
    phase: 'Failed',
    containerStatuses: [
      {
        name: 'c',
        image: 'fails',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode: 42 } },
      },
    ],
  },
};

export async function makeWorkloads(name: string): Promise<Workloads> {
  const { api } = await (started ??= startAll());
  const space = await spaceIn(api, name);
  nodes.push(playNode(space));
  const get = async (path: string): Promise<Loose> => (await api.ask('GET', path)).body;
  return {
    ...space,
    get,
    list: async (path, selector = '') => (await get(`${path}?labelSelector=${encodeURIComponent(selector)}`)).items,
    async create(path, body) {
      const answer = await api.ask('POST', path, { body });
      if (answer.code !== 201) throw new Error(answer.body.message);
      return answer.body;
    },
    async until(what, look) {
      const deadline = env.monotonic() + 15_000;
      while (!(await look())) {
        if (env.monotonic() > deadline) throw new Error(`Not within 15 s: ${what}`);
        await env.sleep(20);
      }
    },
    async events(about) {
      const { items } = await get(`${space.path}/events?fieldSelector=involvedObject.name%3D${about}`);
      return items.map(({ reason, message }: Record<string, string>) => `${reason}: ${message}`);
    },
  };
}

/** Gives pods the status of their image as they appear, until `stopping`. */
async function playNode({ api, path, patch }: Space): Promise<void> {
  while (!stopping.aborted) {
    const { body } = await api.ask('GET', `${path}/pods`);
    for (const { metadata, spec, status } of body.items as Loose[]) {
      const wanted = statuses[spec.containers[0].image] as { phase: string } | undefined;
      if (!wanted || status.phase === wanted.phase) continue;
      await patch(`${path}/pods/${metadata.name}/status`, { status: wanted });
    }
    await env.sleep(20);
  }
}

// First those who play nodes, then the controllers, and the server last.
suiteTeardown(async () => {
  stop.abort();
  await Promise.all(nodes);
  const running = await started?.catch(() => undefined);
  await running?.controllers.stop();
  await running?.api.stop();
});
