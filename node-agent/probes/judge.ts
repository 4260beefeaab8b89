/** What a row of probe results means, by upstream's thresholds (`pkg/kubelet/prober/worker.go`). Pure. */
import type { Container, Pod, Probe } from '#lib/kinds/gen/core-v1.ts';
import type { Health } from '../lifecycle/types.ts';

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
  const graceSeconds = container[`${kind}Probe`]?.terminationGracePeriodSeconds;
  return { ...health, ready: false, doomed: { message: verdictText(pod, container, kind), graceSeconds } };
}

/** Upstream's sentence for the Killing event: only of main containers it says whether they run again. */
function verdictText({ spec }: Pod, { name }: Container, kind: ProbeKind): string {
  if (spec.initContainers?.some((item) => item.name === name)) return `Init container ${name} failed ${kind} probe`;
  return `Container ${name} failed ${kind} probe${spec.restartPolicy === 'Never' ? '' : ', will be restarted'}`;
}
