import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { podRequests } from '#lib/kinds/pod-spec/resources.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { amountsOf, asksOf, choose, grantsOf, isUnmet, prospectOf, withoutPod } from './allot.ts';
import type { Device, Grant } from './types.ts';

const resource = 'example.com/gpu';
const response = { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] };
const devices = (count: number, healthy = true): Device[] =>
  Array.from({ length: count }, (_, i) => ({ id: `gpu-${i}`, healthy, numaNodes: [] }));
const wants = (count: number) => ({ resources: { limits: { [resource]: String(count) } } });
const keeps = (name: string) => name === resource;

/** Gives a pod what it asks for, as the shell does; the message of the refusal when it cannot. */
function give(pod: Pod, pool: readonly Device[], before: readonly Grant[]): Grant[] | string {
  let grants = [...before];
  for (const ask of asksOf(pod, keeps)) {
    const prospect = prospectOf(ask, pod, new Map([[resource, pool]]), grants);
    if (prospect.is === 'refused') return prospect.message;
    if (prospect.is === 'had') continue;
    grants = [...grants, { ...ask, devices: choose(ask.count, prospect), response }];
  }
  return grants;
}

suite('node-agent/devices/allot', () => {
  test('prospectOf() gives the first that are free, or those that the plug-in prefers', () => {
    const pod = makePod({ containers: [makeContainer('app', wants(2))] });
    const [ask] = asksOf(pod, keeps);
    const other = { uid: 'other', container: 'app', resource, devices: ['gpu-1'], response };
    const prospect = prospectOf(ask!, pod, new Map([[resource, devices(12)]]), [other]);
    assert.ok(prospect.is === 'open');
    assert.deepEqual(choose(2, prospect), ['gpu-0', 'gpu-2']);
    assert.deepEqual(choose(3, prospect, ['gpu-10', 'gpu-1', 'nothing', 'gpu-9']), ['gpu-10', 'gpu-9', 'gpu-0']);
  });

  test('prospectOf() refuses in upstream’s words', () => {
    const pod = makePod({ containers: [makeContainer('app', wants(2))] });
    const [ask] = asksOf(pod, keeps);
    const message = (pool: Device[] | undefined, grants: Grant[] = []) => {
      const prospect = prospectOf(ask!, pod, new Map(pool && [[resource, pool]]), grants);
      return prospect.is === 'refused' ? prospect.message : prospect.is;
    };
    const had = (...ids: string[]) => [{ uid: 'uid-1', container: 'app', resource, devices: ids, response }];
    assert.equal(message(undefined), 'cannot allocate unregistered device example.com/gpu');
    assert.equal(
      message(devices(2, false)),
      'no healthy devices present; cannot allocate unhealthy devices example.com/gpu',
    );
    assert.equal(
      message(devices(1)),
      'requested number of devices unavailable for example.com/gpu. Requested: 2, Available: 1',
    );
    assert.equal(
      message(devices(2), had('gpu-0')),
      'pod "uid-1" container "app" changed request for resource "example.com/gpu" from 1 to 2',
    );
    assert.equal(message(devices(2, false), had('gpu-0', 'gpu-1')), 'had');
  });

  test('asksOf() asks for what plug-ins give, in whole pieces, init containers first', () => {
    const pod = makePod({
      initContainers: [makeContainer('init', wants(1))],
      containers: [
        makeContainer('app', { resources: { limits: { [resource]: '2', cpu: '1', 'example.com/b': '1' } } }),
      ],
    });
    assert.deepEqual(
      asksOf(pod, (name) => name.startsWith('example.com/')).map((ask) => [ask.container, ask.resource, ask.count]),
      [
        ['init', resource, 1],
        ['app', 'example.com/b', 1],
        ['app', resource, 2],
      ],
    );
    assert.deepEqual(asksOf(makePod({ containers: [makeContainer('app', wants(0))] }), keeps), []);
  });

  test('amountsOf() counts what there is, and what can be given', () => {
    const pool = [...devices(2), { id: 'broken', healthy: false, numaNodes: [] }];
    assert.deepEqual(
      amountsOf(
        new Map([
          [resource, pool],
          ['example.com/gone', []],
        ]),
      ),
      {
        capacity: { [resource]: '3', 'example.com/gone': '0' },
        allocatable: { [resource]: '2', 'example.com/gone': '0' },
      },
    );
  });

  test('withoutPod() frees what a pod had, and isUnmet() tells who has nothing yet', () => {
    const pod = makePod({ containers: [makeContainer('app', wants(1))] });
    const grants = give(pod, devices(1), []) as Grant[];
    assert.deepEqual(
      grantsOf(grants, 'uid-1', 'app').map((grant) => grant.devices),
      [['gpu-0']],
    );
    const [ask] = asksOf(pod, keeps);
    assert.deepEqual([isUnmet(ask!, grants), isUnmet(ask!, withoutPod(grants, 'uid-1'))], [false, true]);
    assert.equal(withoutPod(grants, 'other'), grants);
  });

  test('a device is given to one container at a time, and pods that fit by what they ask for all get theirs', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 12 }),
        fc.array(anyPod(), { maxLength: 8 }),
        fc.array(fc.nat()),
        (size, drafts, ends) => {
          let grants: readonly Grant[] = [];
          const running: Pod[] = [];
          drafts.forEach((draft, i) => {
            const pod = { ...draft, metadata: { ...draft.metadata, uid: `uid-${i}` } };
            const asked = (each: Pod) => Number((podRequests(each.spec).get(resource) ?? 0n) / 1_000_000_000n);
            const used = running.reduce((sum, each) => sum + asked(each), 0);
            const result = give(pod, devices(size), grants);
            const fits = asked(pod) === 0 || used + asked(pod) <= size;
            assert.equal(typeof result !== 'string', fits, `${used} + ${asked(pod)} of ${size}: ${String(result)}`);
            if (typeof result === 'string') return;
            grants = result;
            running.push(pod);
            assertApart(running, grants);
            if ((ends[i] ?? 0) % 3 === 0) grants = withoutPod(grants, running.shift()!.metadata.uid);
          });
        },
      ),
    );
  });
});

/** Containers that run at the same time share nothing, each has as many as it asked for, and nobody has one twice. */
function assertApart(pods: readonly Pod[], grants: readonly Grant[]): void {
  for (const pod of pods) {
    for (const { container, count } of asksOf(pod, keeps)) {
      const ids = grantsOf(grants, pod.metadata.uid, container).flatMap((grant) => grant.devices);
      assert.equal(new Set(ids).size, count);
      assert.equal(ids.length, count);
    }
  }
  for (const [i, one] of grants.entries()) {
    for (const other of grants.slice(i + 1)) {
      const shared = one.devices.filter((id) => other.devices.includes(id));
      if (shared.length > 0) assert.ok(takeTurns(pods, one, other), `${JSON.stringify([one, other])} share ${shared}`);
    }
  }
}

/** Whether two containers never run at the same time: one is an init container that ends before the other begins. */
function takeTurns(pods: readonly Pod[], one: Grant, other: Grant): boolean {
  const pod = pods.find(({ metadata }) => metadata.uid === one.uid);
  if (!pod || one.uid !== other.uid) return false;
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const [first] = all.filter(({ name }) => name === one.container || name === other.container);
  return (pod.spec.initContainers ?? []).includes(first!) && first!.restartPolicy !== 'Always';
}

function anyPod(): fc.Arbitrary<Pod> {
  const count = fc.nat({ max: 4 });
  return fc
    .tuple(fc.array(fc.tuple(count, fc.boolean()), { maxLength: 4 }), fc.array(count, { minLength: 1, maxLength: 3 }))
    .map(([inits, mains]) =>
      makePod({
        initContainers: inits.map(([n, always], i): Container =>
          makeContainer(`init${i}`, { ...asking(n), ...(always && { restartPolicy: 'Always' }) }),
        ),
        containers: mains.map((n, i) => makeContainer(`main${i}`, asking(n))),
      }),
    );
}

function asking(count: number): Partial<Container> {
  const amounts = { [resource]: String(count) };
  return count === 0 ? {} : { resources: { limits: amounts, requests: amounts } };
}
