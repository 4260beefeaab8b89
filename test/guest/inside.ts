/** Runs test files in the guest and tells of each test as it ends, on file descriptor 3. Started by second.sh with the name of the job's file. */
import { readFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Mocha from 'mocha';
import type { Guest, Job, Line } from './protocol.ts';

const port = 3;
const usualTimeoutMs = 20_000;

async function main(job: Job): Promise<void> {
  tell({ hello: aboutGuest() });
  process.env['WHERRY_TEST_PATIENCE'] = String(job.patience);
  process.env['WHERRY_TEST_NODES'] = '1';
  // For second.sh to show when something fails; the guest's disk does not outlive it.
  process.env['WHERRY_TEST_KEEP'] = '1';
  const titles = new RegExp(job.titles);
  const mocha = new Mocha({ ui: 'tdd', timeout: usualTimeoutMs, grep: titles, reporter: Silent });
  for (const file of job.files) mocha.addFile(path.join(job.root, file));
  await mocha.loadFilesAsync();
  await new Promise<void>((resolve) => {
    // It begins a moment later.
    const runner = mocha.run(() => resolve());
    slowDown(runner, job.patience);
    report(runner, mocha.suite, titles);
  });
}

/** What is to be told goes another way. */
class Silent extends Mocha.reporters.Base {
  override epilogue(): void {}
}

function aboutGuest(): Guest {
  const cgroups = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type?.startsWith('cgroup'))
    .map(([, place, type]) => `${type} ${place}`);
  const controllers = readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ');
  return { kernel: os.release(), cgroups, controllers };
}

/** Gives each test and each set-up more time, just before it runs. */
function slowDown(runner: Mocha.Runner, times: number): void {
  const slow = new WeakSet<Mocha.Runnable>();
  const slowOnce = (each: Mocha.Runnable) => {
    if (!slow.has(each)) each.timeout(each.timeout() * times);
    slow.add(each);
  };
  runner.on('test', slowOnce);
  runner.on('hook', slowOnce);
}

/** Tells of the run, which has not begun. */
function report(runner: Mocha.Runner, suite: Mocha.Suite, titles: RegExp): void {
  const tests: Mocha.Test[] = [];
  suite.eachTest((test: Mocha.Test) => {
    if (titles.test(test.fullTitle())) tests.push(test);
  });
  tell({ plan: tests.map((test) => test.fullTitle()) });
  runner.on('pass', (test) => tell({ test: tests.indexOf(test), result: { state: 'passed' } }));
  runner.on('pending', (test) => tell({ test: tests.indexOf(test), result: { state: 'skipped' } }));
  // Set-ups and ends of suites fail by this way, too.
  runner.on('fail', (test, error: Error) => {
    const text = textOf(error);
    if (tests.includes(test)) tell({ test: tests.indexOf(test), result: { state: 'failed', error: text } });
    else tell({ trouble: `${test.fullTitle()}: ${text}` });
  });
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${textOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

let failed = false;

function tell(line: Line): void {
  failed ||= 'trouble' in line || ('result' in line && line.result.state === 'failed');
  const text = Buffer.from(`${JSON.stringify(line)}\n`);
  // The port takes so much at a time.
  for (let at = 0; at < text.length;) at += writeSync(port, text, at);
}

await main(JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job).catch((error: unknown) =>
  tell({ trouble: textOf(error) }),
);
tell({ done: true });
// What a failed test left running does not matter: the guest ends.
process.exit(failed ? 1 : 0);
