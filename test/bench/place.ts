/** How many pods a second place() puts on 5,000 nodes: `node test/bench/place.ts`. */
import { podInfo } from '../../scheduler/cluster/pod-info.ts';
import { place } from '../../scheduler/place.ts';
import { clusterOf, sampleNode, samplePod } from '../../scheduler/samples.ts';
import type { PodSample } from '../../scheduler/samples.ts';
import type { Cluster } from '../../scheduler/cluster/cluster.ts';

const nodes = 5000;
const pods = 4000;
const web = { app: 'web' };
const near = (topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: web } });

const loads: Record<string, { pod: PodSample; prepare?(cluster: Cluster): void }> = {
  plain: { pod: { requests: { cpu: '100m', memory: '128Mi' } } },
  'in a service': {
    pod: { labels: web, requests: { cpu: '100m', memory: '128Mi' } },
    prepare: (cluster) => cluster.selectorOwners.setService('default', 'web', web),
  },
  'anti-affinity by host': {
    pod: {
      labels: web,
      spec: {
        affinity: {
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near('kubernetes.io/hostname')] },
        },
      },
    },
  },
  'affinity by zone': {
    pod: {
      labels: web,
      spec: {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near('topology.kubernetes.io/zone')] },
        },
      },
    },
  },
  'spread by zone': {
    pod: {
      labels: web,
      spec: {
        topologySpreadConstraints: [
          { ...near('topology.kubernetes.io/zone'), maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
        ],
      },
    },
  },
};

for (const [name, { pod, prepare }] of Object.entries(loads)) {
  const cluster = clusterOf(
    ...Array.from({ length: nodes }, (_, i) =>
      sampleNode(`n${i}`, { labels: { 'topology.kubernetes.io/zone': `z${i % 3}` } }),
    ),
  );
  prepare?.(cluster);
  const waiting = Array.from({ length: pods }, () => samplePod(pod));
  let start = 0;
  const began = performance.now();
  for (const each of waiting) {
    const info = podInfo(each);
    const placement = place(info, cluster, { start, random: Math.random });
    if (!placement.node) throw new Error(`${name}: no node`);
    start = (start + placement.visited) % nodes;
    cluster.setPod(info, placement.node.name);
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(`${name}: ${Math.round(pods / seconds)} pods/s on ${nodes} nodes`);
}
