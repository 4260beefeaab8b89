/** `npm run bench:memory`: RSS and PSS of every process of a one-node cluster after 60 s idle, and CPU over the next 60 s. */
import { readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { startTestCluster } from '../harness/cluster.ts';
import { printTable } from './table.ts';

const settleMs = 60_000;
const measureMs = 60_000;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = await startTestCluster('bench', 1);
try {
  await pause(settleMs);
  const before = new Map(processes().map((item) => [item.pid, item.cpuTicks]));
  await pause(measureMs);
  const rows = processes().map(({ pid, name, rssKb, pssKb, cpuTicks }) => ({
    process: name,
    pid,
    'RSS MB': rssKb / 1024,
    'PSS MB': pssKb / 1024,
    'CPU %': ((cpuTicks - (before.get(pid) ?? cpuTicks)) / ticksPerSecond / (measureMs / 1000)) * 100,
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

/** Every process whose command line names the cluster. */
function processes(): { pid: number; name: string; rssKb: number; pssKb: number; cpuTicks: number }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        if (!line.some((word) => word.includes(cluster.layout.stateDir) || word.includes(cluster.layout.runDir)))
          return [];
        const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
        return [
          {
            pid: Number(pid),
            name: nameOf(line),
            rssKb: of('Rss'),
            pssKb: of('Pss'),
            cpuTicks: Number(stat[11]) + Number(stat[12]),
          },
        ];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

function nameOf(words: string[]): string {
  const script = words.find((word) => /processes\/[\w-]+\.ts$/.test(word));
  if (words.some((word) => word.endsWith('supervise.sh'))) return 'supervisor';
  return script ? script.replace(/^.*processes\//, '').replace('.ts', '') : (words[0] ?? '').replace(/^.*\//, '');
}
