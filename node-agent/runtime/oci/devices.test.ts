import assert from 'node:assert/strict';
import { givenDevices } from './devices.ts';

const mount = { target: '/x', readOnly: true, device: true, propagation: 'private' as const };

suite('OCI devices', () => {
  test('givenDevices() finds devices by their numbers, under the names that containers want', () => {
    const [given] = givenDevices({ mounts: [], devices: [{ source: '/dev/null', target: '/dev/fake', access: 'rw' }] });
    const { path, type, major, minor } = given!.device;
    assert.deepEqual([path, type, major, minor, given!.access], ['/dev/fake', 'c', 1, 3, 'rw']);
  });

  test('givenDevices() takes a folder for all devices in it', () => {
    const found = givenDevices({ mounts: [], devices: [{ source: '/dev', target: '/mine', access: 'r' }] });
    assert.ok(found.some(({ device, access }) => device.path === '/mine/zero' && device.minor === 5 && access === 'r'));
    assert.ok(found.every(({ device }) => device.path.startsWith('/mine/')));
  });

  test('givenDevices() takes block devices of volumes alone among the mounts, and nothing for a device that is none', () => {
    assert.deepEqual(givenDevices({ mounts: [{ ...mount, device: false, source: '/etc' }] }), []);
    assert.throws(() => givenDevices({ mounts: [], devices: [{ source: '/etc/hosts', target: '/x', access: 'r' }] }), {
      message: '/etc/hosts is not a device node',
    });
    assert.throws(() => givenDevices({ mounts: [{ ...mount, source: '/dev/nothing' }] }), { code: 'ENOENT' });
  });
});
