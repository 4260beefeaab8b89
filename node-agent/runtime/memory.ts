/** A runtime that keeps pods in memory and plays containers by script: for tests of what stands above the seam. */
import { createHash } from 'node:crypto';
import type { Env } from '#lib/env/env.ts';
import { StartError } from './types.ts';
import { freeIds, wholeIdPool } from './user-ids.ts';
import type { ContainerSpec, Executor, ObservedContainer, ObservedPod, Runtime, SandboxSpec } from './types.ts';

/** How the runs of one container behave; by default they run until stopped, and exit with 143 then. */
export interface Script {
  /** Ends by itself after this time. */
  exitAfterMs?: number;
  exitCode?: number;
  /** Exits with this when it is asked to stop. */
  stoppedCode?: number;
  /** Takes no notice of SIGTERM. */
  stubborn?: boolean;
  /** The next starts fail with these, one after the other. */
  failures?: StartError[];
  exec?(command: readonly string[]): { exitCode: number; output: string };
}

export interface MemoryRuntime extends Runtime, Pick<Executor, 'execSync'> {
  /** Scripts by container name; may be changed at any time. */
  scripts: Map<string, Script>;
  /** Ends a running container as a signal from outside would. */
  kill(id: string, exitCode: number): void;
  /** What the machine forgets when it starts again: everything that ran has ended, every sandbox is broken. */
  reboot(): void;
  /** Specifications given to startContainer(), latest last. */
  started: ContainerSpec[];
}

/** Makes an empty one. */
export function makeMemoryRuntime(env: Env): MemoryRuntime {
  const pods = new Map<string, ObservedPod>();
  const scripts = new Map<string, Script>();
  const listeners = new Set<(podUid: string) => void>();
  const exits = new Map<string, () => void>();
  const started: ContainerSpec[] = [];
  let addresses = 1;

  const find = (id: string): { pod: ObservedPod; run: ObservedContainer } | undefined => {
    for (const pod of pods.values()) {
      const run = pod.containers.find((item) => item.id === id);
      if (run) return { pod, run };
    }
    return undefined;
  };
  const finish = (id: string, exitCode: number) => {
    const found = find(id);
    if (found?.run.state !== 'running') return;
    Object.assign(found.run, { state: 'exited', exitCode, finishedAt: env.now() });
    exits.get(id)?.();
    exits.delete(id);
    for (const listener of listeners) listener(found.pod.uid);
  };

  return {
    scripts,
    started,
    kill: finish,
    reboot() {
      for (const pod of pods.values()) {
        for (const run of pod.containers) finish(run.id, 137);
        pod.ready = false;
      }
    },
    list: (uid) =>
      Promise.resolve(structuredClone([...pods.values()].filter((pod) => uid === undefined || pod.uid === uid))),
    preparePod(spec: SandboxSpec) {
      const before = pods.get(spec.uid);
      if (!spec.hostUsers && (spec.hostNetwork || spec.hostPid || spec.hostIpc))
        return Promise.reject(new Error("can't set `spec.hostUsers: false`"));
      const taken = [...pods.values()].flatMap((pod) => pod.userIds ?? []);
      const userIds = spec.hostUsers ? undefined : (before?.userIds ?? freeIds(taken, wholeIdPool));
      const ips = spec.hostNetwork ? ['10.0.0.1'] : [`10.1.0.${++addresses}`];
      if (!before?.ready) {
        const { uid, namespace, name } = spec;
        const containers = before?.containers ?? [];
        pods.set(uid, {
          uid,
          namespace,
          name,
          ready: true,
          createdAt: env.now(),
          ips,
          containers,
          resources: spec.resources,
          ...(userIds && { userIds }),
        });
      }
      return Promise.resolve(structuredClone(pods.get(spec.uid)!));
    },
    startContainer(spec) {
      const pod = pods.get(spec.pod.uid);
      if (!pod) return Promise.reject(new StartError('CreateContainerError', 'no sandbox'));
      const script = scripts.get(spec.name) ?? {};
      const id = createHash('sha256').update(`${spec.pod.uid}/${spec.name}/${spec.attempt}`).digest('hex');
      const known = pod.containers.find((item) => item.id === id);
      if (known && known.state !== 'created') return Promise.resolve(structuredClone(known));
      const made: ObservedContainer = {
        id,
        name: spec.name,
        attempt: spec.attempt,
        state: 'created',
        image: spec.image.name,
        imageId: spec.image.id,
        ...(spec.asked && { asked: spec.asked }),
        createdAt: env.now(),
        logPath: spec.logPath,
      };
      const others = pod.containers.filter((item) => item.id !== id);
      const failure = script.failures?.shift();
      if (failure) {
        // What fails is there half made for a moment, and who looks then sees it.
        pod.containers = [...others, made];
        for (const listener of listeners) listener(pod.uid);
        pod.containers = others;
        return Promise.reject(failure);
      }
      started.push(spec);
      const run: ObservedContainer = { ...made, state: 'running', startedAt: env.now() };
      pod.containers = [...others, run];
      if (script.exitAfterMs !== undefined) {
        exits.set(
          id,
          env.after(script.exitAfterMs, () => finish(id, script.exitCode ?? 0)),
        );
      }
      return Promise.resolve(structuredClone(run));
    },
    resizePod(uid, wanted) {
      const pod = pods.get(uid);
      if (!pod) return Promise.reject(new Error('no sandbox'));
      pod.resources = wanted.pod;
      for (const { id, asked } of wanted.containers) {
        const run = pod.containers.find((item) => item.id === id);
        if (run?.state === 'running') run.asked = asked;
      }
      return Promise.resolve(structuredClone(pod));
    },
    async stopContainer(id, graceMs, signal) {
      const found = find(id);
      if (found?.run.state !== 'running') return;
      const { stubborn, stoppedCode = 143 } = scripts.get(found.run.name) ?? {};
      if (!stubborn) return finish(id, stoppedCode);
      await env.sleep(graceMs, signal);
      finish(id, 137);
    },
    removeContainer(id) {
      const found = find(id);
      if (found) found.pod.containers = found.pod.containers.filter((run) => run.id !== id);
      return Promise.resolve();
    },
    removePod(uid) {
      for (const run of pods.get(uid)?.containers ?? []) finish(run.id, 137);
      pods.delete(uid);
      return Promise.resolve();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    execSync(id, command) {
      const answer = scripts.get(find(id)?.run.name ?? '')?.exec?.(command) ?? { exitCode: 0, output: '' };
      return Promise.resolve({ ...answer, timedOut: false });
    },
  };
}
