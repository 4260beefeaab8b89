/** What holds of a pod's life on its node whatever happens to it: see World for what is checked at every step. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { stageOf } from './next-step.ts';
import { makeContainer, makePod } from './pods.fixture.ts';
import { happenings, World } from './world.fixture.ts';
import type { Happening } from './world.fixture.ts';

const runs = 400;

suite('node-agent/lifecycle/next-step properties', () => {
  test('nextStep() keeps to the table and the order of things, comes to rest, and leaves nothing of a deleted pod', () => {
    const history = fc.array(anyMoment(happenings), { maxLength: 40 });
    fc.assert(
      fc.property(anyPod(), history, (pod, moments) => {
        const world = live(pod, moments);
        world.settle();
        if (!world.forgotten) world.happen('delete', 3);
        end(world);
      }),
      { numRuns: runs },
    );
  });

  test('nextStep() ends a pod in whatever stage its deletion finds it', () => {
    const anything = happenings.filter((item) => item !== 'delete' && item !== 'vanish' && item !== 'evict');
    const parts = fc.tuple(
      fc.nat(40),
      fc.array(anyMoment(anything), { maxLength: 8 }),
      fc.constantFrom('delete', 'vanish'),
    );
    const devices = fc.constantFrom(undefined, true, false);
    fc.assert(
      fc.property(anyPod(), parts, devices, (pod, [steps, moments, how], given) => {
        const world = new World(pod, given);
        for (let i = 0; i < steps; i++) {
          const moment = moments[i % Math.max(1, moments.length)];
          if (moment && i % 5 === 4) world.happen(moment.what, moment.luck);
          world.step();
        }
        world.happen(how, 2);
        end(world);
      }),
      { numRuns: runs },
    );
  });

  test('nextStep() runs everything a healthy pod asks for, each once', () => {
    fc.assert(
      fc.property(anyPod(), (pod) => {
        const { activeDeadlineSeconds: _, ...spec } = pod.spec;
        const world = new World({ ...pod, spec });
        world.settle();
        for (let init = world.running.find(isInit); init; init = world.running.find(isInit)) {
          world.end(init, 0);
          world.settle();
        }
        const names = world.running.map(({ name }) => name).toSorted();
        const wanted = [
          ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
          ...pod.spec.containers,
        ];
        assert.deepEqual(names, wanted.map(({ name }) => name).toSorted());
        assert.ok(world.running.every(({ attempt }) => attempt === 0));
      }),
      { numRuns: 100 },
    );
  });
});

const isInit = ({ name }: { name: string }) => name.startsWith('init');

interface Moment {
  what: Happening;
  /** Steps taken before it. */
  after: number;
  luck: number;
}

function anyMoment(list: readonly Happening[]): fc.Arbitrary<Moment> {
  return fc.record({ what: fc.constantFrom(...list), after: fc.nat(6), luck: fc.nat(12) });
}

function live(pod: Pod, moments: readonly Moment[]): World {
  const world = new World(pod);
  for (const { what, after, luck } of moments) {
    for (let i = 0; i < after && !world.forgotten; i++) world.step();
    if (world.forgotten) break;
    world.happen(what, luck);
  }
  return world;
}

/** What is deleted ends, and nothing is left. */
function end(world: World): void {
  if (!world.forgotten) world.settle();
  assert.equal(world.forgotten, true, world.taken.slice(-20).join('\n'));
  assert.equal(stageOf(world.seen, world.now), 'gone');
}

function anyPod(): fc.Arbitrary<Pod> {
  const container = fc.record({
    terminationMessagePolicy: fc.constantFrom('File' as const, 'FallbackToLogsOnError' as const),
    startupProbe: fc.option(fc.constant({ exec: { command: ['true'] } }), { nil: undefined }),
    resizePolicy: fc.option(fc.constant([{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }]), {
      nil: undefined,
    }),
  });
  const inits = fc.array(fc.tuple(fc.boolean(), container), { maxLength: 3 });
  return fc
    .record({
      restartPolicy: fc.constantFrom('Always' as const, 'OnFailure' as const, 'Never' as const),
      inits,
      mains: fc.array(container, { minLength: 1, maxLength: 3 }),
      activeDeadlineSeconds: fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }),
      terminationGracePeriodSeconds: fc.nat(30),
    })
    .map(({ restartPolicy, inits: before, mains, ...more }) =>
      makePod(
        withoutUndefined({
          ...more,
          restartPolicy,
          // Probes of init containers that run to their end are refused by the API.
          initContainers: before.map(([sidecar, parts], i) =>
            sidecar
              ? makeContainer(`side${i}`, withoutUndefined({ ...parts, restartPolicy: 'Always' }))
              : makeContainer(`init${i}`, { terminationMessagePolicy: parts.terminationMessagePolicy }),
          ),
          containers: mains.map((parts, i) => makeContainer(`main${i}`, withoutUndefined(parts) as Partial<Container>)),
        }),
      ),
    );
}

function withoutUndefined(parts: object): object {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}
