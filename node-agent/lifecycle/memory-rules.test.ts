import assert from 'node:assert/strict';
import { memoryRulesOf } from './memory-rules.ts';
import { makeContainer, makePod } from './pods.fixture.ts';

const gibi = 2 ** 30;

suite('node-agent/lifecycle/memory-rules', () => {
  const swapping = { memoryBytes: 8 * gibi, swapBytes: 4 * gibi };
  const podOf = (resources: object, more: object = {}, others: object[] = []) =>
    makePod({
      containers: [resources, ...others].map((each, i) => makeContainer(`c${i}`, { resources: each })),
      ...more,
    });
  const swapOf = (resources: object, more: object = {}, others: object[] = [], rules: object = swapping) =>
    memoryRulesOf(podOf(resources, more, others), resources, { memoryBytes: 8 * gibi, ...rules }).swapLimitBytes;

  test('memoryRulesOf() gives burstable containers as much of the swap as they ask for of the memory', () => {
    assert.equal(swapOf({ requests: { memory: '1Gi' } }), gibi / 2);
    assert.equal(swapOf({ requests: { memory: '3Gi' }, limits: { memory: '6Gi' } }), 1.5 * gibi);
    // Of an odd share, the whole bytes.
    assert.equal(swapOf({ requests: { memory: '1' } }, {}, [], { swapBytes: 4 * gibi - 1 }), undefined);
    assert.equal(swapOf({ requests: { memory: '3' } }), 1);
  });

  test('memoryRulesOf() gives no swap to those of other classes, the system’s, and who may not outgrow what he asks for', () => {
    const whole = { memory: '1Gi', cpu: '1' };
    assert.equal(swapOf({}), undefined);
    assert.equal(swapOf({ requests: whole, limits: whole }), undefined);
    assert.equal(swapOf({ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } }), undefined);
    assert.equal(swapOf({ requests: { cpu: '1' } }), undefined);
    assert.equal(swapOf({}, {}, [{ requests: { memory: '1Gi' } }]), undefined);
    assert.equal(swapOf({ requests: { memory: '1Gi' } }, { priority: 2_000_000_000 }), undefined);
    assert.equal(swapOf({ requests: { memory: '9Gi' } }), undefined);
    assert.equal(swapOf({ requests: { memory: '1Gi' } }, {}, [], { swapBytes: undefined }), undefined);
  });

  test('memoryRulesOf() slows down at upstream’s mark, down to a page', () => {
    const rules = { memoryBytes: 8 * gibi, throttling: { factor: 0.9, allocatableBytes: 7 * gibi } };
    const mark = (resources: object) => memoryRulesOf(podOf(resources), resources, rules).memoryHighBytes;
    assert.equal(mark({ requests: { memory: '1000Mi' }, limits: { memory: '2000Mi' } }), 1900 * 2 ** 20);
    assert.equal(mark({ limits: { memory: '2000Mi' }, requests: { memory: '2000Mi' } }), undefined);
    const free = 100 * 2 ** 20 + (7 * gibi - 100 * 2 ** 20) * 0.9;
    assert.equal(mark({ requests: { memory: '100Mi' } }), Math.floor(free / 4096) * 4096);
    assert.equal(mark({}), undefined);
    assert.equal(mark({ requests: { memory: '4096' }, limits: { memory: '4097' } }), undefined);
    assert.equal(memoryRulesOf(podOf({}), {}, { memoryBytes: gibi }).memoryHighBytes, undefined);
  });
});
