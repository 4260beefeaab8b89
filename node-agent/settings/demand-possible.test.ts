import assert from 'node:assert/strict';
import os from 'node:os';
import { demandPossible } from './demand-possible.ts';

const place = os.tmpdir();

suite('node-agent/settings/demand-possible', () => {
  test('demandPossible() wants lxcfs for honest files in /proc', async () => {
    await demandPossible({ honestProc: true }, place, process.execPath);
    await demandPossible({ honestProc: false }, place, '/none/lxcfs');
    await assert.rejects(demandPossible({ honestProc: true }, place, '/none/lxcfs'), {
      message: 'Cannot show containers their own limits: /none/lxcfs is missing; install lxcfs',
    });
  });

  test('demandPossible() refuses to keep back more than the machine has', async () => {
    await demandPossible({}, place);
    await assert.rejects(demandPossible({ systemReserved: { cpu: '100000' } }, place), /invalid Node Allocatable/);
  });
});
