/**
 * The node's runtime, killed at each thing it does: before and after every change of the file system, every program and every signal of a pod's whole life, and at every program that its scripts
 * run. Afterwards another one takes over, which is killed too in half of the cases, and another: then the pod is as wanted, or gone; no program was started twice, and nothing is left.
 *
 * By default a part of all places is tried, another one each time; all with CHAOS=full.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { containerSpec, eventually, makeBench, podSpec } from '../../node-agent/runtime/oci/bench.fixture.ts';
import type { Bench, DriverStart } from '../../node-agent/runtime/oci/bench.fixture.ts';
import { probeFeatures } from '../../node-agent/runtime/oci/features.ts';
import type { ObservedContainer, ObservedPod, SandboxSpec } from '../../node-agent/runtime/types.ts';

const seed = Number(process.env.WHERRY_TEST_SEED ?? Date.now() % 1_000_000);
const isFull = process.env.CHAOS === 'full';
/** One place out of so many is tried. */
const stride = isFull ? 1 : 20;

const preload = path.resolve(import.meta.dirname, 'crash/preload.ts');
const shim = path.resolve(import.meta.dirname, 'crash/shim.sh');
const shimmed = 'ip mount umount unshare nsenter perl nft conntrack truncate mkfs.ext4 losetup crun conmon'.split(' ');
const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const layerBytes = 4 * 1024 * 1024;

/** Where to die: at a numbered effect of the process itself, or at a numbered run of a program. */
type Place = { when: 'before' | 'after' | 'amid'; number: number; program?: string };

interface Found {
  place: Place;
  what: string;
}

/** Effects of a start that recovers; those of what comes then follow. */
const mostToRecover = 40;

const pods: Record<string, Partial<SandboxSpec>> = {
  'a pod with host ports': {
    ports: [
      { hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '' },
      { hostPort: 5353, containerPort: 53, protocol: 'UDP', hostIP: '' },
    ],
  },
  'a pod that shares its process namespace': {
    shareProcessNamespace: true,
    sysctls: { 'net.ipv4.tcp_syncookies': '0' },
  },
  "a pod on the node's network": { hostNetwork: true },
  'a pod with users of its own (needs user namespaces)': {
    hostUsers: false,
    shareProcessNamespace: true,
    sysctls: { 'kernel.shm_rmid_forced': '1' },
  },
};

suite(`the runtime killed at each step (WHERRY_TEST_SEED=${seed}${isFull ? ', full' : ''})`, function () {
  this.timeout(isFull ? 3_600_000 : 600_000);
  const chance = makeFakeEnv({ seed });
  const pick = (count: number) => Math.floor(chance.random() * count);
  let bench: Bench;
  let bin: string;
  let log: string;
  let beside: { pod: SandboxSpec; run: ObservedContainer; address: string };
  let before: string[];
  let noUserNamespaces: string | undefined;

  suiteSetup(async () => {
    const shims = mkdirShims();
    bin = shims.bin;
    bench = await makeBench({ crun: `${bin}/crun`, conmon: `${bin}/conmon` });
    log = path.join(bench.folder, 'begun');
    mkdirSync(log);
    chmodSync(log, 0o777);
    await bench.call('prepareNode');
    const pod = podSpec({ name: 'beside' });
    const { ips } = await bench.call<ObservedPod>('preparePod', pod);
    const run = await start(pod, 'main', 0, forever);
    beside = { pod, run, address: ips[0]! };
    before = bench.traces();
    ({ noUserNamespaces } = await probeFeatures(`${bench.folder}/state`, `${bench.folder}/run`));
  });
  suiteTeardown(async () => {
    await bench?.nextDriver({ flags: [], env: {} });
    await bench?.close();
    rmSync(path.dirname(bin), { recursive: true, force: true });
  });

  /** A folder with the shim under each program's name, outside of what the bench looks at. */
  function mkdirShims() {
    const folder = path.join('/tmp', `shims-${process.pid}`);
    mkdirSync(path.join(folder, 'bin'), { recursive: true });
    for (const name of shimmed) symlinkSync(shim, path.join(folder, 'bin', name));
    return { bin: path.join(folder, 'bin') };
  }

  /** Each run leaves a line with its name when it begins. */
  const start = (pod: SandboxSpec, name: string, attempt: number, script: string) =>
    bench.call<ObservedContainer>(
      'startContainer',
      containerSpec(bench, pod, `echo ${name}/${attempt} >> /begun/${pod.uid}; ${script}`, {
        name,
        attempt,
        ...(name === 'main' && { ephemeralStorageBytes: layerBytes }),
        mounts: [{ source: log, target: '/begun', readOnly: false, propagation: 'private' }],
      }),
    );
  const seen = async (uid: string) => (await bench.call<ObservedPod[]>('list')).find((pod) => pod.uid === uid);
  const begun = ({ uid }: SandboxSpec) =>
    existsSync(`${log}/${uid}`) ? readFileSync(`${log}/${uid}`, 'utf8').trim().split('\n') : [];

  /** What the lifecycle does, in its order; taken up again at any point it goes on from there. */
  async function bringUp(pod: SandboxSpec): Promise<void> {
    await bench.call('prepareNode');
    await bench.call('preparePod', pod);
    await start(pod, 'main', 0, forever);
    const has = (await seen(pod.uid))!.containers.map(({ name, attempt }) => `${name}/${attempt}`);
    // Its remains have been removed: the lifecycle never asks for a run again that it has seen the end of.
    if (!has.includes('short/1')) {
      const short = await start(pod, 'short', 0, 'exit 3');
      const { exitCode } = await eventually('the end of the short one', async () => {
        const found = (await seen(pod.uid))!.containers.find(({ id }) => id === short.id)!;
        return found.state === 'exited' && found;
      });
      assert.equal(exitCode, 3);
    }
    const again = await start(pod, 'short', 1, forever);
    for (const { id, name } of (await seen(pod.uid))!.containers) {
      if (name === 'short' && id !== again.id) await bench.call('removeContainer', id);
    }
  }

  async function takeDown(pod: SandboxSpec): Promise<void> {
    for (const { id, state } of (await seen(pod.uid))?.containers ?? []) {
      if (state === 'running') await bench.call('stopContainer', id, 5000);
    }
    await bench.call('removePod', pod.uid);
  }

  function armed({ when, number, program }: Place, traceFile?: string): DriverStart {
    const commands = `${path.dirname(bin)}/commands`;
    for (const file of [commands, `${commands}.done`]) rmSync(file, { recursive: true, force: true });
    return {
      flags: ['--import', preload],
      env: {
        PATH: `${bin}:${process.env.PATH}`,
        WHERRY_CRASH_COMMANDS: commands,
        ...(program === undefined
          ? { WHERRY_CRASH: `${when} ${number}` }
          : { WHERRY_CRASH_COMMAND: `${when} ${number} ${program}` }),
        ...(traceFile && { WHERRY_CRASH_TRACE: traceFile }),
      },
    };
  }
  const unharmed = (): DriverStart => ({ flags: [], env: { PATH: `${bin}:${process.env.PATH}` } });

  /** Whether it came to its end; false when the driver was killed on the way. */
  async function survives(doing: Promise<void>): Promise<boolean> {
    try {
      await doing;
      return true;
    } catch (error) {
      if ((error as { reason?: string }).reason === 'DriverGone') return false;
      throw error;
    }
  }

  /** Every place there is in the life of such a pod. */
  async function placesOf(more: Partial<SandboxSpec>): Promise<Found[]> {
    const traceFile = `${path.dirname(bin)}/trace`;
    rmSync(traceFile, { force: true });
    await bench.nextDriver(armed({ when: 'before', number: 0 }, traceFile));
    const pod = podSpec(more);
    await bringUp(pod);
    await takeDown(pod);
    const effects = readFileSync(traceFile, 'utf8').trim().split('\n');
    const own = effects.flatMap((line): Found[] => {
      const [number = '', what = ''] = line.split('\t');
      const at = (when: Place['when']) => ({ place: { when, number: Number(number) }, what });
      const also = what.startsWith('run ') ? [at('after')] : what.startsWith('await rm ') ? [at('amid')] : [];
      return [at('before'), ...also];
    });
    const runs = new Map<string, number>();
    const commands = readFileSync(`${path.dirname(bin)}/commands`, 'utf8')
      .trim()
      .split('\n');
    const theirs = commands.flatMap((program) => {
      const number = (runs.get(program) ?? 0) + 1;
      runs.set(program, number);
      return (['before', 'after'] as const).map((when) => ({ place: { when, number, program }, what: program }));
    });
    return [...own, ...theirs];
  }

  for (const [title, more] of Object.entries(pods)) {
    test(title, async function () {
      if (more.hostUsers === false && noUserNamespaces !== undefined) this.skip();
      const places = await placesOf(more);
      assert.ok(places.length > 60, `only ${places.length} places`);
      const tried = places.filter((_, i) => i % stride === seed % stride);
      let killed = 0;
      const faults: string[] = [];
      for (const { place, what } of tried) {
        const second = chance.random() < 0.5 ? 1 + pick(25) : undefined;
        const goesOn = chance.random() < 0.6;
        try {
          if (await liveAndDie(podSpec(more), place, { second, goesOn })) killed++;
        } catch (error) {
          const where = `${place.when} ${place.program ? 'run' : 'effect'} ${place.number}, ${what.slice(0, 200)}`;
          const then = `${second ? `then before effect ${second}, ` : ''}${goesOn ? 'going on' : 'given up'}`;
          faults.push(`Killed ${where}, ${then}: ${error instanceof Error ? error.message : String(error)}`);
          await tidy();
        }
      }
      this.test!.title += `: killed at ${killed} of ${places.length} places`;
      assert.deepEqual(faults, []);
      assert.ok(killed > tried.length * 0.9, `killed only at ${killed} of ${tried.length} places`);
    });
  }

  test('killed again at each thing it does to recover', async () => {
    const places = await placesOf({ shareProcessNamespace: true });
    /** Where most is half done. */
    const torn = {
      'the sandbox being made': ({ place, what }: Found) => place.when === 'after' && what.includes('wherry-sandbox'),
      'a container created': ({ place }: Found) => place.program === 'crun-create' && place.when === 'after',
      'a program begun': ({ place }: Found) => place.program === 'crun-start' && place.when === 'after',
      'a container being removed': ({ place }: Found) => place.program === 'crun-delete' && place.when === 'before',
    };
    const faults: string[] = [];
    let tried = 0;
    for (const [where, isIt] of Object.entries(torn)) {
      const { place } = places.find(isIt)!;
      // Until there is so little to do that it is over before.
      for (let second = 1 + (seed % stride); second < mostToRecover; second += stride) {
        const goesOn = chance.random() < 0.6;
        try {
          tried++;
          await liveAndDie(podSpec({ shareProcessNamespace: true }), place, { second, goesOn });
        } catch (error) {
          faults.push(`${where}, then before effect ${second}, ${goesOn ? 'going on' : 'given up'}: ${String(error)}`);
          await tidy();
        }
      }
    }
    this.ctx.test!.title += `: ${tried} times`;
    assert.deepEqual(faults, []);
  });

  test('a pod that is half removed still has the latest of the runs it has', async () => {
    const twoRuns = async () => {
      const pod = podSpec();
      await bench.call('preparePod', pod);
      for (const attempt of [0, 1]) {
        const { id } = await start(pod, 'short', attempt, 'exit 3');
        await eventually('its end', async () =>
          (await seen(pod.uid))!.containers.some((run) => run.id === id && run.state === 'exited'),
        );
      }
      return pod;
    };
    const traceFile = `${path.dirname(bin)}/trace`;
    rmSync(traceFile, { force: true });
    const whole = await twoRuns();
    await bench.nextDriver(armed({ when: 'before', number: 0 }, traceFile));
    await bench.call('removePod', whole.uid);
    const removals = readFileSync(traceFile, 'utf8')
      .split('\n')
      .filter((line) => /unlinkSync .*\/container\.json/.test(line))
      .map((line) => Number.parseInt(line));
    assert.equal(removals.length, 2);
    const half = new Set<string>();
    for (const number of removals) {
      await bench.nextDriver(unharmed());
      const pod = await twoRuns();
      await bench.nextDriver(armed({ when: 'after', number }));
      assert.ok(!(await survives(bench.call('removePod', pod.uid).then(() => {}))), `not killed at effect ${number}`);
      await bench.nextDriver(unharmed());
      const left = ((await seen(pod.uid))?.containers ?? []).map(({ attempt }) => attempt).sort((a, b) => a - b);
      half.add(left.join());
      assert.ok(left.length === 0 || left.includes(1), `killed after effect ${number}, only ${left.join()} is left`);
      await bench.call('removePod', pod.uid);
    }
    assert.ok(half.has('1'), `left were ${[...half].join('; ')}`);
    assert.deepEqual(bench.traces(), before);
  });

  /** Leads a pod through its life with a kill at a place, and takes it up again; whether the place was reached. */
  async function liveAndDie(
    pod: SandboxSpec,
    place: Place,
    { second, goesOn }: { second: number | undefined; goesOn: boolean },
  ): Promise<boolean> {
    let stage: 'up' | 'down' = 'up';
    const live = async () => {
      await checkOthers(pod);
      if (stage === 'up') {
        await bringUp(pod);
        await checkUp(pod);
      }
      stage = 'down';
      await takeDown(pod);
    };
    await bench.nextDriver(armed(place));
    const wasKilled = !(await survives(live()));
    const wasUp = (stage as string) === 'down';
    if (!goesOn) stage = 'down';
    if (second) await bench.nextDriver(armed({ when: 'before', number: second }));
    if (!second || !(await survives(live()))) {
      await bench.nextDriver(unharmed());
      await live();
    }
    await checkGone(pod, goesOn || wasUp);
    return wasKilled;
  }

  /** After a fault: what is left of it is not counted again. */
  async function tidy(): Promise<void> {
    await bench.nextDriver(unharmed());
    for (const { uid } of await bench.call<ObservedPod[]>('list'))
      if (uid !== beside.pod.uid) await bench.call('removePod', uid);
    before = bench.traces();
  }

  /** The pod beside is as it was, and no address is anybody else's too. */
  async function checkOthers(pod: SandboxSpec): Promise<void> {
    const all = await bench.call<ObservedPod[]>('list');
    const addresses = all.flatMap(({ ips }) => ips);
    if (!pod.hostNetwork) assert.equal(new Set(addresses).size, addresses.length, `addresses ${addresses.join(' ')}`);
    const other = all.find(({ uid }) => uid === beside.pod.uid)!;
    assert.deepEqual(
      [other.ready, other.ips, other.containers.map(({ state, pid }) => [state, pid])],
      [true, [beside.address], [['running', beside.run.pid]]],
    );
  }

  async function checkUp(pod: SandboxSpec): Promise<void> {
    const { ready, containers } = (await seen(pod.uid))!;
    assert.ok(ready);
    assert.deepEqual(containers.map(({ name, attempt, state }) => `${name}/${attempt} ${state}`).toSorted(), [
      'main/0 running',
      'short/1 running',
    ]);
    // A program may be a moment behind what is known of it.
    await eventually('all have begun', () => begun(pod).length >= 3);
  }

  async function checkGone(pod: SandboxSpec, wasWanted: boolean): Promise<void> {
    const lines = begun(pod).toSorted();
    if (wasWanted) assert.deepEqual(lines, ['main/0', 'short/0', 'short/1']);
    else assert.equal(new Set(lines).size, lines.length, `begun: ${lines.join(' ')}`);
    let left: string[] = [];
    await eventually('nothing is left', () => {
      left = bench.traces().filter((line) => !before.includes(line));
      return left.length === 0;
    }).catch((error: unknown) => {
      throw new Error(`left over:\n${left.join('\n')}`, { cause: error });
    });
    rmSync(`${log}/${pod.uid}`, { force: true });
  }
});
