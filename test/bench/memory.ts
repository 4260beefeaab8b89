/** `npm run bench:memory`: RSS and PSS of every process of a one-node cluster after 60 s idle, and CPU over the next 60 s. */
import { startTestCluster } from '../harness/cluster.ts';
import { clusterProcesses } from './processes.ts';
import { printTable } from './table.ts';

const settleMs = 60_000;
const measureMs = 60_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = await startTestCluster('bench', 1);
try {
  await pause(settleMs);
  const before = new Map(clusterProcesses(cluster.layout).map((item) => [item.pid, item.cpuSeconds]));
  await pause(measureMs);
  const rows = clusterProcesses(cluster.layout).map(({ pid, name, rssMb, pssMb, cpuSeconds }) => ({
    process: name,
    pid,
    'RSS MB': rssMb,
    'PSS MB': pssMb,
    'CPU %': ((cpuSeconds - (before.get(pid) ?? cpuSeconds)) / (measureMs / 1000)) * 100,
  }));
  printTable('One-node cluster at rest', rows);
  const ours = rows.filter((row) => row.process !== 'etcd');
  const sum = (pick: (row: (typeof rows)[number]) => number, list = ours) =>
    list.reduce((total, row) => total + pick(row), 0);
  console.log(
    `\nWithout etcd: ${sum((row) => row['PSS MB']).toFixed(1)} MB PSS, ${sum((row) => row['RSS MB']).toFixed(1)} MB RSS, ${sum((row) => row['CPU %']).toFixed(2)} % of a core`,
  );
} finally {
  await cluster.remove();
}
