import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkpointName, readCheckpoint, renderCheckpoint, writeCheckpoint } from './checkpoint.ts';

suite('node-agent/devices/checkpoint', () => {
  let file: string;
  setup(() => {
    file = path.join(mkdtempSync(path.join(os.tmpdir(), 'wherry-dp-')), checkpointName);
  });
  teardown(() => rmSync(path.dirname(file), { recursive: true }));

  test('readCheckpoint() reads what was written', () => {
    const response = { envs: { A: 'b' }, mounts: [], devices: [], annotations: {}, cdiDevices: [] };
    const grants = [{ uid: 'u', container: 'constructor', resource: 'a.b/c', devices: ['x', 'y', 'z'], response }];
    const device = (id: string, healthy: boolean, ...numaNodes: number[]) => ({ id, healthy, numaNodes });
    const pools = new Map([['a.b/c', [device('x', true), device('y', false, 1), device('z', true, 1)]]]);
    const text = renderCheckpoint(grants, pools);
    assert.deepEqual((JSON.parse(text) as { Data: object }).Data, {
      PodDeviceEntries: [
        {
          PodUID: 'u',
          ContainerName: 'constructor',
          ResourceName: 'a.b/c',
          DeviceIDs: { '-1': ['x'], '1': ['y', 'z'] },
          Response: response,
        },
      ],
      RegisteredDevices: { 'a.b/c': ['x', 'z'] },
    });
    writeCheckpoint(file, text);
    const { grants: read, resources } = readCheckpoint(file);
    assert.deepEqual(
      read.map((grant) => ({ ...grant, devices: [...grant.devices].sort() })),
      grants,
    );
    assert.deepEqual(resources, ['a.b/c']);
  });

  test('readCheckpoint() takes over what an upstream kubelet knew of resources, and none of its pods', () => {
    const entry = {
      PodUID: 'u',
      ContainerName: 'c',
      ResourceName: 'a.b/c',
      DeviceIDs: { '-1': ['x'] },
      AllocResp: 'CgA=',
    };
    const data = { PodDeviceEntries: [entry], RegisteredDevices: { 'a.b/c': ['x'] } };
    writeFileSync(file, JSON.stringify({ Data: data, Checksum: 1 }));
    assert.deepEqual(readCheckpoint(file), { grants: [], resources: ['a.b/c'] });
  });

  test('readCheckpoint() finds nothing without a file, and does not take a damaged one for an empty one', () => {
    assert.deepEqual(readCheckpoint(file), { grants: [], resources: [] });
    for (const text of ['', '{', '{"Data":{}}']) {
      writeFileSync(file, text);
      assert.throws(() => readCheckpoint(file), /it is damaged/);
    }
  });
});
