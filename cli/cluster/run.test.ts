import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { endSupervised, isSupervised, run, supervise } from './run.ts';

suite('run', () => {
  let folder: string;
  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-run-'));
  });
  teardown(async () => {
    await endSupervised(`${folder}/job`);
    rmSync(folder, { recursive: true, force: true });
  });

  const childOf = () => Number(readFileSync(`${folder}/job.child`, 'utf8').split(' ')[0]);
  const isAlive = (pid: number) =>
    existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

  test('run() resolves with the output, and rejects with what the program said', async () => {
    assert.equal(await run('cat', [], { input: 'hello' }), 'hello');
    await assert.rejects(run('sh', ['-c', 'echo no such luck >&2; exit 3']), /no such luck/);
  });

  test('supervise() starts a killed command again, holds one instance, and endSupervised() ends both', async () => {
    const command = ['sleep', '1000'];
    supervise(`${folder}/job`, `${folder}/log`, command);
    await until(() => existsSync(`${folder}/job.child`) && childOf() > 0);
    assert.equal(await isSupervised(`${folder}/job`), true);
    const first = childOf();
    supervise(`${folder}/job`, `${folder}/log`, command);
    process.kill(first, 'SIGKILL');
    await until(() => existsSync(`${folder}/job.child`) && childOf() !== first && isAlive(childOf()));
    const second = childOf();
    await endSupervised(`${folder}/job`);
    assert.equal(await isSupervised(`${folder}/job`), false);
    assert.equal(isAlive(second), false);
  });

  test('supervise() after a kill of the supervisor ends the child it left', async () => {
    supervise(`${folder}/job`, `${folder}/log`, ['sleep', '1000']);
    await until(() => existsSync(`${folder}/job.child`) && childOf() > 0);
    const left = childOf();
    process.kill(Number(readFileSync(`${folder}/job.pid`, 'utf8')), 'SIGKILL');
    await until(async () => !(await isSupervised(`${folder}/job`)));
    assert.equal(isAlive(left), true);
    supervise(`${folder}/job`, `${folder}/log`, ['sleep', '1000']);
    await until(() => childOf() !== left);
    assert.equal(isAlive(left), false);
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'not within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
