import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { resolveIo } from './block-devices.ts';

/** Those of the machine, whatever they are. */
const folder = '/sys/dev/block';
const devices = existsSync(folder) ? readdirSync(folder) : [];
const disk = devices.find((each) => !existsSync(`${folder}/${each}/partition`));
const part = devices.find((each) => existsSync(`${folder}/${each}/partition`));

suite('block devices', () => {
  const v1 = { version: 'v1' } as const;
  const numbersOf = (device: string, where = '/') =>
    resolveIo({ devices: [{ device, rbps: 1 }] }, where, v1).devices.map((each) => each.device);

  test('resolveIo() says what it cannot limit', () => {
    assert.throws(() => numbersOf('/dev/none'), /\/dev\/none is no block device of this node/);
    assert.throws(() => numbersOf('/dev/null'), /\/dev\/null is no block device of this node/);
    assert.throws(() => numbersOf('4095:1'), /this node has no block device 4095:1/);
    assert.throws(() => numbersOf('', '/proc'), /\/proc is on no block device/);
    assert.throws(() => resolveIo({ devices: [], weight: 5 }, '/', v1), /this node has cgroup v1/);
    assert.throws(
      () => resolveIo({ devices: [], weight: 5 }, '/', { version: 'v2' }),
      /neither io.weight nor io.bfq.weight/,
    );
    assert.equal(resolveIo({ devices: [], weight: 5 }, '/', { version: 'v2', ioWeight: 'io.weight' }).weight, 5);
  });

  test('resolveIo() finds a disk by its numbers and by its name (needs a disk)', function () {
    if (disk === undefined) return this.skip();
    assert.deepEqual(numbersOf(disk), [disk]);
    const name = /^DEVNAME=(.*)$/m.exec(readFileSync(`${folder}/${disk}/uevent`, 'utf8'))?.[1];
    if (!existsSync(`/dev/${name}`) || !statSync(`/dev/${name}`).isBlockDevice()) return this.skip();
    assert.deepEqual(numbersOf(`/dev/${name}`), [disk]);
    const twice = {
      devices: [
        { device: disk, rbps: 5 },
        { device: `/dev/${name}`, rbps: 3 },
      ],
    };
    assert.deepEqual(resolveIo(twice, '/', v1).devices, [{ device: disk, rbps: 3 }]);
  });

  test('resolveIo() takes the whole disk for a partition (needs a partition)', function () {
    if (part === undefined) return this.skip();
    const [whole] = numbersOf(part);
    assert.ok(existsSync(path.join(folder, whole!)) && !existsSync(path.join(folder, whole!, 'partition')));
  });
});
