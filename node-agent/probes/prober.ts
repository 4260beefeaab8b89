/** Probes the containers of pods: one row of tries for each probe of each run, none begun before the last has ended. */
import type { Recorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { containersOf, fieldPathOf, runsOf } from '../lifecycle/containers.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { Executor, ObservedContainer } from '../runtime/types.ts';
import { tryProbe } from './actions.ts';
import type { ProbeResult } from './actions.ts';
import { judge, noTally, probesFor } from './judge.ts';
import type { ProbeKind, Tally } from './judge.ts';
import type { ProbeMeter } from './meter.ts';

export type OnTally = (container: Container, runId: string, kind: ProbeKind, tally: Tally) => void;

export interface Prober {
  /** Probes what should be probed of this pod now, and nothing else of it; undefined ends all. `onTally` hears each result. */
  follow(uid: string, seen: Seen | undefined, onTally: OnTally): void;
}

export interface ProberOptions {
  env: Env;
  events: Recorder;
  executor: Pick<Executor, 'execSync'>;
  /** Absent when nobody counts. */
  meter?: ProbeMeter;
}

interface Row {
  runId: string;
  stop(): void;
}

/** How often a try that could not be made is made again at once. */
const mostAttempts = 3;

const titles = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' } as const;

export function makeProber({ env, events, executor, meter }: ProberOptions): Prober {
  const rows = new Map<string, Map<string, Row>>();

  /** Tries one probe again and again until stopped. */
  function begin(pod: Pod, { container, run, kind, podIp }: Probed, onTally: OnTally): Row {
    const probe = container[`${kind}Probe`]!;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    let tally = noTally;
    let stopped = false;
    let cancel = () => {};
    const again = (delayMs: number) => {
      cancel = env.after(delayMs, () => void once());
    };
    const tell = (reason: 'Unhealthy' | 'ProbeWarning', message: string) => {
      const fieldPath = fieldPathOf(pod, container.name);
      events.record({
        regarding: pod,
        fieldPath,
        type: 'Warning',
        reason,
        message: `${titles[kind]} probe ${message}`,
      });
    };
    async function attempt(): Promise<ProbeResult> {
      const target = { id: run.id, container, podIp };
      let found = await tryProbe(probe, target, executor, env);
      for (let attempts = 1; found.result === 'unknown' && attempts < mostAttempts; attempts++) {
        found = await tryProbe(probe, target, executor, env);
      }
      return found;
    }
    async function once(): Promise<void> {
      const begunAt = env.now();
      const { result, output, doubtful = false } = await attempt();
      if (stopped) return;
      again(Math.max(0, begunAt + periodMs - env.now()));
      // As upstream: what is not known counts neither for the container nor against it.
      if (result === 'unknown') return tell('Unhealthy', `errored: ${output}`);
      const seconds = (env.now() - begunAt) / 1000;
      meter?.observe({ pod, container: container.name, probe: titles[kind], result, seconds });
      if (doubtful) tell('ProbeWarning', `warning: ${output}`);
      else if (result === 'failure') tell('Unhealthy', `failed: ${output}`);
      tally = judge(tally, result, probe);
      onTally(container, run.id, kind, tally);
    }
    const startedAt = run.startedAt ?? run.createdAt;
    again(Math.max(0, startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - env.now()));
    return {
      runId: run.id,
      stop() {
        stopped = true;
        cancel();
      },
    };
  }

  return {
    follow(uid, seen, onTally) {
      if (!seen) meter?.forget(uid);
      const mine = rows.get(uid) ?? new Map<string, Row>();
      const wanted = new Set<string>();
      for (const probed of seen?.pod ? probedOf(seen, seen.pod) : []) {
        const key = `${probed.container.name}/${probed.kind}`;
        wanted.add(key);
        if (mine.get(key)?.runId === probed.run.id) continue;
        mine.get(key)?.stop();
        mine.set(key, begin(seen!.pod!, probed, onTally));
      }
      for (const [key, row] of mine) {
        if (wanted.has(key)) continue;
        row.stop();
        mine.delete(key);
      }
      if (mine.size > 0) rows.set(uid, mine);
      else rows.delete(uid);
    },
  };
}

interface Probed {
  container: Container;
  run: ObservedContainer;
  kind: ProbeKind;
  podIp: string;
}

/** What should be probed of a pod now: runs of main containers and sidecars, once their postStart hook is over. */
function probedOf({ observed, notes, exists }: Seen, pod: Pod): Probed[] {
  const ending = !exists || pod.metadata.deletionTimestamp !== undefined;
  const podIp = observed?.ips[0] ?? '127.0.0.1';
  return containersOf(pod).flatMap(({ spec, role }) => {
    const run = runsOf(observed, spec.name)[0];
    const { health, hooking } = notes.containers[spec.name] ?? {};
    if ((role !== 'main' && role !== 'sidecar') || run?.state !== 'running' || hooking === run.id) return [];
    const own = health?.id === run.id ? health : undefined;
    return probesFor(spec, own, ending).map((kind) => ({ container: spec, run, kind, podIp }));
  });
}
