/** Ends every pod of a node, from within its namespaces, while its agent is not running. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { makeRealEnv } from '#lib/env/real.ts';
import { makeNodeRuntime } from '../../node-agent/start.ts';
import type { NodeConfig } from './node.ts';

const { values } = parseArgs({ options: { config: { type: 'string' } } });
const config = JSON.parse(readFileSync(values.config!, 'utf8')) as NodeConfig;
const env = makeRealEnv({ service: 'node-teardown' });
const runtime = await makeNodeRuntime(config.agent, env);
const pods = await runtime.list();
const ends = await Promise.allSettled(pods.map((pod) => runtime.removePod(pod.uid)));
const failed = ends.filter((end) => end.status === 'rejected');
for (const { reason } of failed) env.log.error('Cannot remove pod', { error: reason as unknown });
if (failed.length === 0) await runtime.clearNode();
process.exit(failed.length > 0 ? 1 : 0);
