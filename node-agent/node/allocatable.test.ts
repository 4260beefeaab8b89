import assert from 'node:assert/strict';
import { evictionSettings } from '../eviction/settings.ts';
import { nodeResources } from './allocatable.ts';
import type { Machine } from './machine.ts';

const machine: Machine = {
  cpus: 4,
  memoryBytes: 8_000_000 * 1024,
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

  test('nodeResources() refuses to keep back more than there is', () => {
    assert.throws(() => nodeResources(machine, { maxPods: 110, kubeReserved: { cpu: '5' }, thresholds }), {
      message: 'invalid Node Allocatable configuration. Resource "cpu" has an allocatable of -1, capacity of 4',
    });
  });
});
