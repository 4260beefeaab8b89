/** What happens to a node's pods when something beside the agent dies, or everything at once: all is as wanted afterwards, and nothing is left over. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { endSupervised } from '../../cli/cluster/run.ts';
import { stemOf } from '../../cli/cluster/up.ts';
import { eventually } from '../harness/cluster.ts';
import { markOf } from './churn-pods.ts';
import { startChurn } from './churn.ts';
import type { Churn } from './churn.ts';
import { commandLines, killIfThere, loseMachine } from './node.ts';

/** Long enough for an agent to do what it would do without the API. */
const awayWithoutApiMs = 5000;

const seed = Number(process.env.WHERRY_TEST_SEED ?? Date.now() % 1_000_000);

suite(`chaos on a node (WHERRY_TEST_SEED=${seed})`, function () {
  this.timeout(240_000);
  let churn: Churn;

  suiteSetup(async () => {
    churn = await startChurn('churn', seed);
  });
  suiteTeardown(() => churn?.close());
  teardown(async function () {
    // Whatever it had stopped.
    if (this.currentTest?.isFailed()) await churn.cluster.wherry('up');
    await churn.removeAll();
  });

  test('a killed conmon: its container is told to have ended, and started again, once', async () => {
    const name = await churn.create('plain');
    await churn.rested();
    const { containerID } = churn.podNamed(name)!.status!.containerStatuses![0]!;
    const id = containerID!.replace(/^.*:\/\//, '');
    const conmon = commandLines().find(({ line }) => line.includes('conmon') && line.includes(id))!;
    killIfThere(conmon.pid);
    await eventually('another run is told of', () => {
      const status = churn.podNamed(name)?.status?.containerStatuses?.[0];
      return status?.restartCount === 1 && status.state?.running !== undefined && status.lastState?.terminated;
    });
    await churn.counted();
    assert.deepEqual(churn.faults, []);
    await churn.nothingLeft();
  });

  test('pods deleted while the agent is away are taken down when it is back', async () => {
    const { node, create, podNamed } = churn;
    const names = [await create('plain'), await create('volumes'), await create('init'), await create('ports')];
    await churn.rested();
    node.killAgent();
    for (const [i, name] of names.entries()) await churn.remove(name, i % 2 === 0 ? undefined : 0);
    await create('pair');
    node.startAgent();
    await eventually('they are gone', () => names.every((name) => !podNamed(name)));
    await churn.rested();
    // Those deleted without grace end a moment after their objects.
    await eventually('only the new one runs', () => churn.running().length === 2);
    await churn.nothingLeft();
  });

  test('etcd and the API server killed while pods start, and away while containers crash', async () => {
    const { cluster, create, podNamed } = churn;
    const [first] = [await create('crashing'), await create('plain'), await create('volumes'), await create('job')];
    process.kill(cluster.pidOf('etcd'), 'SIGKILL');
    process.kill(cluster.pidOf('control-plane'), 'SIGKILL');
    await eventually('pods can be made again', () => create('init'));
    await churn.rested();
    const restarts = () => podNamed(first)?.status?.containerStatuses?.[0]?.restartCount ?? 0;
    const told = restarts();
    const pid = cluster.pidOf('control-plane');
    process.kill(pid, 'SIGSTOP');
    const begun = churn.begun(first, 'main');
    await eventually('the container runs again meanwhile', () => churn.begun(first, 'main') > begun);
    process.kill(pid, 'SIGCONT');
    await eventually('its restarts are told', () => restarts() > told);
    await churn.rested();
    await churn.nothingLeft();
  });

  test('the API away for a while: pods run on and start anew, the agent too, and all is told when it is back', async () => {
    const { cluster, node, create, podNamed } = churn;
    const [plain, crashing] = [await create('plain'), await create('crashing')];
    await create('probed');
    await create('init');
    await churn.rested();
    const uidsNow = () =>
      churn
        .pods()
        .map(({ metadata }) => metadata.uid)
        .toSorted();
    const uids = uidsNow();
    const mainOf = (name: string) => markOf(podNamed(name)!.metadata.uid, 'main');
    const runOf = (name: string) => churn.running().find(({ mark }) => mark === mainOf(name));
    const told = podNamed(crashing)!.status!.containerStatuses![0]!.restartCount;
    await endSupervised(stemOf(cluster.layout, 'control-plane'));
    const killed = runOf(plain)!;
    killIfThere(killed.pid);
    await eventually('it runs again', () => (runOf(plain)?.pid ?? killed.pid) !== killed.pid);
    const begun = churn.begun(crashing, 'main');
    await eventually('another crashes, and runs again', () => churn.begun(crashing, 'main') > begun);
    const running = () =>
      churn
        .running()
        .filter(({ mark }) => mark !== mainOf(crashing))
        .map(({ pid, mark }) => `${pid} ${mark}`)
        .toSorted();
    const before = running();
    assert.equal(before.length, 4);
    // What should run, it cannot ask; nor may it end what does.
    node.killAgent();
    node.startAgent();
    await sleep(awayWithoutApiMs);
    assert.deepEqual(running(), before);
    await cluster.wherry('up');
    await eventually('its restarts are told', () => {
      const [status] = podNamed(crashing)!.status!.containerStatuses!;
      return status!.restartCount > told;
    });
    await eventually('the other too', () => podNamed(plain)?.status?.containerStatuses?.[0]?.restartCount === 1);
    await churn.rested();
    await churn.counted();
    assert.deepEqual(running(), before);
    assert.deepEqual(uidsNow(), uids);
    await churn.nothingLeft();
  });

  test('etcd restored to an older state: what it knows runs, what it does not ends', async () => {
    const { cluster, create, podNamed } = churn;
    const { layout } = cluster;
    const [removed, stays] = [await create('plain'), await create('volumes')];
    await churn.rested();
    const idOf = (name: string) => podNamed(name)!.status!.containerStatuses![0]!.containerID;
    const [uid, id] = [podNamed(removed)!.metadata.uid, idOf(stays)];
    const copy = `${layout.etcdDir}-copy`;
    const stopStore = async () => {
      await endSupervised(stemOf(layout, 'control-plane'));
      await endSupervised(stemOf(layout, 'etcd'));
    };
    await stopStore();
    cpSync(layout.etcdDir, copy, { recursive: true });
    await cluster.wherry('up');
    await churn.remove(removed);
    await eventually('it is gone', () => !podNamed(removed));
    const made = await create('pair');
    await churn.rested();
    await stopStore();
    rmSync(layout.etcdDir, { recursive: true });
    renameSync(copy, layout.etcdDir);
    churn.lookAnew();
    await cluster.wherry('up');
    await eventually('the pod that had been removed runs again', () => {
      const pod = podNamed(removed);
      return pod?.metadata.uid === uid && pod.status?.containerStatuses?.[0]?.restartCount === 1;
    });
    churn.expect(removed, 'running');
    churn.expect(made, undefined);
    await churn.rested();
    assert.equal(idOf(stays), id);
    assert.equal(podNamed(made), undefined);
    await eventually('what it does not know has ended', () => churn.running().length === 2);
    await churn.counted();
    await churn.nothingLeft();
  });

  test('a sudden restart of the machine: the same pods run again, in new sandboxes', async () => {
    const { cluster, create, podNamed } = churn;
    const running = [await create('plain'), await create('volumes'), await create('init'), await create('shared')];
    const done = await create('job');
    await churn.rested();
    const factsOf = (name: string) => {
      const { metadata, status } = podNamed(name)!;
      return { uid: metadata.uid, restarts: status?.containerStatuses?.[0]?.restartCount ?? 0 };
    };
    const earlier = new Map([...running, done].map((name) => [name, factsOf(name)]));
    await loseMachine(cluster.layout);
    await cluster.wherry('up');
    await eventually('they run again', () => running.every((name) => factsOf(name).restarts > 0));
    await churn.rested();
    for (const name of running) {
      const { uid, restarts } = earlier.get(name)!;
      assert.deepEqual(factsOf(name), { uid, restarts: restarts + 1 });
      assert.equal(await cluster.kubectl('exec', name, '-c', 'main', '--', 'echo', 'here'), 'here\n');
    }
    assert.deepEqual(factsOf(done), earlier.get(done));
    assert.deepEqual(churn.faults, []);
    await churn.nothingLeft();
  });
});
