/** `wherry down`: everything that runs or is mounted goes, what is on disk stays for the next `up`. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { NodeConfig } from '../processes/node.ts';
import { removeCgroups } from './cgroups.ts';
import { disconnectNodes } from './host-network.ts';
import type { ClusterLayout, NodeLayout } from './layout.ts';
import { isMounted, releaseMountNamespaces } from './mount-namespace.ts';
import { endSupervised, run } from './run.ts';
import { insideNode, stemOf } from './up.ts';

const teardown = fileURLToPath(new URL('../processes/node-teardown.ts', import.meta.url));

/** How long processes may take beside that. */
const usualSeconds = 20;

/** Ends the cluster's processes and pods and removes its network. Repeats safely. */
export async function down(cluster: ClusterLayout): Promise<void> {
  await Promise.all(
    cluster.nodes.map((node) => endSupervised(stemOf(cluster, node.name), usualSeconds + podSeconds(node))),
  );
  await Promise.all([...cluster.nodes.map(tearDownNode), endSupervised(stemOf(cluster, 'control-plane'))]);
  await endSupervised(stemOf(cluster, 'etcd'));
  await releaseMountNamespaces(
    `${cluster.runDir}/pins`,
    cluster.nodes.map((node) => node.mountNamespace),
  );
  for (const node of cluster.nodes) removeCgroups(node.cgroupRoot);
  await disconnectNodes(cluster);
  rmSync(cluster.runDir, { recursive: true, force: true });
}

/** How long a node's pods may take to end when the machine goes down. */
function podSeconds({ stateDir }: NodeLayout): number {
  const file = `${stateDir}/node.json`;
  if (!existsSync(file)) return 0;
  const { agent } = JSON.parse(readFileSync(file, 'utf8')) as NodeConfig;
  return agent.shutdownGracePeriod ?? 0;
}

/** Removes the cluster's state as well. */
export async function remove(cluster: ClusterLayout): Promise<void> {
  await down(cluster);
  rmSync(cluster.stateDir, { recursive: true, force: true });
}

/** Ends a node's pods from within its namespaces; without these (after a reboot) nothing can be running. */
async function tearDownNode(node: NodeLayout): Promise<void> {
  const config = `${node.stateDir}/node.json`;
  if (!isMounted(node.mountNamespace) || !existsSync(`/run/netns/${node.netns}`) || !existsSync(config)) return;
  const [command, ...args] = insideNode(node, [process.execPath, teardown, '--config', config]);
  await run(command!, args, { timeoutMs: 120_000 });
}
