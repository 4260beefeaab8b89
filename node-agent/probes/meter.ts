/** How probes end and how long they take, in Prometheus' text format with a kubelet's names; of the pods that are probed now. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { makeHistogram } from '#lib/metrics/histogram.ts';
import { seriesText } from '#lib/metrics/text.ts';

/** One try. */
export interface Try {
  pod: Pod;
  container: string;
  /** As the metrics name it. */
  probe: 'Startup' | 'Readiness' | 'Liveness';
  result: 'success' | 'failure';
  seconds: number;
}

export interface ProbeMeter {
  observe(done: Try): void;
  /** Nothing is told of this pod any more. */
  forget(podUid: string): void;
  render(): string;
}

const results = { success: 'successful', failure: 'failed' } as const;
/** Prometheus' own. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const ofTotal = ['container', 'namespace', 'pod', 'pod_uid', 'probe_type', 'result'];
const ofDuration = ['container', 'namespace', 'pod', 'probe_type'];

interface Row {
  values: readonly [container: string, namespace: string, pod: string, probe: string];
  counts: Record<'success' | 'failure', number>;
  durations: ReturnType<typeof makeHistogram>;
}

export function makeProbeMeter(): ProbeMeter {
  /** By pod, then by container and probe: as many as there are probes. */
  const pods = new Map<string, Map<string, Row>>();
  return {
    observe({ pod, container, probe, result, seconds }) {
      const { uid, namespace = '', name } = pod.metadata;
      const rows = pods.get(uid) ?? new Map<string, Row>();
      pods.set(uid, rows);
      const key = `${container}/${probe}`;
      const values = [container, namespace, name, probe] as const;
      const row = rows.get(key) ?? { values, counts: { success: 0, failure: 0 }, durations: makeHistogram(bounds) };
      rows.set(key, row);
      row.counts[result]++;
      row.durations.observe(seconds);
    },
    forget: (podUid) => void pods.delete(podUid),
    render() {
      const rows = [...pods].flatMap(([uid, ofPod]) => [...ofPod.values()].map((row) => ({ uid, row })));
      if (rows.length === 0) return '';
      const totals = rows.flatMap(({ uid, row: { values, counts } }) => {
        const [container, namespace, pod, probe] = values;
        return (['success', 'failure'] as const)
          .filter((result) => counts[result] > 0)
          .map((result) => {
            const labels = [container, namespace, pod, uid, probe, results[result]];
            return seriesText('prober_probe_total', ofTotal, labels, String(counts[result]));
          });
      });
      return [
        '# HELP prober_probe_duration_seconds [ALPHA] Duration in seconds for a probe response.',
        '# TYPE prober_probe_duration_seconds histogram',
        ...rows.flatMap(({ row }) => row.durations.lines('prober_probe_duration_seconds', ofDuration, row.values)),
        '# HELP prober_probe_total [BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
        '# TYPE prober_probe_total counter',
        ...totals,
        '',
      ].join('\n');
    },
  };
}
