import assert from 'node:assert/strict';
import { mergeGrants } from './merge.ts';
import type { Grant } from './types.ts';

const grant = (resource: string, response: Partial<Grant['response']>): Grant => ({
  uid: 'uid-1',
  container: 'app',
  resource,
  devices: [],
  response: { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [], ...response },
});

suite('node-agent/devices/merge', () => {
  test('mergeGrants() puts together what plug-ins say; where they contradict each other, the first counts', () => {
    const mount = (hostPath: string) => ({ containerPath: '/m', hostPath, readOnly: true });
    const device = (hostPath: string) => ({ containerPath: '/dev/x', hostPath, permissions: 'r' });
    const merged = mergeGrants([
      grant('a', {
        envs: { A: '1', B: '2' },
        mounts: [mount('/one')],
        devices: [device('/dev/null')],
        cdiDevices: [{ name: 'v/c=1' }],
      }),
      grant('b', {
        envs: { A: 'other', B: '2', C: '3' },
        mounts: [mount('/two')],
        devices: [device('/dev/null'), device('/dev/zero')],
        annotations: { n: 'x', 'cdi.k8s.io/b_1': 'v/c=3,v/c=1' },
        cdiDevices: [{ name: 'v/c=2' }, { name: 'v/c=1' }],
      }),
    ]);
    assert.deepEqual(
      [...merged.env],
      [
        ['A', '1'],
        ['B', '2'],
        ['C', '3'],
      ],
    );
    assert.deepEqual(merged.mounts, [{ source: '/one', target: '/m', readOnly: true }]);
    assert.deepEqual(merged.devices, [{ source: '/dev/null', target: '/dev/x', access: 'r' }]);
    assert.deepEqual(merged.cdiNames, ['v/c=1', 'v/c=2', 'v/c=3']);
    assert.equal(merged.annotations['n'], 'x');
    assert.deepEqual(merged.conflicts, ['variable A', 'mount /m', 'device /dev/x']);
  });
});
