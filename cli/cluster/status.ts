/** `wherry status`: which processes of a cluster run. */
import type { ClusterLayout } from './layout.ts';
import { isSupervised } from './run.ts';
import { stemOf } from './up.ts';

/** One line a process. */
export async function statusOf(cluster: ClusterLayout): Promise<string> {
  const names = ['etcd', 'control-plane', ...cluster.nodes.map((node) => node.name)];
  const running = await Promise.all(names.map((name) => isSupervised(stemOf(cluster, name))));
  const lines = names.map((name, i) => `  ${name.padEnd(16)} ${running[i] ? 'running' : 'stopped'}`);
  return [
    `Cluster "${cluster.name}": https://127.0.0.1:${cluster.apiPort}, state in ${cluster.stateDir}`,
    ...lines,
  ].join('\n');
}
