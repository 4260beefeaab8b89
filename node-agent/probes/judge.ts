/** What a row of probe results means, by upstream's thresholds (`pkg/kubelet/prober/worker.go`). Pure. */
import type { Container, Pod, Probe } from '#lib/kinds/gen/core-v1.ts';
import type { Doom, Health } from '../lifecycle/types.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** What is known of one probe of one run. */
export interface Tally {
  verdict: 'unknown' | 'success' | 'failure';
  /** The same result so many times in a row. */
  last: 'success' | 'failure' | undefined;
  row: number;
}

/** Before the first result: alive until shown otherwise, ready and started only when shown. */
export const noTally: Tally = { verdict: 'unknown', last: undefined, row: 0 };

/** The tally after one more result. The verdict turns only when a row reaches its threshold. */
export function judge(tally: Tally, result: 'success' | 'failure', probe: Probe): Tally {
  const row = tally.last === result ? tally.row + 1 : 1;
  const threshold = result === 'success' ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { verdict: row >= threshold ? result : tally.verdict, last: result, row };
}

/** The probes a run needs now: until it has started its startup probe alone, and none once it is doomed. */
export function probesFor(container: Container, health: Health | undefined, ending: boolean): ProbeKind[] {
  if (health?.doomed) return [];
  if (container.startupProbe && !health?.started) return ending ? [] : ['startup'];
  const kinds: ProbeKind[] = [];
  if (container.readinessProbe) kinds.push('readiness');
  if (container.livenessProbe && !ending) kinds.push('liveness');
  return kinds;
}

/** The health of a run after a probe's verdict; the same object when it changes nothing. */
export function healthAfter(
  health: Health,
  pod: Pod,
  container: Container,
  kind: ProbeKind,
  { verdict }: Tally,
): Health {
  if (verdict === 'unknown') return health;
  const well = verdict === 'success';
  if (kind === 'readiness') return health.ready === well ? health : { ...health, ready: well };
  if (well) return kind === 'liveness' || health.started ? health : { ...health, started: true };
  if (health.doomed) return health;
  return { ...health, ready: false, doomed: doomOf(pod, container, kind) };
}

/** As upstream: what a probe has given up on runs again even if it then ends well, and only of main containers the Killing event says so. */
function doomOf({ spec }: Pod, container: Container, kind: ProbeKind): Doom {
  const { name } = container;
  const graceSeconds = container[`${kind}Probe`]?.terminationGracePeriodSeconds;
  const isSidecar = spec.initContainers?.some((item) => item.name === name) ?? false;
  if (isSidecar) return { message: `Init container ${name} failed ${kind} probe`, graceSeconds, replaced: true };
  const message = `Container ${name} failed ${kind} probe`;
  if (spec.restartPolicy === 'Never') return { message, graceSeconds };
  return { message: `${message}, will be restarted`, graceSeconds, replaced: true };
}
