import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decide, noPressure } from './decide.ts';
import type { PressureState } from './decide.ts';
import { evictionSettings } from './settings.ts';
import { resourceOf, unitsIn } from './types.ts';
import type { Observations, Signal, Threshold } from './types.ts';

const mebi = 1024 * 1024;
const memory = (available: number): Observations => ({
  'memory.available': { available: available * mebi, capacity: 1000 * mebi },
});

/** Looks at a row of observations, one each second. */
function play(thresholds: readonly Threshold[], row: Observations[], transitionMs = 5000) {
  let state: PressureState = noPressure;
  return row.map((observations, i) => {
    const verdict = decide({ thresholds, observations, state, transitionMs, now: i * 1000 });
    state = verdict.state;
    return { conditions: verdict.conditions.join(), act: verdict.act.map(({ signal }) => signal).join() };
  });
}

suite('node-agent/eviction/decide', () => {
  test('decide() acts at once on a hard threshold, and holds the condition for a while', () => {
    const { thresholds } = evictionSettings();
    const seen = play(thresholds, [200, 50, 200, 200, 200, 200, 200, 200].map(memory));
    assert.deepEqual(
      seen.map(({ act }) => act),
      ['', 'memory.available', '', '', '', '', '', ''],
    );
    assert.deepEqual(
      seen.map(({ conditions }) => conditions),
      ['', ...Array<string>(5).fill('MemoryPressure'), '', ''],
    );
  });

  test('decide() waits for the grace of a soft threshold, anew after each respite', () => {
    const { thresholds } = evictionSettings({
      hard: {},
      soft: { 'memory.available': '300Mi' },
      softGracePeriod: { 'memory.available': '2s' },
    });
    const seen = play(thresholds, [250, 250, 400, 250, 250, 250].map(memory));
    assert.deepEqual(
      seen.map(({ act }) => act !== ''),
      [false, false, false, false, false, true],
    );
    assert.equal(seen[0]!.conditions, 'MemoryPressure');
  });

  test('decide() goes on until the minimum reclaim is free', () => {
    const { thresholds } = evictionSettings({
      hard: { 'memory.available': '100Mi' },
      minimumReclaim: { 'memory.available': '50Mi' },
    });
    const seen = play(thresholds, [120, 90, 120, 150, 120].map(memory));
    assert.deepEqual(
      seen.map(({ act }) => act !== ''),
      [false, true, true, false, false],
    );
  });

  test('decide() puts memory before all else, and skips what cannot be observed', () => {
    const { thresholds } = evictionSettings();
    const disk = { available: 1, capacity: 100 };
    const [seen] = play(thresholds, [
      { 'nodefs.available': disk, 'imagefs.inodesFree': disk, ...memory(1), 'allocatableMemory.available': disk },
    ]);
    assert.equal(seen!.act, 'memory.available,allocatableMemory.available,nodefs.available,imagefs.inodesFree');
    assert.equal(seen!.conditions, 'MemoryPressure,DiskPressure');
    assert.deepEqual(play(thresholds, [{}]), [{ conditions: '', act: '' }]);
  });

  test('decide() acts only on what is short, and never without the condition', () => {
    const signals: Signal[] = ['memory.available', 'nodefs.available', 'pid.available'];
    const anyThreshold = fc.record({
      signal: fc.constantFrom(...signals),
      value: fc.integer({ min: 1, max: 100 }).map((units) => ({ units })),
      graceMs: fc.constantFrom(0, 1000, 3000),
      minReclaim: fc.integer({ min: 0, max: 20 }).map((units) => ({ units })),
    });
    const anyLook = fc.record(
      Object.fromEntries(
        signals.map((signal) => [
          signal,
          fc.integer({ min: 0, max: 150 }).map((available) => ({ available, capacity: 150 })),
        ]),
      ),
    );
    fc.assert(
      fc.property(fc.array(anyThreshold, { maxLength: 6 }), fc.array(anyLook, { maxLength: 12 }), (thresholds, row) => {
        let state: PressureState = noPressure;
        row.forEach((observations: Observations, i) => {
          const verdict = decide({ thresholds, observations, state, transitionMs: 2000, now: i * 1000 });
          state = verdict.state;
          for (const { signal, value, minReclaim } of verdict.act) {
            const { available, capacity } = observations[signal]!;
            assert.ok(available < unitsIn(value, capacity) + unitsIn(minReclaim!, capacity));
            assert.ok(verdict.conditions.length > 0);
          }
          for (const { signal, value, graceMs } of thresholds) {
            const short = observations[signal]!.available < value.units;
            if (short && graceMs === 0) assert.ok(verdict.act.some((each) => each.signal === signal));
          }
          const ranks = verdict.act.map(({ signal }) => Number(resourceOf[signal] !== 'memory'));
          assert.deepEqual(
            ranks,
            ranks.toSorted((a, b) => a - b),
          );
        });
      }),
    );
  });
});

suite('node-agent/eviction/settings', () => {
  test('evictionSettings() has upstream defaults, with the pods’ own memory beside the node’s', () => {
    const { thresholds, transitionMs, maxPodGraceSeconds } = evictionSettings();
    assert.deepEqual(
      thresholds.map(({ signal, value }) => [signal, unitsIn(value, 1000)]),
      [
        ['memory.available', 100 * mebi],
        ['nodefs.available', 100],
        ['nodefs.inodesFree', 50],
        ['imagefs.available', 150],
        ['imagefs.inodesFree', 50],
        ['allocatableMemory.available', 100 * mebi],
      ],
    );
    assert.deepEqual([transitionMs, maxPodGraceSeconds], [300_000, 0]);
  });

  test('evictionSettings() refuses what makes no sense, in upstream’s words', () => {
    const refused: [Parameters<typeof evictionSettings>[0], RegExp][] = [
      [{ hard: { 'disk.available': '1Gi' } }, /^unsupported eviction signal disk\.available$/],
      [{ hard: { 'memory.available': '0' } }, /^eviction threshold memory\.available must be positive: 0$/],
      [
        { hard: { 'nodefs.available': '101%' } },
        /^eviction percentage threshold nodefs\.available must be <= 100%: 101%$/,
      ],
      [
        { soft: { 'memory.available': '1Gi' } },
        /^grace period must be specified for the soft eviction threshold memory\.available$/,
      ],
      [
        { soft: { 'memory.available': '1Gi' }, softGracePeriod: { 'memory.available': '-1s' } },
        /^invalid eviction grace period specified: -1s, must be a positive value$/,
      ],
    ];
    for (const [config, message] of refused) assert.throws(() => evictionSettings(config), { message });
    assert.deepEqual(
      evictionSettings({ hard: { 'nodefs.available': '0%', 'imagefs.available': '100%' } }).thresholds,
      [],
    );
  });
});
