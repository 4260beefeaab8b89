import assert from 'node:assert/strict';
import { evictionSettings } from '../eviction/settings.ts';
import { nodeResources } from './allocatable.ts';
import type { Machine } from './machine.ts';

const machine: Machine = {
  cpus: 4,
  memoryBytes: 8_000_000 * 1024,
  swapBytes: 0,
  hugePages: [],
  storageBytes: 101_430_960 * 1024,
  maxPids: 32_768,
  machineId: '',
  systemUuid: '',
  bootId: '',
  kernel: '',
  osImage: '',
  architecture: 'amd64',
};
const { thresholds } = evictionSettings();

suite('node-agent/node/allocatable', () => {
  test('nodeResources() keeps back what evictions would free at once', () => {
    const { capacity, allocatable, podsLimit } = nodeResources(machine, { maxPods: 110, thresholds });
    assert.deepEqual([capacity['memory'], allocatable['memory']], ['8000000Ki', '7897600Ki']);
    assert.deepEqual([capacity['ephemeral-storage'], allocatable['ephemeral-storage']], ['101430960Ki', '93478772582']);
    assert.deepEqual([allocatable['cpu'], allocatable['pods']], ['4', '110']);
    assert.deepEqual(podsLimit, { cpuShares: 4096, memoryLimitBytes: machine.memoryBytes });
  });

  test('nodeResources() keeps back reservations, and holds all pods together to the rest', () => {
    const { allocatable, podsLimit } = nodeResources(machine, {
      maxPods: 110,
      kubeReserved: { cpu: '100m', memory: '500Mi', 'ephemeral-storage': '1Gi', pid: '768' },
      systemReserved: { cpu: '400m', memory: '12Mi' },
      thresholds,
    });
    assert.equal(allocatable['cpu'], '3500m');
    assert.equal(allocatable['memory'], `${8_000_000 - 612 * 1024}Ki`);
    assert.equal(allocatable['ephemeral-storage'], String(93_478_772_582 - 2 ** 30));
    assert.deepEqual(podsLimit, {
      cpuShares: 3584,
      memoryLimitBytes: (8_000_000 - 512 * 1024) * 1024,
      pidsLimit: 32_000,
    });
  });

  test('nodeResources() tells of huge pages, and that they are no ordinary memory', () => {
    const pools = [
      { bytes: 2 ** 21, pages: 512 },
      { bytes: 2 ** 30, pages: 0 },
    ];
    const reserved = { 'hugepages-2Mi': '24Mi' };
    const parts = { maxPods: 110, kubeReserved: reserved, thresholds };
    const { capacity, allocatable, podsLimit } = nodeResources({ ...machine, hugePages: pools }, parts);
    assert.deepEqual([capacity['hugepages-2Mi'], capacity['hugepages-1Gi']], ['1Gi', '0']);
    assert.deepEqual([allocatable['hugepages-2Mi'], allocatable['hugepages-1Gi']], ['1000Mi', '0']);
    assert.deepEqual([capacity['memory'], allocatable['memory']], ['8000000Ki', `${7_897_600 - 2 ** 20}Ki`]);
    assert.deepEqual(podsLimit.hugePages, { '2Mi': 1000 * 2 ** 20, '1Gi': 0 });
    const many = [{ bytes: 2 ** 30, pages: 8 }];
    assert.equal(nodeResources({ ...machine, hugePages: many }, parts).allocatable['memory'], '0');
  });

  test('nodeResources() refuses to keep back more than there is', () => {
    assert.throws(() => nodeResources(machine, { maxPods: 110, kubeReserved: { cpu: '5' }, thresholds }), {
      message: 'invalid Node Allocatable configuration. Resource "cpu" has an allocatable of -1, capacity of 4',
    });
  });
});
