import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { grantTo, keepGrants, sharedProcessors } from './grants.ts';
import type { Grants } from './grants.ts';
import { reservedProcessors } from './reserved.ts';
import { formatProcessors, parseProcessors, takeProcessors } from './take.ts';

/** Two sockets of two cores of two threads each. */
const machine = Array.from({ length: 8 }, (_, id) => ({ id, core: id % 4, socket: id % 4 < 2 ? 0 : 1 }));
const plan = { machine, reserved: [0] };

suite('node-agent/cpus', () => {
  const podOf = (uid: string, ...cpus: (string | undefined)[]) =>
    makePod(
      {
        containers: cpus.map((cpu, i) =>
          makeContainer(`c${i}`, cpu === undefined ? {} : { resources: { limits: { cpu, memory: '1Mi' } } }),
        ),
      },
      undefined,
      { uid },
    );
  const granted = (pod: ReturnType<typeof podOf>, before: Grants = {}) => {
    const result = grantTo(pod, plan, before);
    assert.ok('grants' in result);
    return result.grants;
  };
  const all = new Set(machine.map(({ id }) => id));

  test('takeProcessors() takes whole sockets, then whole cores, then threads of what is broken already', () => {
    assert.deepEqual(takeProcessors(machine, all, 4), [0, 1, 4, 5]);
    assert.deepEqual(takeProcessors(machine, new Set([1, 2, 3, 4, 5, 6, 7]), 4), [2, 3, 6, 7]);
    assert.deepEqual(takeProcessors(machine, new Set([1, 2, 3, 4, 5, 6, 7]), 2), [1, 5]);
    assert.deepEqual(takeProcessors(machine, new Set([1, 2, 3, 4, 5, 6, 7]), 1), [4]);
    assert.equal(takeProcessors(machine, new Set([1]), 2), undefined);
  });

  test('formatProcessors() and parseProcessors() speak as the kernel does', () => {
    assert.equal(formatProcessors([7, 0, 2, 1]), '0-2,7');
    assert.deepEqual(parseProcessors('0-2,7\n'), [0, 1, 2, 7]);
    assert.deepEqual(parseProcessors(''), []);
    assert.throws(() => parseProcessors('a'), /Cannot read/);
  });

  test('grantTo() gives whole processors to guaranteed pods, and to nobody else', () => {
    assert.deepEqual(granted(podOf('a', '2', '500m', '1')), { a: { c0: [1, 5], c2: [4] } });
    assert.deepEqual(granted(podOf('a', '1500m')), {});
    assert.deepEqual(granted(podOf('a', '1', undefined)), {});
    const once = granted(podOf('a', '2'));
    assert.equal(granted(podOf('a', '2'), once), once);
    assert.deepEqual(grantTo(podOf('a', '8'), plan, {}), {
      refusal: {
        reason: 'UnexpectedAdmissionError',
        message:
          'Allocate failed due to not enough cpus available to satisfy request: requested=8, available=7, which is unexpected',
      },
    });
  });

  test('keepGrants() takes back what pods had that are gone', () => {
    const grants = granted(podOf('b', '1'), granted(podOf('a', '2')));
    assert.deepEqual(Object.keys(keepGrants(grants, (uid) => uid === 'b')), ['b']);
    assert.equal(
      keepGrants(grants, () => true),
      grants,
    );
  });

  test('no processor is ever given twice, and the reserved ones stay shared', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }))), (moves) => {
        let grants: Grants = {};
        for (const [uid, count] of moves) {
          const result = grantTo(podOf(`${uid}`, `${count}`), plan, grants);
          if (count === 0) grants = keepGrants(grants, (each) => each !== `${uid}`);
          else if ('grants' in result) grants = result.grants;
          const given = Object.values(grants).flatMap((pod) => Object.values(pod).flat());
          assert.equal(new Set(given).size, given.length);
          assert.deepEqual(
            [...given, ...sharedProcessors(plan, grants)].sort((a, b) => a - b),
            [...all],
          );
          assert.ok(sharedProcessors(plan, grants).includes(0));
        }
      }),
    );
  });

  test('reservedProcessors() are as many as are kept back, and never none', () => {
    assert.deepEqual(
      reservedProcessors(machine, { kubeReserved: { cpu: '500m' }, systemReserved: { cpu: '1' } }),
      [0, 4],
    );
    assert.deepEqual(reservedProcessors(machine, { systemReserved: { cpu: '1' }, reservedCpus: '2,5' }), [2, 5]);
    assert.throws(() => reservedProcessors(machine, { reservedCpus: '1,99' }), /the machine has 0-/);
    assert.throws(() => reservedProcessors(machine, {}), /greater than zero/);
    assert.throws(() => reservedProcessors(machine, { kubeReserved: { cpu: '9' } }), /greater than zero/);
  });
});
