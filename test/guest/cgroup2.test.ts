/** The node on a machine with cgroup v2 alone: its tests run once more in a guest, and each is told of here as one. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Mocha from 'mocha';
import { chosen, jobOf } from './choice.ts';
import { hasFileServer } from './file-server.ts';
import { findKernel } from './kernel.ts';
import type { Result } from './protocol.ts';
import { runInGuest } from './run-in-guest.ts';
import type { GuestRun } from './run-in-guest.ts';

/** In software a guest is some ten times slower, on a busy machine more. */
const slowness = 10;
const longestMs = 90 * 60_000;
const patience = { helloMs: { kvm: 20_000, tcg: 240_000 }, silenceMs: 15 * 60_000, lifeMs: longestMs };
const root = path.resolve(import.meta.dirname, '../..');
const kernel = findKernel();
const able =
  os.arch() === 'x64' && existsSync('/usr/bin/qemu-system-x86_64') && hasFileServer() && kernel !== undefined;

suite('the node on cgroup v2 alone, in a guest (needs QEMU for x86, its file server and a kernel for it)', function () {
  // The guest's own end comes first.
  this.timeout(2 * longestMs);
  const choices = chosen(process.env['WHERRY_TEST_GUEST']);
  let run: GuestRun | undefined;

  suiteSetup(async function () {
    if (!able) return this.skip();
    run = await runInGuest(jobOf(choices, root, slowness), kernel, patience);
    const { tests, ended } = run;
    const suite = this.test!.parent!;
    for (const { title, result } of tests) suite.addTest(asTest(title, result));
    suite.addTest(
      new Mocha.Test('nothing but tests failed', async () => {
        const troubles = await ended;
        if (troubles.length > 0) assert.fail(troubles.join('\n'));
      }),
    );
  });
  suiteTeardown(() => run?.close());

  test('the guest has cgroup v2 and no other, with all that limits', () => {
    const { cgroups, controllers, kernel: version } = run!.guest;
    assert.equal(version, kernel?.version);
    assert.deepEqual(cgroups, ['cgroup2 /sys/fs/cgroup']);
    for (const name of ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'])
      assert.ok(controllers.includes(name), name);
  });

  test('every choice is of tests that there are', () => {
    const missing = choices
      .flatMap(({ titles }) => titles)
      .filter((beginning) => !run!.tests.some(({ title }) => title.startsWith(beginning)));
    assert.deepEqual(missing, []);
  });
});

/** A test that is what became of another in the guest. */
function asTest(title: string, result: Promise<Result>): Mocha.Test {
  return new Mocha.Test(title, async () => {
    const { state, error } = await result;
    if (error !== undefined) assert.fail(error);
    // The guest has all that the tests ask for.
    assert.equal(state, 'passed');
  });
}
