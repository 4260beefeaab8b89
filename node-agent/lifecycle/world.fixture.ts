/** A world for properties of the lifecycle: steps do what they should, or fail when told to, and things happen to the pod meanwhile. */
import assert from 'node:assert/strict';
import type { EphemeralContainer, Pod } from '#lib/kinds/gen/core-v1.ts';
import { checkPodStatusUpdate } from '#lib/kinds/pod-spec/check-status.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { ObservedContainer } from '../runtime/types.ts';
import { longer } from './backoff.ts';
import { containersOf, doingOf, runsOf } from './containers.ts';
import { mustEnd } from './ending.ts';
import { nextStep, stageOf } from './next-step.ts';
import { makeRun, makeSandbox, startMs } from './pods.fixture.ts';
import { podResources } from './resources.ts';
import { stages } from './stages.ts';
import { statusOf } from './status.ts';
import { noNotes } from './types.ts';
import type { ContainerNotes, Notes, Role, Seen, Step } from './types.ts';

/** What can happen between two steps, by nobody's doing. */
export const happenings = [
  'exit',
  'fail',
  'unstartable',
  'misconfigured',
  'doom',
  'prove',
  'debug',
  'resize',
  'image',
  'reboot',
  'forget runs',
  'new agent',
  'evict',
  'pass',
  'delete',
  'vanish',
] as const;
export type Happening = (typeof happenings)[number];

const image = {
  name: 'app:1',
  id: 'sha256:app',
  config: { entrypoint: [], cmd: [], env: [], workingDir: '', user: '', stopSignal: '', labels: {}, volumes: [] },
  layers: [],
};
const stepMs = 10;
const longestMs = 200_000;

export class World {
  seen: Seen;
  now = startMs;
  forgotten = false;
  /** All steps taken, for a failed property to show. */
  readonly taken: string[] = [];
  /** Exit codes of each container's ends, in their order; runs lost with their sandbox are not in it. */
  private readonly ends = new Map<string, number[]>();
  private readonly lastAttempt = new Map<string, number>();
  private failNext = false;
  private startError: 'unstartable' | 'misconfigured' | undefined;

  /** Whether there are devices for a pod that asks for some; undefined for one that asks for none. */
  private readonly devices: boolean | undefined;

  constructor(pod: Pod, devices?: boolean) {
    this.devices = devices;
    this.seen = { pod, exists: true, observed: undefined, notes: { ...noNotes, admitting: devices !== undefined } };
  }

  get running(): ObservedContainer[] {
    return this.seen.observed?.containers.filter((run) => run.state === 'running') ?? [];
  }

  /** Takes one step. True when there is nothing to do until something happens. */
  step(): boolean {
    const { seen, now } = this;
    const stage = stageOf(seen, now);
    const step = nextStep(seen, now);
    assert.deepEqual(nextStep(structuredClone(seen), now), step, 'the same view gives the same step');
    this.taken.push(`${stage}: ${JSON.stringify(step)}`);
    assert.ok((stages[stage].steps as readonly string[]).includes(step.do), `${step.do} in ${stage}`);
    this.report();
    if (step.do === 'wait') {
      if (step.untilMs === undefined) {
        const mayRest = ['finished', 'deleting'].includes(stage) || this.running.length > 0;
        assert.ok(mayRest, `waits for nothing in ${stage}`);
        return true;
      }
      assert.ok(step.untilMs > now, 'waits for what has been');
      assert.ok(step.untilMs - now <= 10 * longestMs, 'waits for ever');
      this.now = step.untilMs;
    } else {
      this.check(step);
      this.perform(step);
      if (step.do === 'forget') return true;
    }
    const next = stageOf(this.seen, this.now);
    assert.ok(next === stage || (stages[stage].to as readonly string[]).includes(next), `${stage} to ${next}`);
    return false;
  }

  /** Steps until nothing is left to do, proving what still has to start. Fails after so many steps. */
  settle(mostSteps = 1500): void {
    for (let i = 0; i < mostSteps; i++) {
      if (this.step() && (this.forgotten || !this.prove())) return;
    }
    assert.fail(`still at work after ${mostSteps} steps`);
  }

  happen(what: Happening, luck: number): void {
    const { pod, observed, exists } = this.seen;
    const one = <T>(list: readonly T[]): T | undefined => list[luck % Math.max(1, list.length)];
    const run = one(this.running);
    const spec = pod && exists ? one(pod.spec.containers) : undefined;
    switch (what) {
      case 'exit':
        return run && this.end(run, luck % 2);
      case 'fail':
        this.failNext = true;
        return;
      case 'unstartable':
      case 'misconfigured':
        this.startError = what;
        return;
      case 'doom': {
        const doomed = { message: 'unwell', graceSeconds: luck % 5, replaced: luck % 2 === 0 };
        // Others have no probes.
        if (run && /^(main|side)/.test(run.name)) this.judge(run, { ready: false, doomed });
        return;
      }
      case 'prove':
        return void this.prove();
      case 'debug': {
        if (!spec) return;
        const before: EphemeralContainer[] = pod!.spec.ephemeralContainers ?? [];
        const doctor = { name: `doctor${before.length}`, image: 'doctor:1', targetContainerName: spec.name };
        return this.alter({ ephemeralContainers: [...before, doctor] });
      }
      case 'resize':
      case 'image': {
        if (!spec) return;
        const more =
          what === 'image'
            ? { image: `app:${luck}` }
            : { resources: { requests: { cpu: `${1 + (luck % 4)}00m`, memory: '1Mi' } } };
        const { containers, initContainers = [] } = pod!.spec;
        const side = luck % 3 === 0 && one(initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'));
        return this.alter({
          containers: containers.map((item) => (item === spec && !side ? { ...item, ...more } : item)),
          initContainers: initContainers.map((item) => (item === side ? { ...item, ...more } : item)),
        });
      }
      case 'reboot':
        for (const each of this.running) this.end(each, 137);
        if (observed) this.seen = { ...this.seen, observed: { ...this.seen.observed!, ready: false } };
        return;
      case 'forget runs': {
        // Somebody removed what is left of a container that the API knows of.
        this.report();
        const lost = one(
          observed?.containers.filter(({ name }) => !this.running.some((each) => each.name === name)) ?? [],
        );
        const containers = observed?.containers.filter(({ name }) => name !== lost?.name) ?? [];
        if (lost) this.seen = { ...this.seen, observed: { ...observed!, containers } };
        return;
      }
      case 'new agent': {
        const adopted = this.running.map(({ name, id }): [string, ContainerNotes] => {
          const before = this.seen.notes.containers[name]?.health;
          return [
            name,
            { health: before?.id === id && !before.doomed ? before : { id, started: false, ready: false } },
          ];
        });
        const { rejected } = this.seen.notes;
        this.seen = { ...this.seen, notes: { ...noNotes, rejected, containers: Object.fromEntries(adopted) } };
        return;
      }
      case 'evict':
        return this.note({ evicted: { message: 'low on memory', graceSeconds: luck % 3 } });
      case 'pass':
        this.now += luck * 20_000;
        return;
      case 'delete': {
        if (!pod || !exists || pod.metadata.deletionTimestamp !== undefined) return;
        const metadata = { ...pod.metadata, deletionTimestamp: formatTime(this.now), deletionGracePeriodSeconds: luck };
        this.seen = { ...this.seen, pod: { ...pod, metadata } };
        return;
      }
      case 'vanish':
        this.seen = { ...this.seen, exists: false };
        return;
    }
  }

  /** What must hold of every step, whatever happened. */
  private check(step: Step): void {
    const { seen, now } = this;
    const { pod, observed } = seen;
    const over = !pod || !seen.exists || mustEnd(seen, pod, now);
    if (over)
      assert.ok(!['mount', 'prepare', 'pull', 'start', 'resize', 'hold'].includes(step.do), `${step.do} at the end`);
    if (step.do === 'start') this.checkStart(step, pod!);
    if (step.do === 'stop') this.checkStop(step, over);
    if (step.do === 'release') assert.deepEqual(this.running, [], 'released while it runs');
    if (step.do === 'discard') {
      const kept = runsOf(observed, step.container.name).slice(0, 2);
      assert.ok(!kept.some(({ id }) => id === step.container.id), 'discards what is still told of');
    }
    if (step.do === 'delete' || step.do === 'forget')
      assert.equal(observed, undefined, `${step.do} with something left`);
  }

  private checkStart({ container, role, attempt }: Step & { do: 'start' }, pod: Pod): void {
    const { observed } = this.seen;
    const ends = this.ends.get(container) ?? [];
    assert.notEqual(runsOf(observed, container)[0]?.state, 'running', `${container} started twice`);
    assert.ok(attempt > (this.lastAttempt.get(container) ?? -1), `${container} counts back`);
    const { restartPolicy = 'Always' } = pod.spec;
    if (role === 'ephemeral') assert.deepEqual(ends, [], `${container} runs again`);
    const last = runsOf(observed, container)[0];
    const replaced = last !== undefined && this.seen.notes.containers[container]?.replaced === last.id;
    if (role === 'main' && !replaced) {
      if (restartPolicy === 'Never') assert.equal(ends.at(-1), undefined, `${container} runs again`);
      if (restartPolicy === 'OnFailure') assert.notEqual(ends.at(-1), 0, `${container} had succeeded`);
    }
    if (role === 'ephemeral') return;
    const all = containersOf(pod);
    const begun = pod.spec.containers.some(({ name }) => runsOf(observed, name).some((run) => this.isOfNow(run)));
    if (role === 'main' && begun) return;
    // Whoever is before it has done its part in this sandbox.
    for (const { spec, role: earlier } of all.slice(
      0,
      all.findIndex(({ spec }) => spec.name === container),
    )) {
      const run = runsOf(observed, spec.name)[0];
      if (earlier === 'init') {
        assert.ok(
          run?.state === 'exited' && run.exitCode === 0 && this.isOfNow(run),
          `${container} before ${spec.name}`,
        );
      } else if (earlier === 'sidecar') assert.ok(run && this.isOfNow(run), `${container} before ${spec.name}`);
    }
  }

  private checkStop({ groups }: Step & { do: 'stop' }, over: boolean): void {
    const { pod, observed } = this.seen;
    const roles = new Map<string, Role>(pod ? containersOf(pod).map(({ spec, role }) => [spec.name, role]) : []);
    const ids = groups.flat().map(({ id }) => id);
    assert.ok(ids.length > 0 && new Set(ids).size === ids.length, 'stops nothing, or twice');
    for (const { graceMs, id } of groups.flat()) {
      assert.ok(graceMs >= 0, 'no grace');
      assert.equal(observed?.containers.find((run) => run.id === id)?.state, 'running');
    }
    if (!over) return;
    assert.deepEqual(ids.toSorted(), this.running.map(({ id }) => id).toSorted(), 'leaves something running');
    const inits = (pod?.spec.initContainers ?? []).map(({ name }) => name);
    const order = groups.map((group) => group.map(({ name }) => name));
    const sidecars = order.flat().filter((name) => roles.get(name) === 'sidecar');
    assert.deepEqual(
      sidecars,
      sidecars.toSorted((a, b) => inits.indexOf(b) - inits.indexOf(a)),
      'sidecars last to first',
    );
    assert.ok(
      order
        .slice(1)
        .flat()
        .every((name) => roles.get(name) === 'sidecar'),
      'others end first',
    );
  }

  private isOfNow(run: ObservedContainer): boolean {
    return run.createdAt >= this.seen.observed!.createdAt;
  }

  private perform(step: Step): void {
    this.now += stepMs;
    const { pod, observed } = this.seen;
    if (this.failNext && ['mount', 'prepare', 'resize', 'report', 'release', 'delete'].includes(step.do)) {
      this.failNext = false;
      const retryAt = this.now + 500;
      return this.note({ trouble: { step: step.do, message: 'no', count: 1, retryAt } });
    }
    switch (step.do) {
      case 'allocate':
        assert.equal(observed, undefined, 'something was made for a pod before it was taken');
        return this.note({ admitting: false, rejected: this.devices ? undefined : { reason: 'No', message: '' } });
      case 'mount':
        return this.note({ volumes: {}, trouble: undefined });
      case 'prepare': {
        const containers = observed?.containers ?? [];
        const sandbox = makeSandbox(containers, { createdAt: this.now, resources: podResources(pod!) });
        this.seen = { ...this.seen, observed: sandbox };
        return;
      }
      case 'pull': {
        if (!this.failNext) return this.noteContainer(step.container, { pulled: { attempt: step.attempt, image } });
        this.failNext = false;
        const pulls = longer(this.seen.notes.containers[step.container]?.pulls, this.now, this.now);
        const problem = { reason: 'ErrImagePull', message: 'gone' };
        return this.noteContainer(step.container, { problem, pulls, retryAt: this.now + pulls.delayMs });
      }
      case 'hold':
        return this.noteContainer(step.container, { problem: step, retryAt: step.retryAt });
      case 'start':
        return this.start(step, pod!);
      case 'resize': {
        const asked = new Map(step.to.containers.map((item) => [item.id, item.asked]));
        const containers = observed!.containers.map((run) => {
          const more = asked.get(run.id);
          return more ? { ...run, asked: more } : run;
        });
        this.seen = { ...this.seen, observed: { ...observed!, resources: step.to.pod, containers } };
        return;
      }
      case 'stop':
        for (const { id, name, replaced } of step.groups.flat()) {
          if (replaced) this.noteContainer(name, { replaced: id });
          const run = observed!.containers.find((item) => item.id === id)!;
          this.end(run, 143);
        }
        return;
      case 'discard': {
        const containers = observed!.containers.filter((run) => run !== step.container);
        this.seen = { ...this.seen, observed: { ...observed!, containers } };
        return;
      }
      case 'last-words':
        return this.noteContainer(step.container.name, { lastWords: { id: step.container.id, text: '' } });
      case 'report':
        return this.note({ reported: true });
      case 'release':
        this.note({ released: true, volumes: undefined });
        this.seen = { ...this.seen, observed: undefined };
        return;
      case 'delete':
        this.seen = { ...this.seen, exists: false };
        return;
      case 'forget':
        this.forgotten = true;
        return;
      case 'wait':
        return;
    }
  }

  private start({ container, attempt }: Step & { do: 'start' }, pod: Pod): void {
    const error = this.startError;
    this.startError = undefined;
    if (error === 'misconfigured') {
      const problem = { reason: 'CreateContainerConfigError', message: 'no such thing' };
      return this.noteContainer(container, { problem, retryAt: this.now + 5000 });
    }
    const doing = doingOf(this.seen, pod, container);
    const { crashes } = this.seen.notes.containers[container] ?? {};
    const spec = containersOf(pod).find((item) => item.spec.name === container)!.spec;
    const id = `${container}-${attempt}-${this.now}`;
    const run = makeRun(container, {
      id,
      attempt,
      createdAt: this.now,
      startedAt: this.now,
      asked: spec.resources ?? {},
    });
    this.lastAttempt.set(container, attempt);
    this.noteContainer(container, {
      pulled: undefined,
      problem: undefined,
      retryAt: undefined,
      health: { id, started: false, ready: false },
      ...(doing.is === 'ended' && { crashes: longer(crashes, doing.finishedAt, this.now) }),
    });
    this.replace({ ...run, image: spec.image ?? '' });
    if (error === 'unstartable') this.end(run, 128);
  }

  /** Shows that all that runs has started; false when all has already. */
  private prove(): boolean {
    const unproven = this.running.filter(({ id, name }) => {
      const spec = this.seen.pod && containersOf(this.seen.pod).find((item) => item.spec.name === name)?.spec;
      const health = this.seen.notes.containers[name]?.health;
      return spec?.startupProbe !== undefined && !(health?.id === id && (health.started || health.doomed));
    });
    for (const run of unproven) this.judge(run, { started: true, ready: true });
    return unproven.length > 0;
  }

  private judge({ id, name }: ObservedContainer, more: Partial<NonNullable<ContainerNotes['health']>>): void {
    const before = this.seen.notes.containers[name]?.health;
    const health = before?.id === id ? before : { id, started: false, ready: false };
    this.noteContainer(name, { health: { ...health, ...more } });
  }

  /** Ends a run by itself. */
  end(run: ObservedContainer, exitCode: number): void {
    this.ends.set(run.name, [...(this.ends.get(run.name) ?? []), exitCode]);
    const found = this.seen.observed!.containers.find(({ id }) => id === run.id) ?? run;
    this.replace({ ...found, state: 'exited', exitCode, finishedAt: this.now });
  }

  /** The API hears how the pod is; what it says of ends and counts never goes back. */
  private report(): void {
    const { pod, exists } = this.seen;
    if (!pod || !exists) return;
    const before = pod.status;
    const status = statusOf(this.seen, pod, ['10.0.0.1'], this.now);
    if (before?.phase === 'Succeeded' || before?.phase === 'Failed') assert.equal(status.phase, before.phase);
    for (const { name, restartCount } of before?.containerStatuses ?? []) {
      const after = status.containerStatuses?.find((item) => item.name === name);
      assert.ok(after && after.restartCount >= restartCount, `restarts of ${name} are forgotten`);
    }
    const told = { ...pod, status };
    const refusals = checkPodStatusUpdate(told, pod);
    assert.deepEqual(refusals, [], 'the API takes the status');
    this.seen = { ...this.seen, pod: told };
  }

  private alter(spec: Partial<Pod['spec']>): void {
    const pod = this.seen.pod!;
    this.seen = { ...this.seen, pod: { ...pod, spec: { ...pod.spec, ...spec } } };
  }

  private note(notes: Partial<Notes>): void {
    this.seen = { ...this.seen, notes: { ...this.seen.notes, ...notes } };
  }

  private noteContainer(name: string, more: ContainerNotes): void {
    const { containers } = this.seen.notes;
    this.note({ containers: { ...containers, [name]: { ...containers[name], ...more } } });
  }

  private replace(run: ObservedContainer): void {
    const observed = this.seen.observed!;
    const others = observed.containers.filter((item) => item.id !== run.id);
    this.seen = { ...this.seen, observed: { ...observed, containers: [...others, run] } };
  }
}
