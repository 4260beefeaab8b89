/** Gives a running node another configuration. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { NodeAgentConfig } from '../../node-agent/config.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { eventually } from './cluster.ts';
import type { TestCluster } from './cluster.ts';

/** Changes the agent's configuration and starts it anew with that, as a supervisor does after a crash; resolves once it is at work again. */
export async function reconfigure(cluster: TestCluster, name: string, more: Partial<NodeAgentConfig>): Promise<void> {
  const node = cluster.layout.nodes.find((each) => each.name === name)!;
  const file = `${node.stateDir}/node.json`;
  const config = JSON.parse(readFileSync(file, 'utf8')) as { agent: NodeAgentConfig };
  writeFileSync(file, JSON.stringify({ ...config, agent: { ...config.agent, ...more } }));
  const before = cluster.pidOf(name);
  process.kill(before, 'SIGKILL');
  await eventually(`${name} runs again`, () => cluster.pidOf(name) !== before && isReady(cluster, name, Date.now()));
}

/** Whether the node has said since then that it is ready; times in the API have whole seconds. */
async function isReady(cluster: TestCluster, name: string, since: number): Promise<boolean> {
  const at = Math.floor(since / 1000) * 1000;
  return eventually(`${name} is ready`, async () => {
    const { status } = await cluster.get<Node>('node', name);
    return status?.conditions?.some(
      ({ type, status: is, lastTransitionTime = '' }) =>
        type === 'Ready' && is === 'True' && Date.parse(lastTransitionTime) >= at,
    );
  });
}
