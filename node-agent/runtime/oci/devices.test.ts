import assert from 'node:assert/strict';
import { givenDevices } from './devices.ts';

const mount = { target: '/x', readOnly: true, device: true, propagation: 'private' as const };

suite('OCI devices', () => {
  test('givenDevices() finds devices by their numbers, under the names that containers want', () => {
    const [given] = givenDevices({ mounts: [], devices: [{ source: '/dev/null', target: '/dev/fake', access: 'rw' }] });
    const { path, type, major, minor } = given!.device;
    assert.deepEqual([path, type, major, minor, given!.access], ['/dev/fake', 'c', 1, 3, 'rw']);
  });

  test('givenDevices() takes the word of who tells what a device is like, and looks at the node for the rest', () => {
    const user = { uid: 7, gid: 8 };
    const told = (as: object, source = '/dev/null') => {
      const [given] = givenDevices({ mounts: [], devices: [{ source, target: '/dev/x', access: 'r', as }] }, user);
      const { type, major, minor, fileMode, uid, gid } = given!.device;
      return `${type} ${major}:${minor} ${fileMode.toString(8)} ${uid}:${gid}`;
    };
    assert.equal(told({}), 'c 1:3 666 7:8');
    assert.equal(told({ type: 'b', major: 9, minor: 2, fileMode: 0o100640, uid: 0 }, '/dev/none'), 'b 9:2 640 0:8');
    assert.equal(told({ major: 9, minor: 2 }), 'c 9:2 666 7:8');
    assert.equal(told({ type: 'p' }, '/dev/none'), 'p 0:0 666 7:8');
    assert.throws(() => told({}, '/dev/none'), {
      message: 'failed to stat CDI host device "/dev/none": no such file or directory',
    });
    assert.throws(() => told({ type: 'b' }), {
      message: 'CDI device ("/dev/x", "/dev/null"), host type mismatch (b, c)',
    });
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
