/** How long rules take to load and to change: `node test/bench/proxy.ts [services]`, 10 endpoints each, in a network namespace of its own. */
import { spawnSync } from 'node:child_process';
import { makeRealEnv } from '#lib/env/real.ts';
import { makeNftTable } from '../../proxy/nft/apply.ts';
import { fragmentOf } from '../../proxy/nft/fragment.ts';
import type { Fragment } from '../../proxy/nft/fragment.ts';
import { sampleService, sampleSlice } from '../../proxy/testing/samples.ts';
import { routesOf } from '../../proxy/view.ts';

const services = Number(process.argv[2] ?? 1000);
const rounds = 20;
const options = {
  table: 'wherry_bench',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  nodeAddresses: ['172.30.0.2'],
  ownAddresses: [],
};

if (process.argv[3] !== 'inside') {
  const netns = `wherry-bench-${process.pid}`;
  spawnSync('ip', ['netns', 'add', netns], { stdio: 'inherit' });
  const args = ['netns', 'exec', netns, process.execPath, import.meta.filename, String(services), 'inside'];
  spawnSync('ip', args, { stdio: 'inherit' });
  spawnSync('ip', ['netns', 'del', netns], { stdio: 'inherit' });
} else await measure();

async function measure(): Promise<void> {
  const table = makeNftTable(options, makeRealEnv({ service: 'bench' }));
  const fragments = new Map<string, Fragment>(Array.from({ length: services }, (_, i) => fragmentFor(i, 10)));
  const load = await timed(() => table.apply(fragments, []));
  console.log(`full load of ${services} services with 10 endpoints: ${load} ms`);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [key, fragment] = fragmentFor(round, 9 + (round % 2));
    const [added, addedFragment] = fragmentFor(services + round, 10);
    times.push(await timed(() => table.apply(new Map(fragments).set(key, fragment), [key])));
    times.push(await timed(() => table.apply(new Map(fragments).set(added, addedFragment), [key, added])));
    await table.apply(fragments, [key, added]);
  }
  times.sort((a, b) => a - b);
  console.log(`one change: median ${times[times.length >> 1]} ms, worst ${times.at(-1)} ms`);
}

function fragmentFor(number: number, endpoints: number): [string, Fragment] {
  const name = `service-${number}`;
  const service = sampleService(name, { clusterIP: `10.43.${number >> 8}.${number & 255}` });
  const addresses = Array.from({ length: endpoints }, (_, i) => ({
    address: `10.42.${((number * 10 + i) >> 8) & 255}.${(number * 10 + i) & 255}`,
    nodeName: i === 0 ? 'here' : 'there',
  }));
  const [route] = routesOf(service, [sampleSlice(name, { endpoints: addresses })], 'here');
  return [route!.key, fragmentOf(route!, options.clusterCidr)];
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return Math.round(performance.now() - began);
}
