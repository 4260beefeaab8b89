import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { peerRoutes } from './peers.ts';
import { renderRouteChanges } from './routes.ts';

const node = (name: string, address?: string, podCIDR?: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { podCIDR },
  status: { addresses: address === undefined ? [] : [{ type: 'InternalIP', address }] },
});

suite('peers', () => {
  test('peerRoutes() leads to every other node that has an address and a pod range', () => {
    const nodes = [
      node('a', '10.0.0.1', '10.42.0.0/24'),
      node('b', '10.0.0.2', '10.42.1.0/24'),
      node('c', '10.0.0.3'),
      node('d', undefined, '10.42.3.0/24'),
    ];
    assert.deepEqual(peerRoutes('a', nodes), [{ to: '10.42.1.0/24', via: '10.0.0.2' }]);
  });

  test('renderRouteChanges() replaces what moved, deletes what is gone, and says nothing when nothing changed', () => {
    const present = [
      { to: '10.42.1.0/24', via: '10.0.0.2' },
      { to: '10.42.2.0/24', via: '10.0.0.3' },
      { to: '10.42.3.0/24', via: '10.0.0.4' },
    ];
    const wanted = [
      { to: '10.42.1.0/24', via: '10.0.0.2' },
      { to: '10.42.2.0/24', via: '10.0.0.9' },
    ];
    assert.equal(
      renderRouteChanges(present, wanted),
      'route delete 10.42.3.0/24 proto 157\nroute replace 10.42.2.0/24 via 10.0.0.9 proto 157\n',
    );
    assert.equal(renderRouteChanges(wanted, wanted), '');
  });

  test('applyRoutes() makes the kernel’s table be as wanted, and leaves others’ routes alone', () => {
    const script = `
      import { applyRoutes } from '${new URL('./routes.ts', import.meta.url).href}';
      await applyRoutes([{ to: '10.42.1.0/24', via: '10.9.0.2' }, { to: '10.42.2.0/24', via: '10.9.0.3' }]);
      await applyRoutes([{ to: '10.42.1.0/24', via: '10.9.0.4' }]);
      await applyRoutes([{ to: '10.42.1.0/24', via: '10.9.0.4' }]);`;
    const text = execFileSync(
      'unshare',
      [
        '-n',
        'sh',
        '-ec',
        `ip link add d0 type veth peer name d1; ip link set d1 up; ip addr add 10.9.0.1/24 dev d0; ip link set d0 up; ip route add 10.50.0.0/24 via 10.9.0.9; "$0" --input-type=module -e "$1"; ip route`,
        process.execPath,
        script,
      ],
      { encoding: 'utf8' },
    );
    assert.match(text, /10\.42\.1\.0\/24 via 10\.9\.0\.4/);
    assert.doesNotMatch(text, /10\.42\.2\.0/);
    assert.match(text, /10\.50\.0\.0\/24 via 10\.9\.0\.9/);
  });
});
