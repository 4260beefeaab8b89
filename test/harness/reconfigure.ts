/** Gives a running node another configuration. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { isTrue } from '#lib/meta/conditions.ts';
import type { NodeAgentConfig } from '../../node-agent/config.ts';
import { eventually } from './cluster.ts';
import type { TestCluster } from './cluster.ts';

/** Changes the agent's configuration and starts it anew with that, as a supervisor does after a crash; resolves once it is at work again. */
export async function reconfigure(cluster: TestCluster, name: string, more: Partial<NodeAgentConfig>): Promise<void> {
  const node = cluster.layout.nodes.find((each) => each.name === name)!;
  const file = `${node.stateDir}/node.json`;
  const config = JSON.parse(readFileSync(file, 'utf8')) as { agent: NodeAgentConfig };
  writeFileSync(file, JSON.stringify({ ...config, agent: { ...config.agent, ...more } }));
  const log = `${cluster.layout.logDir}/${name}.log`;
  const starts = () => readFileSync(log, 'utf8').split('Ready for pods').length;
  const before = starts();
  process.kill(cluster.pidOf(name), 'SIGKILL');
  // An agent that starts says first that it is not ready: what the API has after this is of the new one.
  await eventually(`${name} runs again`, () => starts() > before);
  await eventually(`${name} is ready`, async () => {
    const { status } = await cluster.get<Node>('node', name);
    return isTrue(status?.conditions, 'Ready');
  });
}
