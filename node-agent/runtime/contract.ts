/** What every Runtime must do, as tests: the lifecycle relies on this and on nothing else. */
import assert from 'node:assert/strict';
import type { ContainerSpec, Runtime, SandboxSpec } from './types.ts';

/** How a container of the contract behaves: runs until stopped, exits with code 3 at once, or takes no notice of SIGTERM. */
export type Part = 'sleeps' | 'fails' | 'stubborn';

export interface Subject {
  runtime: Runtime;
  /** A container that plays a part, in the pod of sandboxFor(uid). */
  container(uid: string, name: string, part: Part, attempt?: number): ContainerSpec;
  /** Why pods cannot have users of their own here; undefined when they can. */
  noUserNamespaces: string | undefined;
  /** Lets time pass until `look` answers true; fails after a while. */
  until(look: () => Promise<boolean>): Promise<void>;
  /** Removes everything. */
  close(): Promise<void>;
}

/** A sandbox with nothing special but `more`. */
function sandboxFor(uid: string, more: Partial<SandboxSpec> = {}): SandboxSpec {
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
    ...more,
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

    test('list() of a uid tells of that pod alone', async () => {
      for (const uid of ['a', 'b']) await subject.runtime.preparePod(sandboxFor(uid), signal);
      const listed = async (uid?: string) => (await subject.runtime.list(uid)).map((pod) => pod.uid);
      assert.deepEqual([await listed('b'), await listed('c'), (await listed()).toSorted()], [['b'], [], ['a', 'b']]);
    });

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

    test('preparePod() gives pods users of their own that no other pod has, for as long as they live (where it can)', async function () {
      if (subject.noUserNamespaces !== undefined) this.skip();
      const own = { hostUsers: false };
      const first = await subject.runtime.preparePod(sandboxFor('a', own), signal);
      const second = await subject.runtime.preparePod(sandboxFor('b', own), signal);
      const plain = await subject.runtime.preparePod(sandboxFor('c'), signal);
      assert.equal(plain.userIds, undefined);
      const ranges = [first.userIds!, second.userIds!].sort((x, y) => x.first - y.first);
      assert.ok(ranges[0]!.first >= ranges[0]!.count, 'none of the node’s own');
      assert.ok(ranges[0]!.first + ranges[0]!.count <= ranges[1]!.first, JSON.stringify(ranges));
      assert.deepEqual((await subject.runtime.preparePod(sandboxFor('a', own), signal)).userIds, first.userIds);
      assert.deepEqual((await observe('b'))!.userIds, second.userIds);
      const run = await subject.runtime.startContainer(subject.container('a', 'app', 'fails'), signal);
      await subject.until(async () => (await observe('a'))!.containers[0]!.state === 'exited');
      assert.equal((await observe('a'))!.containers.find(({ id }) => id === run.id)!.exitCode, 3);
    });

    test('preparePod() refuses users of its own to a pod that shares the node’s network, processes or memory', async () => {
      for (const shared of ['hostNetwork', 'hostPid', 'hostIpc'] as const) {
        const spec = sandboxFor('a', { hostUsers: false, [shared]: true });
        await assert.rejects(() => subject.runtime.preparePod(spec, signal), /can't set `spec.hostUsers: false`/);
      }
      assert.equal(await observe('a'), undefined);
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
