/** Pods bound a second through a real API server and etcd: `node test/bench/schedule.ts [pods] [nodes]`. All in this process but etcd. */
import { connect } from '#lib/client/connect.ts';
import { makeView } from '#lib/client/view.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { startTestApi } from '../harness/api.ts';
import { sampleNode, samplePod } from '../../scheduler/samples.ts';
import { start } from '../../scheduler/start.ts';

const pods = Number(process.argv[2] ?? 1000);
const nodes = Number(process.argv[3] ?? 100);
/** Creations under way at a time. */
const lanes = 32;

const env = makeRealEnv({ service: 'bench', level: 'warn' });
const api = await startTestApi();
const server = { address: `unix:${api.folder}/api.sock`, user: 'bench', groups: ['system:masters'] };
const client = connect(server, env);
const stopping = new AbortController();

await client.create(serviceAccount, { metadata: { name: 'default', namespace: 'default' } });
await inLanes(nodes, async (i) => {
  const { metadata, status, ...rest } = sampleNode(`node-${i}`);
  const draft = { ...rest, metadata: { name: metadata.name, ...(metadata.labels && { labels: metadata.labels }) } };
  const made = await client.create(node, draft);
  // New nodes take no pods until the node controller, which does not run here, has seen that they are ready.
  const untainted = await client.update(node, { ...made, spec: rest.spec });
  await client.updateStatus(node, { ...untainted, status });
});
const createBegan = performance.now();
await inLanes(pods, async (i) => {
  const { spec } = samplePod({ requests: { cpu: '10m', memory: '16Mi' } });
  await client.create(pod, { metadata: { name: `pod-${i}`, namespace: 'default' }, spec });
});
console.log(`created: ${perSecond(createBegan)} pods/s`);

const view = makeView(client, [{ kind: pod }], { env, signal: stopping.signal });
await view.ready();
let bound = 0;
const allBound = new Promise<void>((resolve) => {
  view.onChange((changes) => {
    for (const { object, before } of changes)
      if (
        (object as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName &&
        !(before as { spec?: { nodeName?: string } }).spec?.nodeName
      )
        bound++;
    if (bound >= pods) resolve();
  });
});
const bindBegan = performance.now();
const scheduler = await start({ server }, env);
await allBound;
console.log(`scheduled and bound: ${perSecond(bindBegan)} pods/s on ${nodes} nodes`);
stopping.abort();
await scheduler.stop();
client.close();
await api.stop();

async function inLanes(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

function perSecond(began: number): number {
  return Math.round(pods / ((performance.now() - began) / 1000));
}
