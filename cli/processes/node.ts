/** The two hands of a node, agent and proxy, in one process inside the node's namespaces. */
import { runService } from '#lib/env/service.ts';
import type { Service } from '#lib/env/service.ts';
import type { Env } from '#lib/env/env.ts';
import { start as startAgent } from '../../node-agent/start.ts';
import type { NodeAgentConfig } from '../../node-agent/config.ts';
import { start as startProxy } from '../../proxy/start.ts';
import type { ProxyConfig } from '../../proxy/start.ts';

export interface NodeConfig {
  agent: NodeAgentConfig;
  proxy: ProxyConfig;
}

async function start(config: NodeConfig, env: Env): Promise<Service> {
  const named = (service: string): Env => ({ ...env, log: env.log.with({ service }) });
  const [agent, proxy] = await Promise.all([
    startAgent(config.agent, named('node-agent')),
    startProxy(config.proxy, named('proxy')),
  ]);
  return {
    ...(agent.stopLimitMs !== undefined && { stopLimitMs: agent.stopLimitMs }),
    async stop() {
      // Pods that end may still call services.
      await agent.stop();
      await proxy.stop();
    },
  };
}

if (import.meta.main) await runService('node', start);
