import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { scriptProcesses } from './process-table.ts';

suite('node-agent/runtime/oci/process-table', () => {
  test('scriptProcesses() finds the scripts of a container, and the crun that starts it', async () => {
    const id = `process-table-${process.pid}`;
    const waiting = 'read line; :';
    const commands = {
      script: ['-c', waiting, 'wherry-container', id, 'more'],
      start: ['-c', waiting, 'start', id],
      create: ['-c', waiting, 'create', id],
      another: ['-c', waiting, 'wherry-container', `${id}0`],
    };
    const children = Object.entries(commands).map(([name, args]) => ({
      name,
      child: spawn('sh', args, { stdio: ['pipe', 'ignore', 'ignore'] }),
    }));
    const ends = children.map(({ child }) => once(child, 'exit'));
    try {
      await Promise.all(children.map(({ child }) => once(child, 'spawn')));
      const found = new Set(scriptProcesses('wherry-container', id));
      assert.deepEqual(
        children.filter(({ child }) => found.has(child.pid!)).map(({ name }) => name),
        ['script', 'start'],
      );
    } finally {
      for (const { child } of children) child.stdin.end();
      await Promise.all(ends);
    }
    assert.deepEqual(scriptProcesses('wherry-container', id), []);
  });
});
