/** `npm run bench:start`: cold and warm `wherry up`, each to the first answered DNS query. */
import { performance } from 'node:perf_hooks';
import { startTestCluster } from '../harness/cluster.ts';
import { printTable, quantile } from './table.ts';

const rounds = 5;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

const cold: number[] = [];
const warm: number[] = [];
const down: number[] = [];
for (let i = 0; i < rounds; i++) {
  const cluster = await startTestCluster('bench', 1);
  try {
    await cluster.wherry('delete');
    cold.push(await seconds(() => cluster.wherry('up', '--nodes', '1')));
    down.push(await seconds(() => cluster.wherry('down')));
    warm.push(await seconds(() => cluster.wherry('up')));
  } finally {
    await cluster.remove();
  }
}
const row = (what: string, samples: number[]) => ({
  what,
  'min s': Math.min(...samples).toFixed(2),
  'median s': quantile(samples, 0.5).toFixed(2),
  'max s': Math.max(...samples).toFixed(2),
});
printTable(`wherry up on one node to the first DNS answer, ${rounds} rounds`, [
  row('cold: no state, no keys', cold),
  row('warm: state and keys there', warm),
  row('down', down),
]);
