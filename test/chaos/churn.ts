/** A node on which pods of many sorts come, change and go, and what must be true of it whatever is killed meanwhile. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from '#lib/client/connect.ts';
import { makeView } from '#lib/client/view.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import { assertNothingRemains, eventually, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { debuggerContainer, marker, markOf, sortsWith } from './churn-pods.ts';
import type { Rest } from './churn-pods.ts';
import { chaosNode, commandLines, isContainerInit, linkOr, readOr } from './node.ts';
import type { ChaosNode } from './node.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });
const namespace = 'default';
/** Far longer than it takes, so that a busy machine is no fault. */
const restWithinMs = 180_000;
/** How often it is seen what runs. */
const lookEachMs = 200;

export interface Churn {
  cluster: TestCluster;
  node: ChaosNode;
  /** The pods that should be there: name -> how they should rest. */
  wanted: ReadonlyMap<string, Rest>;
  /** Between 0 and 1, by the seed. */
  random(): number;
  pick<T>(items: readonly T[]): T;
  pods(): Pod[];
  podNamed(name: string): Pod | undefined;
  /** Makes a pod, of any sort if none is named; resolves to its name. */
  create(sort?: string): Promise<string>;
  /** Changes something of a pod while it runs: its labels, its limits, or a debugger is added. */
  change(name: string): Promise<void>;
  remove(name: string, gracePeriodSeconds?: number): Promise<void>;
  removeAll(): Promise<void>;
  /** What should be is another: by no deed of ours. */
  expect(name: string, rest: Rest | undefined): void;
  /** How many pods are not as they should be, those among them that should not be. */
  unsettled(): number;
  /** Resolves when all wanted pods are at rest. */
  rested(withinMs?: number): Promise<true>;
  /** What was seen all the while and must not be: a container that ran twice at once, or an address that two pods had. */
  faults: readonly string[];
  /** The containers that run now: by their marks, with the pids of their first processes. */
  running(): Running[];
  /** How often a container of a pod has begun. */
  begun(name: string, container: string): number;
  /** Whether every container of the wanted pods has begun as often as its status says. Resolves when that is so. */
  counted(): Promise<true>;
  /** Forgets what the API has said: it is about to go back in time. */
  lookAnew(): void;
  /** Removes all pods; resolves when nothing of them is on the node. */
  nothingLeft(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a cluster of one node for it. */
export async function startChurn(purpose: string, seed: number): Promise<Churn> {
  const cluster = await startTestCluster(purpose, 1);
  const ending = new AbortController();
  const client = connect(
    { address: `unix:${cluster.layout.socket}`, user: 'kubernetes-admin', groups: ['system:masters'] },
    env,
  );
  const close = async () => {
    ending.abort();
    await watching;
    client.close();
    await cluster.remove();
    await assertNothingRemains(cluster.layout);
  };
  const chance = makeFakeEnv({ seed });
  const pick = <T>(items: readonly T[]): T => items[Math.floor(chance.random() * items.length)]!;
  const node = chaosNode(cluster);
  let viewing = new AbortController();
  const openView = () =>
    makeView(client, [{ kind: podKind }], { env, signal: AbortSignal.any([viewing.signal, ending.signal]) });
  let view = openView();
  const account = path.join(path.dirname(cluster.layout.stateDir), '..', 'account');
  const sorts = sortsWith(account);
  const wanted = new Map<string, Rest>();
  let count = 0;
  let before: string[] = [];
  const faults: string[] = [];
  const running = () => runningOn(cluster.layout.nodes[0]!.cgroupRoot);
  const watching = (async () => {
    while (!ending.signal.aborted) {
      const now = running();
      faults.push(
        ...twice(
          now.map(({ mark }) => mark),
          'runs twice',
        ),
        ...twice(addressesIn(now), 'is given twice'),
      );
      await env.sleep(lookEachMs, ending.signal).catch(() => {});
    }
  })();

  const pods = () => view.list(podKind, namespace);
  const podNamed = (name: string) => view.get(podKind, { namespace, name });
  const accountOf = (file: string) =>
    existsSync(path.join(account, file)) ? readFileSync(path.join(account, file), 'utf8').trim().split('\n') : [];
  const allow = (error: unknown, ...reasons: Parameters<typeof isReason>[1][]) => {
    if (!isReason(error, ...reasons)) throw error;
  };

  async function create(sort = pick(Object.keys(sorts))): Promise<string> {
    const name = `${sort}-${count++}`;
    const { rest, spec } = sorts[sort]!;
    await client.create(podKind, { metadata: { name, namespace }, spec: spec(pick([0, 1, 2]), count) });
    wanted.set(name, rest);
    return name;
  }

  async function change(name: string): Promise<void> {
    const ref = { namespace, name };
    const strategic = 'application/strategic-merge-patch+json';
    const changes = {
      label: () => client.patch(podKind, ref, strategic, { metadata: { labels: { turn: String(count++) } } }),
      debugger: () =>
        client.patch(
          podKind,
          ref,
          strategic,
          { spec: { ephemeralContainers: [debuggerContainer] } },
          { subresource: 'ephemeralcontainers' },
        ),
      resize: () =>
        client.patch(
          podKind,
          ref,
          strategic,
          { spec: { containers: [{ name: 'other', resources: { requests: { cpu: `${pick([3, 5, 7])}m` } } }] } },
          { subresource: 'resize' },
        ),
    };
    const which = name.startsWith('pair-') ? 'resize' : pick(['label', 'debugger'] as const);
    await changes[which]().catch((error: unknown) => allow(error, 'NotFound', 'Conflict', 'Invalid'));
  }

  async function remove(name: string, gracePeriodSeconds?: number): Promise<void> {
    wanted.delete(name);
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    await client.delete(podKind, { namespace, name }, options).catch((error: unknown) => allow(error, 'NotFound'));
  }

  async function removeAll(): Promise<void> {
    for (const name of wanted.keys()) await remove(name);
    await eventually('all pods are gone', () => {
      if (pods().length === 0) return true;
      throw new Error(pods().map(describe).join(', '));
    });
  }

  const rested = (withinMs = restWithinMs) =>
    eventually(
      'all pods are as wanted',
      () => {
        const unlike = [...wanted].filter(([name, rest]) => !isAt(podNamed(name), rest));
        if (unlike.length === 0) return true;
        throw new Error(unlike.map(([name, rest]) => `${name} not ${rest}: ${describe(podNamed(name))}`).join(', '));
      },
      withinMs,
    );

  const unsettled = () => {
    const names = new Set([...wanted.keys(), ...pods().map(({ metadata }) => metadata.name)]);
    return [...names].filter((name) => !wanted.has(name) || !isAt(podNamed(name), wanted.get(name)!)).length;
  };

  /** What the agents wrote of a pod. */
  const logOf = (name: string) =>
    readFileSync(path.join(cluster.layout.logDir, 'node-1.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes(name) || line.includes(podNamed(name)?.metadata.uid ?? name))
      .join('\n');

  const counted = () =>
    eventually('each container has begun as often as is told', () => {
      const unlike = [...wanted.keys()].flatMap((name) => {
        const found = miscounted(podNamed(name)!, accountOf);
        return found.length > 0 ? [`${found.join(', ')}: ${describe(podNamed(name))}\n${logOf(name)}`] : [];
      });
      if (unlike.length > 0) throw new Error(unlike.join('\n'));
      return true;
    });

  const nothingLeft = async () => {
    await removeAll();
    // Folders go a moment after the object.
    await eventually('nothing is left on the node', async () => {
      const more = (await node.traces()).filter((line) => !before.includes(line));
      if (more.length > 0) throw new Error(`Left over:\n${more.join('\n')}`);
      return true;
    });
  };

  try {
    mkdirSync(account);
    chmodSync(account, 0o777);
    await view.ready();
    await cluster.kubectl('create', 'configmap', 'churn', '--from-literal=a=1');
    await cluster.kubectl('create', 'secret', 'generic', 'churn', '--from-literal=s=1');
    // What the first pod makes for all that follow is no leak.
    await create('volumes');
    await create('ports');
    await create('pair');
    await rested();
    const uids = pods().map(({ metadata }) => metadata.uid);
    const ofPods = (line: string) => uids.some((uid) => line.includes(uid)) || /^(process|link veth|port)/.test(line);
    const found = (await node.traces()).filter(ofPods);
    for (const what of ['process', 'link veth', 'port', 'mount', 'file', 'cgroup'])
      assert.ok(
        found.some((line) => line.startsWith(what)),
        `no ${what} of the first pods was found`,
      );
    await removeAll();
    await eventually('their traces are gone', async () => {
      before = await node.traces();
      return !before.some(ofPods);
    });
  } catch (error) {
    await close();
    throw error;
  }

  return {
    cluster,
    node,
    wanted,
    random: () => chance.random(),
    pick,
    pods,
    podNamed,
    create,
    change,
    remove,
    removeAll,
    expect(name, rest) {
      if (rest === undefined) wanted.delete(name);
      else wanted.set(name, rest);
    },
    unsettled,
    rested,
    faults,
    running,
    begun: (name, container) => {
      const { uid } = podNamed(name)!.metadata;
      return accountOf(uid).filter((line) => line === markOf(uid, container)).length;
    },
    counted,
    lookAnew() {
      viewing.abort();
      viewing = new AbortController();
      view = openView();
    },
    nothingLeft,
    close,
  };
}

/** Whether a pod has come to its rest; one that crashes has none but to have been started again. */
function isAt(pod: Pod | undefined, rest: Rest): boolean {
  const { phase, containerStatuses = [] } = pod?.status ?? {};
  if (rest === 'succeeded') return phase === 'Succeeded';
  if (rest === 'failed') return phase === 'Failed';
  if (rest === 'crashing') return containerStatuses.some(({ restartCount }) => restartCount > 0);
  return phase === 'Running' && containerStatuses.every(({ ready }) => ready);
}

/** Containers that have begun more or less often than their statuses say. */
function miscounted({ metadata, status = {} }: Pod, accountOf: (file: string) => string[]): string[] {
  const begun = accountOf(metadata.uid);
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].flatMap(
    ({ name, restartCount }) => {
      const times = begun.filter((line) => line === markOf(metadata.uid, name)).length;
      return times === restartCount + 1
        ? []
        : [`${metadata.name}/${name} has begun ${times} times, with ${restartCount} restarts`];
    },
  );
}

function describe(pod: Pod | undefined): string {
  if (!pod) return 'absent';
  const { metadata, status = {} } = pod;
  const states = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
    ({ name, ready, restartCount, state }) => `${name} ${JSON.stringify(state)} ${ready} ${restartCount}`,
  );
  return `${metadata.name} ${status.phase} ${metadata.deletionTimestamp ?? ''} ${states.join('; ')}`;
}

interface Running {
  pid: number;
  mark: string;
}

/** All containers of a node's churn that run now. */
function runningOn(cgroupRoot: string): Running[] {
  return commandLines()
    .filter(({ pid, line }) => line.includes(marker) && isContainerInit(pid))
    .filter(({ pid }) => readOr(`/proc/${pid}/cgroup`, '').includes(`${cgroupRoot}/`))
    .map(({ pid, line }) => ({ pid, mark: line.slice(line.indexOf(marker)).trim().split(' ')[0]! }));
}

/** The addresses of the network namespaces in which containers run, as the kernel has them; without those of the node's. */
function addressesIn(running: readonly Running[]): string[] {
  const pids = new Map(running.map(({ pid }) => [linkOr(`/proc/${pid}/ns/net`, ''), pid]));
  return [...pids.values()].flatMap((pid) => {
    const routes = readOr(`/proc/${pid}/net/fib_trie`, '');
    const local = [...routes.matchAll(/-- ([\d.]+)\n\s+\/32 host LOCAL/g)].map((match) => match[1]!);
    return [...new Set(local)].filter((address) => !address.startsWith('127.'));
  });
}

function twice(items: readonly string[], what: string): string[] {
  return items.filter((item, i) => items.indexOf(item) !== i).map((item) => `${item} ${what}`);
}
