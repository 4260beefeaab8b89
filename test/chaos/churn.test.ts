/** The agent is killed again and again while pods come and go: afterwards all is as wanted, and nothing is left over. */
import assert from 'node:assert/strict';
import { connect } from '#lib/client/connect.ts';
import type { ConnectedClient } from '#lib/client/connect.ts';
import type { View } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { isReason } from '#lib/meta/errors.ts';
import { assertNothingRemains, eventually, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { marker, sorts } from './churn-pods.ts';
import type { Rest } from './churn-pods.ts';
import { chaosNode, commandLines, isContainerInit, killIfThere, loseMachine } from './node.ts';
import type { ChaosNode } from './node.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });
const seed = Number(process.env.WHERRY_TEST_SEED ?? Date.now() % 1_000_000);
const kills = Number(process.env.WHERRY_TEST_KILLS ?? 15);
const namespace = 'default';
const mostPods = 12;

suite(`chaos on a node (WHERRY_TEST_SEED=${seed})`, function () {
  this.timeout(240_000);
  const chance = makeFakeEnv({ seed });
  const pick = <T>(items: readonly T[]): T => items[Math.floor(chance.random() * items.length)]!;
  const ending = new AbortController();
  let cluster: TestCluster;
  let node: ChaosNode;
  let client: ConnectedClient;
  let view: View;
  let before: string[];
  let count = 0;
  /** The pods that should be there: name -> how they should rest. */
  const wanted = new Map<string, Rest>();

  suiteSetup(async () => {
    cluster = await startTestCluster('churn', 1);
    node = chaosNode(cluster);
    client = connect(
      { address: `unix:${cluster.layout.socket}`, user: 'kubernetes-admin', groups: ['system:masters'] },
      env,
    );
    view = makeView(client, [{ kind: podKind }], { env, signal: ending.signal });
    await view.ready();
    await cluster.kubectl('create', 'configmap', 'churn', '--from-literal=a=1');
    await cluster.kubectl('create', 'secret', 'generic', 'churn', '--from-literal=s=1');
    // What the first pod makes for all that follow is no leak.
    await create('volumes');
    await rested();
    const { uid } = pods()[0]!.metadata;
    const ofThePod = (line: string) => line.includes(uid) || /^(process|link veth)/.test(line);
    assert.ok((await node.traces()).filter(ofThePod).length > 10);
    await removeAll();
    await eventually('its traces are gone', async () => {
      before = await node.traces();
      return !before.some(ofThePod);
    });
  });
  suiteTeardown(async () => {
    ending.abort();
    client?.close();
    await cluster.remove();
    await assertNothingRemains(cluster.layout);
  });

  const pods = () => view.list(podKind, namespace);
  const podNamed = (name: string) => view.get(podKind, { namespace, name });

  async function create(sort = pick(Object.keys(sorts))): Promise<string> {
    const name = `${sort}-${count++}`;
    const { rest, spec } = sorts[sort]!;
    await client.create(podKind, { metadata: { name, namespace }, spec: spec(pick([0, 1, 2])) });
    wanted.set(name, rest);
    return name;
  }

  async function remove(name: string): Promise<void> {
    wanted.delete(name);
    await client.delete(podKind, { namespace, name }).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
    });
  }

  async function removeAll(): Promise<void> {
    for (const name of wanted.keys()) await remove(name);
    await eventually('all pods are gone', () => pods().length === 0);
  }

  const rested = () =>
    eventually('all pods are as wanted', () => {
      const unlike = [...wanted].filter(([name, rest]) => !isAt(podNamed(name), rest));
      if (unlike.length > 0) throw new Error(`Not ${unlike.map(([name, rest]) => `${name} ${rest}`).join(', ')}`);
      return true;
    });

  teardown(removeAll);

  const nothingLeft = async () => {
    await removeAll();
    // Logs and folders go a moment after the object.
    await eventually('nothing is left on the node', async () => {
      const more = (await node.traces()).filter((line) => !before.includes(line));
      if (more.length > 0) throw new Error(`Left over:\n${more.join('\n')}`);
      return true;
    });
  };

  test('kills in a churn of pods: none runs twice, no address is given twice, nothing is left', async () => {
    const faults: string[] = [];
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        faults.push(...twice(runningMarks(), 'runs twice'), ...twice(addressesOf(pods()), 'is given twice'));
        await env.sleep(150, watching.signal).catch(() => {});
      }
    })();
    const churn = new AbortController();
    const churning = (async () => {
      while (!churn.signal.aborted) {
        const names = [...wanted.keys()];
        if (names.length >= mostPods || (names.length > 3 && chance.random() < 0.4)) await remove(pick(names));
        else await create();
        await env.sleep(100 + chance.random() * 300);
      }
    })();
    try {
      for (let round = 0; round < kills; round++) {
        await env.sleep(200 + chance.random() * 2300);
        node.killAgent();
        await env.sleep(chance.random() * 300);
        node.startAgent();
      }
      churn.abort();
      await churning;
      await rested();
    } finally {
      // However it ends, nothing goes on beside the next test.
      churn.abort();
      watching.abort();
      await Promise.all([churning, watch]);
    }
    assert.deepEqual(faults, []);
    for (const pod of pods()) {
      for (const { name, restartCount } of pod.status?.containerStatuses ?? []) {
        const rest = wanted.get(pod.metadata.name);
        if (rest === 'running') assert.equal(restartCount, 0, `${pod.metadata.name}/${name} was started anew`);
      }
    }
    await nothingLeft();
  });

  test('a killed conmon: its container is told to have ended, and started again, once', async () => {
    const name = await create('plain');
    await rested();
    const { containerID } = podNamed(name)!.status!.containerStatuses![0]!;
    const id = containerID!.replace(/^.*:\/\//, '');
    const conmon = commandLines().find(({ line }) => line.includes('conmon') && line.includes(id))!;
    killIfThere(conmon.pid);
    await eventually('another run is told of', () => {
      assert.deepEqual(twice(runningMarks(), 'runs twice'), []);
      const status = podNamed(name)?.status?.containerStatuses?.[0];
      return status?.restartCount === 1 && status.state?.running !== undefined && status.lastState?.terminated;
    });
    await nothingLeft();
  });

  test('pods deleted while the agent is away are taken down when it is back', async () => {
    const names = [await create('plain'), await create('volumes'), await create('init')];
    await rested();
    node.killAgent();
    for (const name of names) await remove(name);
    await create('pair');
    node.startAgent();
    await eventually('they are gone', () => names.every((name) => !podNamed(name)));
    await rested();
    // Those deleted without grace end a moment after their objects.
    await eventually('only the new one runs', () => runningMarks().length === 2);
    await nothingLeft();
  });

  test('etcd and the API server killed while pods start, and away while containers crash', async () => {
    const [first] = [await create('crashing'), await create('plain'), await create('volumes'), await create('job')];
    process.kill(cluster.pidOf('etcd'), 'SIGKILL');
    process.kill(cluster.pidOf('control-plane'), 'SIGKILL');
    await eventually('pods can be made again', () => create('init'));
    await rested();
    const restarts = () => podNamed(first)?.status?.containerStatuses?.[0]?.restartCount ?? 0;
    const told = restarts();
    const pid = cluster.pidOf('control-plane');
    process.kill(pid, 'SIGSTOP');
    const seen = new Set<number>();
    await eventually('the container runs again meanwhile', () => {
      const runs = commandLines().filter(({ line }) => line.includes(`${marker}${podNamed(first)!.metadata.uid}/`));
      for (const run of runs) if (isContainerInit(run.pid)) seen.add(run.pid);
      return seen.size > 0;
    });
    process.kill(pid, 'SIGCONT');
    await eventually('its restarts are told', () => restarts() > told);
    await rested();
    await nothingLeft();
  });

  test('a sudden restart of the machine: the same pods run again, in new sandboxes', async () => {
    const running = [await create('plain'), await create('volumes'), await create('init')];
    const done = await create('job');
    await rested();
    const factsOf = (name: string) => {
      const { metadata, status } = podNamed(name)!;
      return { uid: metadata.uid, restarts: status?.containerStatuses?.[0]?.restartCount ?? 0 };
    };
    const earlier = new Map([...running, done].map((name) => [name, factsOf(name)]));
    await loseMachine(cluster.layout);
    await cluster.wherry('up');
    await eventually('they run again', () => running.every((name) => factsOf(name).restarts > 0));
    await rested();
    for (const name of running) {
      const { uid, restarts } = earlier.get(name)!;
      assert.deepEqual(factsOf(name), { uid, restarts: restarts + 1 });
      assert.equal(await cluster.kubectl('exec', name, '-c', 'main', '--', 'echo', 'here'), 'here\n');
    }
    assert.deepEqual(factsOf(done), earlier.get(done));
    await nothingLeft();
  });
});

/** Whether a pod has come to its rest; one that crashes has none but to have been started again. */
function isAt(pod: Pod | undefined, rest: Rest): boolean {
  const { phase, containerStatuses = [] } = pod?.status ?? {};
  if (rest === 'succeeded') return phase === 'Succeeded';
  if (rest === 'crashing') return containerStatuses.some(({ restartCount }) => restartCount > 0);
  return phase === 'Running' && containerStatuses.every(({ ready }) => ready);
}

/** The marks of all containers that run now. */
function runningMarks(): string[] {
  return commandLines()
    .filter(({ pid, line }) => line.includes(marker) && isContainerInit(pid))
    .map(({ line }) => line.slice(line.indexOf(marker)).trim());
}

/** Addresses of the pods that have one and may be using it. */
function addressesOf(pods: readonly Pod[]): string[] {
  return pods
    .filter(({ metadata, status }) => status?.phase === 'Running' && metadata.deletionTimestamp === undefined)
    .flatMap(({ status }) => (status?.podIPs ?? []).map(({ ip }) => ip));
}

function twice(items: readonly string[], what: string): string[] {
  return items.filter((item, i) => items.indexOf(item) !== i).map((item) => `${item} ${what}`);
}
