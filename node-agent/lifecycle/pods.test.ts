import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeClient } from '#lib/client/fake.ts';
import type { FakeClient } from '#lib/client/fake.ts';
import type { Client } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import type { Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { makeCpus } from '../cpus/cpus.ts';
import type { Images } from '../images/types.ts';
import { PullError } from '../images/types.ts';
import { makeObjects } from '../node/objects.ts';
import { makeHookRunner } from '../probes/hooks.ts';
import { makeProber } from '../probes/prober.ts';
import { StartError } from '../runtime/types.ts';
import { makeMemoryRuntime } from '../runtime/memory.ts';
import type { MemoryRuntime } from '../runtime/memory.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { Hands } from './hands.ts';
import { makeLimit } from './limit.ts';
import { makeObserver } from './observer.ts';
import { makeContainer, makePod } from './pods.fixture.ts';
import { makePods } from './pods.ts';
import { isStatic } from './static.ts';
import type { Pods, StaticSource } from './pods.ts';

const ref = { namespace: 'default', name: 'web' };

/** An agent's lifecycle over a fake API, a runtime in memory and a fake clock. */
class Node {
  readonly env: FakeEnv = makeFakeEnv();
  readonly client: FakeClient = makeFakeClient(this.env);
  readonly runtime: MemoryRuntime = makeMemoryRuntime(this.env);
  /** Whether the agent can reach the API; the tests always can. */
  isApiAway = false;
  readonly reached: Client = withOutages(this.client, () => this.isApiAway);
  readonly said: string[] = [];
  readonly missing = new Set<string>();
  readonly devices = new FakeDevices();
  readonly logDir = mkdtempSync(path.join(os.tmpdir(), 'wherry-pods-'));
  pods: Pods | undefined;
  /** Pods that the node has by itself. */
  files: Pod[] = [];
  tellFiles: (pods: Pod[]) => void = () => {};
  stopping = new AbortController();

  readonly statics: StaticSource = (onPods) => {
    this.tellFiles = onPods;
    onPods(this.files);
    return Promise.resolve();
  };

  async start(): Promise<void> {
    const { env, reached: client, runtime } = this;
    this.stopping = new AbortController();
    const targets = [{ kind: podKind, fieldSelector: 'spec.nodeName=n1' }, { kind: nodeKind }];
    const view = makeView(client, targets, {
      env,
      signal: this.stopping.signal,
    });
    const events = {
      record: ({ reason, message }: { reason: string; message: string }) =>
        void this.said.push(`${reason}: ${message}`),
      stop: () => {},
    };
    const hands: Hands = {
      env,
      client,
      events,
      runtime,
      observer: makeObserver(runtime, env),
      images: fakeImages(this.missing),
      volumes: noVolumes,
      objects: makeObjects(client, env),
      hooks: makeHookRunner(runtime, env),
      prober: makeProber({ env, events, executor: runtime }),
      facts: {
        nodeName: 'n1',
        clusterDns: '10.96.0.10',
        clusterDomain: 'cluster.local',
        hostHosts: '',
        hostDns: { nameservers: [], searches: [], options: [] },
        hostIps: ['10.0.0.1'],
        memoryRules: { memoryBytes: 2 ** 32 },
        allocatable: { cpu: '2', memory: '4Gi' },
        logDir: this.logDir,
        seccompDir: '/nowhere',
      },
      pressure: { refusalOf: () => undefined },
      cpus: makeCpus({
        env,
        runtime: { pin: () => Promise.resolve() },
        file: path.join(this.logDir, 'cpu_manager_state'),
        policy: 'none',
        plan: { machine: [], reserved: [] },
      }),
      devices: this.devices,
      services: () => [],
      room: () => ({ allocatable: { cpu: '2', memory: '4Gi', pods: '10' }, labels: {} }),
      limit: makeLimit(4),
      endings: makeLimit(4),
    };
    await this.settle(() => view.ready());
    await this.settle(async () => {
      this.pods = await makePods(hands, view, { signal: this.stopping.signal, statics: this.statics });
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error('stop'));
    await this.pods?.stop();
  }

  /** Runs something and gives everything it sets off the time to come to rest. */
  async settle(run?: () => Promise<unknown>): Promise<void> {
    const running = run?.();
    for (let quiet = 0; quiet < 20; quiet++) {
      await this.env.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
      if (process.getActiveResourcesInfo().some((resource) => /^(FS|FileHandle)/.test(resource))) quiet = 0;
    }
    await running;
  }

  async pass(ms: number): Promise<void> {
    await this.env.advance(ms);
    await this.settle();
  }

  async create(spec: Partial<PodSpec> = {}, name = ref.name): Promise<void> {
    const draft = { metadata: { ...ref, name }, spec: { containers: [makeContainer('app')], nodeName: 'n1', ...spec } };
    await this.settle(() => this.client.create(podKind, draft));
  }

  async pod(): Promise<Pod> {
    return this.client.get(podKind, ref);
  }

  async app() {
    return (await this.pod()).status!.containerStatuses![0]!;
  }

  async kill(exitCode: number): Promise<void> {
    const run = (await this.runtime.list())[0]!.containers.find((item) => item.state === 'running')!;
    this.runtime.kill(run.id, exitCode);
    await this.settle();
  }
}

suite('node-agent/lifecycle/pods', () => {
  let node: Node;
  setup(async () => {
    node = new Node();
    await node.start();
  });
  teardown(async () => {
    await node.stop();
    rmSync(node.logDir, { recursive: true, force: true });
  });

  test('makePods() runs a pod from its creation to its deletion', async () => {
    await node.create();
    const { status } = await node.pod();
    assert.equal(status?.phase, 'Running');
    assert.match(status?.podIP ?? '', /^10\.1\.0\./);
    assert.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.deepEqual(node.said, [
      'Pulled: Container image "app:1" already present on machine',
      'Created: Created container: app',
      'Started: Started container app',
    ]);
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 30 }));
    await assert.rejects(node.pod(), { reason: 'NotFound' });
    assert.deepEqual(await node.runtime.list(), []);
    assert.equal(node.said.at(-1), 'Killing: Stopping container app');
  });

  test('makePods() restarts a crashing container at once, then after longer and longer rests', async () => {
    await node.create();
    await node.kill(1);
    assert.deepEqual([(await node.app()).restartCount, (await node.app()).state?.running !== undefined], [1, true]);
    await node.kill(1);
    const app = await node.app();
    assert.equal(app.state?.waiting?.reason, 'CrashLoopBackOff');
    assert.equal(app.lastState?.terminated?.exitCode, 1);
    await node.pass(9000);
    assert.equal((await node.app()).restartCount, 1);
    await node.pass(1100);
    assert.equal((await node.app()).restartCount, 2);
    await node.kill(1);
    assert.match((await node.app()).state?.waiting?.message ?? '', /^back-off 20s /);
  });

  test('makePods() lets a pod that never restarts succeed, and frees what it held', async () => {
    await node.create({ restartPolicy: 'Never' });
    await node.kill(0);
    const pod = await node.pod();
    assert.equal(pod.status?.phase, 'Succeeded');
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    assert.deepEqual(await node.runtime.list(), []);
  });

  test('makePods() kills a stubborn container when its grace is over, and sooner when asked again', async () => {
    node.runtime.scripts.set('app', { stubborn: true });
    await node.create();
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 30 }));
    await node.pass(5000);
    assert.equal((await node.app()).state?.running !== undefined, true);
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 2 }));
    await node.pass(2100);
    await assert.rejects(node.pod(), { reason: 'NotFound' });
  });

  test('makePods() adopts what runs after a restart, without touching it', async () => {
    await node.create();
    const before = await node.app();
    await node.stop();
    await node.start();
    assert.deepEqual(await node.app(), before);
    assert.equal(node.runtime.started.length, 1);
  });

  test('makePods() honours what happened while the agent was away', async () => {
    await node.create();
    await node.stop();
    await node.client.delete(podKind, ref, { gracePeriodSeconds: 0 });
    await node.start();
    await node.settle();
    assert.deepEqual(await node.runtime.list(), []);
    await node.create();
    await node.kill(1);
    await node.stop();
    await node.kill(3);
    await node.start();
    const app = await node.app();
    assert.deepEqual([app.restartCount, app.lastState?.terminated?.exitCode], [2, 3]);
  });

  test('makePods() keeps pods running while the API is away for an hour, and tells of it afterwards', async () => {
    const hourMs = 3_600_000;
    const lookEachMs = 2000;
    node.runtime.scripts.set('failing', { exitAfterMs: 1000, exitCode: 7 });
    await node.create();
    await node.create({ containers: [makeContainer('failing')] }, 'failing');
    await node.create({}, 'doomed');
    const statusOf = async (name: string) =>
      (await node.client.get(podKind, { ...ref, name })).status!.containerStatuses![0]!;
    const runsOf = async (name: string) =>
      (await node.runtime.list()).find((pod) => pod.name === name)?.containers ?? [];
    const told = [await statusOf('web'), await statusOf('failing')];
    const [doomed] = await runsOf('doomed');
    node.isApiAway = true;
    node.client.disconnect();
    node.client.compact();
    await node.settle(() => node.client.delete(podKind, { ...ref, name: 'doomed' }));
    node.runtime.kill((await runsOf('web'))[0]!.id, 9);
    const startedAfterMs: number[] = [];
    for (let passedMs = 0; passedMs < hourMs; passedMs += lookEachMs) {
      const before = node.runtime.started.length;
      await node.pass(lookEachMs);
      for (const { name } of node.runtime.started.slice(before)) if (name === 'failing') startedAfterMs.push(passedMs);
    }
    // Each run lasts a second; the first rest was none, and those after it grow to five minutes.
    const rests = startedAfterMs.map((ms, i) => ms - (startedAfterMs[i - 1] ?? ms) - 1000).slice(1, 9);
    assert.deepEqual(
      rests.map((ms) => Math.round(ms / 10_000)),
      [1, 2, 4, 8, 16, 30, 30, 30],
    );
    assert.deepEqual([await statusOf('web'), await statusOf('failing')], told);
    assert.deepEqual(await runsOf('doomed'), [doomed]);
    node.isApiAway = false;
    await node.pass(60_000);
    const [web, failing] = [await statusOf('web'), await statusOf('failing')];
    assert.deepEqual([web.restartCount, web.lastState?.terminated?.exitCode], [1, 9]);
    assert.notEqual(web.state?.running, undefined);
    const runs = node.runtime.started.filter(({ name }) => name === 'failing');
    assert.equal(failing.restartCount, runs.length - 1);
    assert.equal(failing.lastState?.terminated?.exitCode ?? failing.state?.terminated?.exitCode, 7);
    await assert.rejects(node.client.get(podKind, { ...ref, name: 'doomed' }), { reason: 'NotFound' });
    assert.deepEqual(await runsOf('doomed'), []);
  });

  test('makePods() starts everything again after a reboot, counting on', async () => {
    await node.create();
    node.runtime.reboot();
    await node.settle();
    await node.pass(11_000);
    const app = await node.app();
    assert.deepEqual([app.restartCount, app.lastState?.terminated?.exitCode], [1, 137]);
    assert.equal((await node.pod()).status?.phase, 'Running');
  });

  test('makePods() shows why an image does not come, and takes it when it does', async () => {
    node.missing.add('app:1');
    await node.create();
    assert.equal((await node.app()).state?.waiting?.reason, 'ErrImagePull');
    await node.pass(2500);
    assert.equal((await node.app()).state?.waiting?.reason, 'ImagePullBackOff');
    node.missing.clear();
    await node.pass(8000);
    assert.equal((await node.pod()).status?.phase, 'Running');
  });

  test('makePods() starts a container as soon as the ConfigMap it waits for is there', async () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'a' } } }];
    await node.create({ containers: [makeContainer('app', { env })] });
    const { waiting } = (await node.app()).state!;
    assert.deepEqual(waiting, { reason: 'CreateContainerConfigError', message: 'configmap "cm" not found' });
    await node.settle(() =>
      node.client.create(configMap, { metadata: { namespace: 'default', name: 'cm' }, data: { a: '1' } }),
    );
    await node.pass(5100);
    assert.equal((await node.pod()).status?.phase, 'Running');
    assert.ok(node.runtime.started[0]!.env.includes('A=1'));
  });

  test('makePods() restarts a container that fails its liveness probe, and shows readiness', async () => {
    let exitCode = 0;
    node.runtime.scripts.set('app', { exec: () => ({ exitCode, output: 'sick' }) });
    const probe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 2 };
    await node.create({ containers: [makeContainer('app', { livenessProbe: probe, readinessProbe: probe })] });
    await node.pass(10);
    assert.equal((await node.app()).ready, true);
    exitCode = 1;
    await node.pass(2500);
    assert.ok(node.said.includes('Unhealthy: Liveness probe failed: sick'));
    assert.ok(node.said.includes('Killing: Container app failed liveness probe, will be restarted'));
    assert.equal((await node.app()).restartCount, 1);
    assert.equal((await node.app()).ready, false);
  });

  test('makePods() runs a container again that a probe gave up on, if it ends well and only failures run again', async () => {
    node.runtime.scripts.set('app', { exec: () => ({ exitCode: 1, output: '' }), stoppedCode: 0 });
    const livenessProbe = { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 1 };
    await node.create({ restartPolicy: 'OnFailure', containers: [makeContainer('app', { livenessProbe })] });
    await node.pass(0);
    const { lastState, restartCount } = await node.app();
    assert.deepEqual([lastState?.terminated?.exitCode, restartCount], [0, 1]);
    assert.equal((await node.pod()).status?.phase, 'Running');
  });

  test('makePods() runs hooks: postStart before running shows, preStop before the signal', async () => {
    const commands: string[] = [];
    node.runtime.scripts.set('app', {
      exec: (command) => {
        commands.push(command.join(' '));
        return { exitCode: 0, output: '' };
      },
    });
    const lifecycle = { postStart: { exec: { command: ['hello'] } }, preStop: { exec: { command: ['bye'] } } };
    await node.create({ containers: [makeContainer('app', { lifecycle })] });
    assert.equal((await node.pod()).status?.phase, 'Running');
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 30 }));
    assert.deepEqual(commands, ['hello', 'bye']);
  });

  test('makePods() says nothing of a pod before it has its devices, and takes them back at its end', async () => {
    const { devices } = node;
    devices.asked = true;
    devices.left = 1;
    let answer = () => {};
    devices.answer = new Promise((resolve) => (answer = resolve));
    await node.create();
    assert.equal((await node.pod()).status?.startTime, undefined);
    await node.settle(() => Promise.resolve(answer()));
    assert.equal((await node.pod()).status?.phase, 'Running');
    assert.deepEqual([devices.left, devices.given.size], [0, 1]);
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 30 }));
    assert.deepEqual([devices.left, devices.given.size], [1, 0]);
  });

  test('makePods() takes devices back before anybody hears that the pod is over', async () => {
    const { devices } = node;
    devices.asked = true;
    devices.left = 1;
    await node.create({ restartPolicy: 'Never' });
    const held: number[] = [];
    const { patch } = node.client;
    node.client.patch = ((...args: Parameters<typeof patch>) => {
      held.push(devices.given.size);
      return patch(...args);
    }) as typeof patch;
    await node.kill(0);
    assert.equal((await node.pod()).status?.phase, 'Succeeded');
    assert.ok(held.length > 0 && held.every((each) => each === 0), held.join());
  });

  test('makePods() refuses a pod for which there are no devices', async () => {
    node.devices.asked = true;
    await node.create();
    const { status } = await node.pod();
    assert.deepEqual(
      [status?.phase, status?.reason, status?.message],
      ['Failed', 'UnexpectedAdmissionError', 'Pod was rejected: Allocate failed'],
    );
    assert.deepEqual(node.said, ['UnexpectedAdmissionError: Allocate failed']);
    assert.deepEqual(await node.runtime.list(), []);
  });

  test('makePods() lets a pod go that is deleted while it waits for its devices', async () => {
    node.devices.asked = true;
    node.devices.answer = new Promise(() => {});
    await node.create();
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 0 }));
    await assert.rejects(node.pod(), { reason: 'NotFound' });
  });

  test('makePods() refuses a pod that asks for more than the node has', async () => {
    await node.create({ containers: [makeContainer('app', { resources: { requests: { cpu: '3' } } })] });
    const { status } = await node.pod();
    assert.deepEqual([status?.phase, status?.reason], ['Failed', 'OutOfcpu']);
    assert.match(node.said[0]!, /^OutOfcpu: Node didn't have enough resource: cpu/);
    assert.deepEqual(await node.runtime.list(), []);
  });

  test('makePods() lets the log speak for a container that failed without a word', async () => {
    const spec = makeContainer('app', { terminationMessagePolicy: 'FallbackToLogsOnError' });
    await node.create({ containers: [spec], restartPolicy: 'Never' });
    writeFileSync(node.runtime.started[0]!.logPath, '2026-01-01T00:00:00Z stderr F it broke\n');
    await node.kill(1);
    // The log is read from a real disk, which the fake clock does not wait for.
    for (let round = 0; round < 1000 && !(await node.app()).state?.terminated; round++) await node.settle();
    assert.equal((await node.app()).state?.terminated?.message, 'it broke\n');
  });

  test('makePods() counts a program that cannot be started as a failed run', async () => {
    const failure = () => new StartError('RunContainerError', 'exec: "no": not found');
    node.runtime.scripts.set('app', { failures: [failure(), failure()] });
    await node.create();
    const app = await node.app();
    assert.deepEqual([app.state?.waiting?.reason, app.restartCount], ['CrashLoopBackOff', 1]);
    const { exitCode, reason, message } = app.lastState!.terminated!;
    assert.deepEqual([exitCode, reason, message], [128, 'StartError', 'exec: "no": not found']);
    await node.pass(10_100);
    assert.equal((await node.app()).restartCount, 2);
    assert.equal((await node.pod()).status?.phase, 'Running');
  });

  test('makePods() lets a pod fail whose program cannot be started and that never restarts', async () => {
    node.runtime.scripts.set('app', { failures: [new StartError('RunContainerError', 'no')] });
    await node.create({ restartPolicy: 'Never' });
    assert.equal((await node.pod()).status?.phase, 'Failed');
    assert.equal((await node.app()).state?.terminated?.reason, 'StartError');
  });

  test('makePods() says why a container cannot be made, and tries again', async () => {
    node.runtime.scripts.set('app', { failures: [new StartError('CreateContainerError', 'no such profile')] });
    await node.create();
    assert.deepEqual((await node.app()).state, {
      waiting: { reason: 'CreateContainerError', message: 'no such profile' },
    });
    assert.ok(node.said.includes('Failed: Error: no such profile'));
    await node.pass(5100);
    assert.ok((await node.app()).ready);
    assert.equal((await node.app()).restartCount, 0);
  });

  test('makePods() ends a pod at its deadline', async () => {
    await node.create({ activeDeadlineSeconds: 5 });
    await node.pass(6000);
    const { status } = await node.pod();
    assert.deepEqual([status?.phase, status?.reason], ['Failed', 'DeadlineExceeded']);
    const told = 'DeadlineExceeded: Pod was active on the node longer than the specified deadline';
    assert.equal(node.said.filter((line) => line === told).length, 1);
  });

  test('makePods() does not call a pod failed while it is still ending', async () => {
    node.runtime.scripts.set('app', { stubborn: true });
    await node.create({ activeDeadlineSeconds: 5, terminationGracePeriodSeconds: 20 });
    await node.pass(6000);
    assert.deepEqual(
      [(await node.pod()).status?.phase, (await node.app()).state?.running !== undefined],
      ['Running', true],
    );
    await node.pass(20_000);
    assert.equal((await node.pod()).status?.phase, 'Failed');
  });

  test('makePods() leaves every container two seconds between signal and kill', async () => {
    node.runtime.scripts.set('app', { stubborn: true });
    await node.create();
    await node.settle(() => node.client.delete(podKind, ref, { gracePeriodSeconds: 1 }));
    await node.pass(1500);
    assert.equal((await node.app()).state?.running !== undefined, true);
    await node.pass(1000);
    await assert.rejects(node.pod(), { reason: 'NotFound' });
  });

  suite('of the node itself', () => {
    const onFile = (hash: string, image = 'app:1'): Pod =>
      makePod({ nodeName: 'n1', containers: [makeContainer('app', { image })] }, undefined, {
        ...ref,
        uid: hash,
        resourceVersion: '0',
        annotations: { 'kubernetes.io/config.source': 'file', 'kubernetes.io/config.hash': hash },
      });
    const tell = (...pods: Pod[]) => {
      node.files = pods;
      node.tellFiles(pods);
      return node.settle();
    };
    const running = async () => (await node.runtime.list()).map(({ uid }) => uid);
    setup(async () => {
      await node.client.create(nodeKind, { metadata: { name: 'n1' }, spec: {} });
    });

    test('makePods() runs pods that the API does not have, and shows it their images', async () => {
      await tell(onFile('one'));
      await node.pass(3000);
      const mirror = await node.pod();
      assert.equal(mirror.metadata.annotations?.['kubernetes.io/config.mirror'], 'one');
      const [owner] = mirror.metadata.ownerReferences!;
      assert.deepEqual([owner!.kind, owner!.name, owner!.controller], ['Node', 'n1', true]);
      assert.equal(mirror.status?.phase, 'Running');
      assert.deepEqual(await running(), ['one']);
      assert.equal(node.pods!.seen(mirror.metadata.uid)?.pod?.metadata.uid, 'one');
    });

    test('makePods() takes no pod of the API for its own, whatever it says of itself', async () => {
      const annotations = { 'kubernetes.io/config.source': 'file', 'kubernetes.io/config.hash': 'x' };
      const spec = { containers: [makeContainer('app')], nodeName: 'n1' };
      await node.settle(() => node.client.create(podKind, { metadata: { ...ref, annotations }, spec }));
      await node.pass(1000);
      const { metadata, status } = await node.pod();
      assert.equal(status?.phase, 'Running');
      assert.equal(isStatic(node.pods!.seen(metadata.uid)!.pod!), false);
    });

    test('makePods() makes a deleted image again, and leaves the pod alone', async () => {
      await tell(onFile('one'));
      await node.pass(3000);
      const before = (await node.pod()).metadata.uid;
      await node.settle(() => node.client.delete(podKind, ref, {}));
      await node.pass(3000);
      assert.notEqual((await node.pod()).metadata.uid, before);
      assert.equal((await node.pod()).status?.phase, 'Running');
      assert.equal(node.runtime.started.length, 1);
    });

    test('makePods() replaces a pod whose file has changed once the old one has ended', async () => {
      node.runtime.scripts.set('app', { stubborn: true });
      await tell(onFile('one'));
      await node.pass(3000);
      await tell(onFile('two', 'app:2'));
      await node.pass(3000);
      assert.deepEqual(await running(), ['one']);
      await node.pass(31_000);
      // The old one's logs are dealt with on a real disk, in time of its own, of which the clock knows nothing.
      for (let turn = 0; turn < 200 && (await running())[0] !== 'two'; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await node.pass(100);
      }
      assert.deepEqual(await running(), ['two']);
      assert.equal((await node.pod()).metadata.annotations?.['kubernetes.io/config.mirror'], 'two');
      await tell();
      await node.pass(35_000);
      assert.deepEqual(await running(), []);
      await assert.rejects(node.pod(), { reason: 'NotFound' });
    });

    test('makePods() adopts them after a restart, and ends those whose files have gone meanwhile', async () => {
      await tell(onFile('one'));
      await node.pass(3000);
      await node.stop();
      await node.start();
      await node.pass(3000);
      assert.deepEqual([await running(), node.runtime.started.length], [['one'], 1]);
      await node.stop();
      node.files = [];
      await node.start();
      await node.pass(35_000);
      assert.deepEqual(await running(), []);
      await assert.rejects(node.pod(), { reason: 'NotFound' });
    });
  });
});

/** Devices for as many pods as it is told. */
class FakeDevices implements Pick<Hands['devices'], keyof Hands['devices']> {
  readonly given = new Set<string>();
  left = 0;
  asked = false;
  answer = Promise.resolve();

  lacks = ({ metadata }: Pod) => this.asked && !this.given.has(metadata.uid);
  give = async ({ metadata }: Pod, signal: AbortSignal) => {
    const aborted = once(signal, 'abort').then(() => Promise.reject(signal.reason as Error));
    await Promise.race([this.answer, aborted]);
    if (this.left === 0) return { reason: 'UnexpectedAdmissionError', message: 'Allocate failed' };
    this.left -= 1;
    this.given.add(metadata.uid);
    return undefined;
  };
  ready = () => Promise.resolve({ env: new Map([['FROM', 'device']]), mounts: [], devices: [], annotations: {} });
  release = (uid: string) => void (this.given.delete(uid) && (this.left += 1));
  keepOnly = () => {};
}

const noVolumes: Volumes = {
  mount: () => Promise.resolve({}),
  mountsOf: () => Promise.resolve([]),
  refresh: () => Promise.resolve(),
  unmount: () => Promise.resolve(),
  uids: () => Promise.resolve([]),
  stop: () => {},
};

function fakeImages(missing: ReadonlySet<string>): Images {
  const image = (name: string) => ({
    name,
    id: `sha256:${name}`,
    config: { entrypoint: [], cmd: [], env: [], workingDir: '', user: '', stopSignal: '', labels: {}, volumes: [] },
    layers: [],
  });
  return {
    find: (name) => Promise.resolve(missing.has(name) ? undefined : image(name)),
    pull: (name) =>
      missing.has(name)
        ? Promise.reject(new PullError('ErrImagePull', 'not there'))
        : Promise.resolve({ image: image(name), bytes: 1, durationMs: 1 }),
    noteUse: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    remove: () => Promise.resolve(),
    importTar: () => Promise.resolve([]),
    dropStale: () => Promise.resolve(),
  };
}

/** The client as one has it who cannot always reach the API. */
function withOutages(client: Client, isAway: () => boolean): Client {
  const refuse = () => {
    if (isAway()) throw new ApiError('ServiceUnavailable', 'Cannot reach the API');
  };
  return new Proxy(client, {
    get(target, name: keyof Client) {
      if (name === 'watch') {
        return async function* (...args: Parameters<Client['watch']>) {
          refuse();
          yield* target.watch(...args);
        };
      }
      return async (...args: never[]) => {
        refuse();
        return (target[name] as (...given: never[]) => unknown)(...args);
      };
    },
  });
}
