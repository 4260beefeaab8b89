/** What every Runtime must do, as tests: the lifecycle relies on this and on nothing else. */
import assert from 'node:assert/strict';
import type { ContainerSpec, Runtime, SandboxSpec } from './types.ts';

/** How a container of the contract behaves: runs until stopped, exits with code 3 at once, or takes no notice of SIGTERM. */
export type Part = 'sleeps' | 'fails' | 'stubborn';

export interface Subject {
  runtime: Runtime;
  /** A container that plays a part, in the pod of sandboxFor(uid). */
  container(uid: string, name: string, part: Part, attempt?: number): ContainerSpec;
  /** Lets time pass until `look` answers true; fails after a while. */
  until(look: () => Promise<boolean>): Promise<void>;
  /** Removes everything. */
  close(): Promise<void>;
}

/** A sandbox with nothing special. */
function sandboxFor(uid: string): SandboxSpec {
  return {
    uid,
    namespace: 'default',
    name: `pod-${uid}`,
    hostname: `pod-${uid}`,
    domainname: '',
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    hostUsers: true,
    sysctls: {},
    resolvConf: 'nameserver 192.0.2.1\n',
    hosts: '127.0.0.1\tlocalhost\n',
    qos: 'BestEffort',
    resources: {},
    ports: [],
  };
}

/** Declares the suite for one implementation. `open` gives a fresh subject for each test. */
export function runtimeContract(name: string, open: () => Promise<Subject>): void {
  suite(`runtime contract: ${name}`, () => {
    const signal = new AbortController().signal;
    let subject: Subject;
    setup(async () => {
      subject = await open();
    });
    teardown(() => subject.close());

    const observe = async (uid: string) => (await subject.runtime.list()).find((pod) => pod.uid === uid);

    test('preparePod() makes a sandbox once, with an address', async () => {
      const first = await subject.runtime.preparePod(sandboxFor('a'), signal);
      assert.equal(first.ready, true);
      assert.equal(first.ips.length, 1);
      const again = await subject.runtime.preparePod(sandboxFor('a'), signal);
      assert.deepEqual([again.ips, again.createdAt], [first.ips, first.createdAt]);
      assert.deepEqual(await observe('a'), again);
    });

    test('startContainer() starts once, and list() tells of it', async () => {
      await subject.runtime.preparePod(sandboxFor('a'), signal);
      const spec = subject.container('a', 'app', 'sleeps');
      const run = await subject.runtime.startContainer(spec, signal);
      assert.deepEqual([run.state, run.name, run.attempt], ['running', 'app', 0]);
      const again = await subject.runtime.startContainer(spec, signal);
      assert.equal(again.id, run.id);
      const { containers, createdAt } = (await observe('a'))!;
      assert.deepEqual(
        containers.map(({ id, state }) => [id, state]),
        [[run.id, 'running']],
      );
      assert.ok(containers[0]!.createdAt >= createdAt);
    });

    test('onChange() tells of an exit, which list() then shows with its code', async () => {
      const told: string[] = [];
      const off = subject.runtime.onChange((uid) => told.push(uid));
      await subject.runtime.preparePod(sandboxFor('a'), signal);
      await subject.runtime.startContainer(subject.container('a', 'app', 'fails'), signal);
      await subject.until(() => Promise.resolve(told.includes('a')));
      off();
      const [run] = (await observe('a'))!.containers;
      assert.deepEqual([run!.state, run!.exitCode], ['exited', 3]);
      assert.ok(run!.finishedAt! >= run!.startedAt!);
    });

    test('a container may run again as its next attempt, and its remains be removed', async () => {
      await subject.runtime.preparePod(sandboxFor('a'), signal);
      const first = await subject.runtime.startContainer(subject.container('a', 'app', 'fails'), signal);
      await subject.until(async () => (await observe('a'))!.containers[0]!.state === 'exited');
      const second = await subject.runtime.startContainer(subject.container('a', 'app', 'sleeps', 1), signal);
      assert.notEqual(second.id, first.id);
      await subject.runtime.removeContainer(first.id);
      await subject.runtime.removeContainer(first.id);
      assert.deepEqual(
        (await observe('a'))!.containers.map(({ attempt }) => attempt),
        [1],
      );
    });

    test('stopContainer() ends a container, by force when it must, and again does nothing', async () => {
      await subject.runtime.preparePod(sandboxFor('a'), signal);
      const run = await subject.runtime.startContainer(subject.container('a', 'app', 'stubborn'), signal);
      await subject.runtime.stopContainer(run.id, 100, signal);
      const [ended] = (await observe('a'))!.containers;
      assert.deepEqual([ended!.state, ended!.exitCode], ['exited', 137]);
      await subject.runtime.stopContainer(run.id, 100, signal);
    });

    test('stopContainer() given up by its signal may be asked again with less grace', async () => {
      await subject.runtime.preparePod(sandboxFor('a'), signal);
      const run = await subject.runtime.startContainer(subject.container('a', 'app', 'stubborn'), signal);
      const patience = new AbortController();
      const first = subject.runtime.stopContainer(run.id, 60_000, patience.signal);
      patience.abort(new Error('enough'));
      await assert.rejects(first);
      await subject.runtime.stopContainer(run.id, 0, signal);
      assert.equal((await observe('a'))!.containers[0]!.state, 'exited');
    });

    test('removePod() leaves nothing, whatever runs, and again does nothing', async () => {
      await subject.runtime.preparePod(sandboxFor('a'), signal);
      await subject.runtime.preparePod(sandboxFor('b'), signal);
      await subject.runtime.startContainer(subject.container('a', 'app', 'stubborn'), signal);
      await subject.runtime.removePod('a');
      await subject.runtime.removePod('a');
      assert.deepEqual(
        (await subject.runtime.list()).map(({ uid }) => uid),
        ['b'],
      );
    });
  });
}
