/** Has a guest run a job, and keeps what it tells. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from '../../cli/cluster/run.ts';
import { makeFirstRoot } from './kernel.ts';
import type { GuestKernel } from './kernel.ts';
import { lastWords, startMachine } from './machine.ts';
import type { Patience } from './machine.ts';
import type { Guest, Job, Line, Result } from './protocol.ts';

export interface GuestRun {
  guest: Guest;
  /** The tests that run, and what becomes of each. */
  tests: { title: string; result: Promise<Result> }[];
  /** Resolves when the guest has ended, with what failed beside the tests. */
  ended: Promise<string[]>;
  /** Ends the guest and removes its files. */
  close(): Promise<void>;
}

/** What a guest is made of. */
const machine = { processors: os.availableParallelism(), memoryMib: 2048, port: 'wherry.job' };
const diskBytes = 4 * 2 ** 30;
const modules = ['virtio_pci', 'virtiofs', 'overlay', 'virtio_blk', 'virtio_console', 'quota_v2'];

/** Resolves once it is known which tests will run. Rejects when the guest ends before. */
export async function runInGuest(job: Job, kernel: GuestKernel, patience: Patience): Promise<GuestRun> {
  // Short: paths of sockets may not be long.
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-guest-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  const results: PromiseWithResolvers<Result>[] = [];
  const troubles: string[] = [];
  const plan = Promise.withResolvers<string[]>();
  let guest: Guest | undefined;
  let done = false;
  const hear = (text: string) => {
    const line = JSON.parse(text) as Line;
    if ('hello' in line) guest = line.hello;
    if ('plan' in line) {
      results.push(...line.plan.map(() => Promise.withResolvers<Result>()));
      plan.resolve(line.plan);
    }
    if ('result' in line) results[line.test]!.resolve(line.result);
    if ('trouble' in line) troubles.push(line.trouble);
    if ('done' in line) done = true;
  };
  try {
    const spec = { ...machine, ...(await prepare(folder, job, kernel)) };
    const started = await startMachine(spec, patience, hear);
    const ended = started.ended.then((why = 'The guest ended.') => {
      if (!done || troubles.length > 0) troubles.push(why, lastWords(spec));
      plan.reject(new Error(troubles.join('\n')));
      for (const { resolve } of results)
        resolve({ state: 'failed', error: 'It did not run: see what failed beside it.' });
      return troubles;
    });
    const titles = await plan.promise;
    return {
      guest: guest!,
      tests: titles.map((title, index) => ({ title, result: results[index]!.promise })),
      ended,
      async close() {
        await started.end('It was no longer wanted.');
        removeFolder();
      },
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/** Makes the guest's files in `folder`. */
async function prepare(folder: string, job: Job, kernel: GuestKernel) {
  const disk = path.join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, diskBytes);
  await run('mkfs.ext4', ['-q', '-m', '0', '-O', 'quota,project', '-E', 'quotatype=prjquota,lazy_itable_init=1', disk]);
  const written = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  const firstRoot = await makeFirstRoot(kernel, folder, {
    modules,
    init: path.join(import.meta.dirname, 'first.sh'),
    files: {
      'second.sh': path.join(import.meta.dirname, 'second.sh'),
      'job.json': written('job.json', JSON.stringify(job)),
      'modules.root': written('modules.root', kernel.root),
    },
  });
  const files = path.join(folder, 'files.sock');
  return { kernel: kernel.image, firstRoot, disk, files, console: path.join(folder, 'console') };
}
