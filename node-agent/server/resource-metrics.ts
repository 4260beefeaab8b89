/** The summary of usage in Prometheus' text format, with a kubelet's names: what autoscalers and `top` are fed from. Pure. */
import type { Summary, UsageSummary } from './summary-types.ts';

const gauges = {
  container_cpu_usage_seconds_total: ['counter', 'Cumulative cpu time consumed by the container in core-seconds'],
  container_memory_working_set_bytes: ['gauge', 'Current working set of the container in bytes'],
  container_swap_usage_bytes: [
    'gauge',
    'Current amount of the container swap usage in bytes. Reported only on non-windows systems',
  ],
  container_start_time_seconds: ['gauge', 'Start time of the container since unix epoch in seconds'],
  node_cpu_usage_seconds_total: ['counter', 'Cumulative cpu time consumed by the node in core-seconds'],
  node_memory_working_set_bytes: ['gauge', 'Current working set of the node in bytes'],
  node_swap_usage_bytes: ['gauge', 'Current swap usage of the node in bytes. Reported only on non-windows systems'],
  pod_cpu_usage_seconds_total: ['counter', 'Cumulative cpu time consumed by the pod in core-seconds'],
  pod_memory_working_set_bytes: ['gauge', 'Current working set of the pod in bytes'],
  pod_swap_usage_bytes: [
    'gauge',
    'Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
  ],
  resource_scrape_error: ['gauge', '1 if there was an error while getting container metrics, 0 otherwise'],
} as const;

type Name = keyof typeof gauges;

export function resourceMetrics({ node, pods }: Summary): string {
  const lines = new Map<Name, string[]>(Object.keys(gauges).map((name) => [name as Name, []]));
  const add = (name: Name, labels: Readonly<Record<string, string>>, value: number, at?: string) => {
    const list = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`);
    const where = list.length > 0 ? `{${list.join(',')}}` : '';
    lines.get(name)!.push(`${name}${where} ${value}${at === undefined ? '' : ` ${Date.parse(at)}`}`);
  };
  const usage = (
    of: 'container' | 'node' | 'pod',
    labels: Record<string, string>,
    { cpu, memory, swap }: UsageSummary,
  ) => {
    add(`${of}_cpu_usage_seconds_total`, labels, cpu.usageCoreNanoSeconds / 1e9, cpu.time);
    add(`${of}_memory_working_set_bytes`, labels, memory.workingSetBytes, memory.time);
    add(`${of}_swap_usage_bytes`, labels, swap.swapUsageBytes, swap.time);
  };
  usage('node', {}, node);
  for (const pod of pods) {
    const { name, namespace } = pod.podRef;
    usage('pod', { namespace, pod: name }, pod);
    for (const container of pod.containers) {
      const labels = { container: container.name, namespace, pod: name };
      usage('container', labels, container);
      add('container_start_time_seconds', labels, Date.parse(container.startTime) / 1000);
    }
  }
  add('resource_scrape_error', {}, 0);
  return [...lines]
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => {
      const [type, help] = gauges[name];
      return `# HELP ${name} [${name.includes('swap') ? 'ALPHA' : 'STABLE'}] ${help}\n# TYPE ${name} ${type}\n${values.join('\n')}\n`;
    })
    .join('');
}
