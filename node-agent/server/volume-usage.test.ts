import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { makeRegistry } from '#lib/metrics/registry.ts';
import type { Volume } from '#lib/kinds/gen/core-v1.ts';
import { makeContainer, makePod, makeSeen } from '../lifecycle/pods.fixture.ts';
import type { PodDisk } from './disk-usage.ts';
import { measureClaims } from './volume-metrics.ts';
import { lookAt, volumesOf } from './volume-usage.ts';

suite('volume-usage', () => {
  let root: string;
  setup(() => (root = mkdtempSync(`${os.tmpdir()}/wherry-volume-usage-`)));
  teardown(() => rmSync(root, { recursive: true, force: true }));

  test('volumesOf() names folders with their claims, and leaves out paths of the node and devices', () => {
    const volumes: Volume[] = [
      { name: 'scratch', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'map', configMap: { name: 'm' } },
      { name: 'secret', secret: { secretName: 's' } },
      { name: 'host', hostPath: { path: '/' } },
      { name: 'claimed', persistentVolumeClaim: { claimName: 'c' } },
      { name: 'own', ephemeral: {} },
      { name: 'disk', persistentVolumeClaim: { claimName: 'd' } },
      { name: 'unmounted', emptyDir: {} },
    ];
    const containers = [makeContainer('app', { volumeDevices: [{ name: 'disk', devicePath: '/dev/x' }] })];
    const paths = Object.fromEntries(volumes.slice(0, -1).map(({ name }) => [name, `/v/${name}`]));
    const found = volumesOf(makeSeen(makePod({ volumes, containers }), [], { volumes: paths }));
    assert.deepEqual(
      found.map(({ name, folder, claim, isEphemeral }) => [name, folder, claim, isEphemeral]),
      [
        ['scratch', '/v/scratch', undefined, true],
        ['memory', '/v/memory', undefined, false],
        ['map', '/v/map', undefined, true],
        ['secret', '/v/secret', undefined, false],
        ['claimed', '/v/claimed', 'c', false],
        ['own', '/v/own', 'web-own', false],
      ],
    );
  });

  test('lookAt() measures what has a file system for itself, and of others only that', async () => {
    mkdirSync(`${root}/own`);
    mkdirSync(`${root}/plain`);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', `${root}/own`]);
    try {
      writeFileSync(`${root}/own/file`, Buffer.alloc(8192));
      const look = (name: string) => lookAt({ name, folder: `${root}/${name}`, isEphemeral: false });
      const { space, use } = await look('own');
      assert.deepEqual([space!.capacityBytes, use!.bytes, space!.availableBytes], [1048576, 8192, 1048576 - 8192]);
      assert.equal(use!.inodes, space!.inodes - space!.inodesFree);
      const plain = await look('plain');
      assert.deepEqual([plain.space!.capacityBytes > 0, plain.use], [true, undefined]);
      assert.deepEqual(await look('gone'), { name: 'gone', folder: `${root}/gone`, isEphemeral: false });
    } finally {
      execFileSync('umount', [`${root}/own`]);
    }
  });

  test('measureClaims() tells of each claim once, and which cannot be looked at', () => {
    const space = { availableBytes: 60, capacityBytes: 100, inodesFree: 8, inodes: 10 };
    const claimed = { name: 'v', folder: '/v', claim: 'c', isEphemeral: false };
    const disk = (...volumes: PodDisk['volumes']): PodDisk => ({ containers: new Map(), volumes });
    const pods = ['one', 'two', 'three'].map((uid) => makeSeen(makePod({}, undefined, { uid })));
    const measured = new Map([
      [
        'one',
        disk(
          { ...claimed, space, use: { bytes: 30, inodes: 2 } },
          { name: 'x', folder: '/x', isEphemeral: true, space },
        ),
      ],
      ['two', disk({ ...claimed, space, use: { bytes: 30, inodes: 2 } })],
      ['three', disk({ ...claimed, claim: 'lost' })],
    ]);
    const registry = makeRegistry();
    measureClaims(registry, { all: () => pods }, { latest: () => measured });
    const lines = registry
      .render()
      .split('\n')
      .filter((line) => line.startsWith('kubelet_'));
    const of = 'namespace="default",persistentvolumeclaim';
    assert.deepEqual(lines, [
      `kubelet_volume_stats_available_bytes{${of}="c"} 60`,
      `kubelet_volume_stats_capacity_bytes{${of}="c"} 100`,
      `kubelet_volume_stats_health_status_abnormal{${of}="c"} 0`,
      `kubelet_volume_stats_health_status_abnormal{${of}="lost"} 1`,
      `kubelet_volume_stats_inodes{${of}="c"} 10`,
      `kubelet_volume_stats_inodes_free{${of}="c"} 8`,
      `kubelet_volume_stats_inodes_used{${of}="c"} 2`,
      `kubelet_volume_stats_used_bytes{${of}="c"} 30`,
    ]);
  });
});
