/**
 * `npm run bench:pods`: what pods cost on one node. Create to Running as a watch sees it, one pod and a hundred at once, beside the bare cost of a container on this
 * machine; a hundred pods at rest, with probes and without; their deletion; a hundred that crash. `--only crowd,storm` leaves out other parts; `--pods N` is
 * the number of pods at once.
 */
import os from 'node:os';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { PodSpec, Probe } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { startTestCluster, testImage } from '../harness/cluster.ts';
import { bareCosts } from './bare.ts';
import { cpuBetween, openCpuAccount } from './cpu-account.ts';
import type { CpuSeconds } from './cpu-account.ts';
import { makeHerd } from './herd.ts';
import { clusterProcesses } from './processes.ts';
import { printTable, quantile } from './table.ts';

const parts = ['single', 'crowd', 'idle', 'probed', 'storm', 'late'] as const;
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: parts.join() },
    pods: { type: 'string', default: '100' },
    singles: { type: 'string', default: '30' },
  },
});
const wanted = new Set(options.only.split(','));
const crowd = Number(options.pods);
const singles = Number(options.singles);
const settleMs = 30_000;
const restMs = 60_000;
/** From the creation of pods that crash: their restarts after 10, 30, 70 and 150 s. */
const earlyMs = 160_000;
/** When all of them wait the longest there is between two runs, five minutes: from then on so long. */
const lateAfterMs = 330_000;
const lateMs = 300_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = await startTestCluster('bench', 1);
const env = makeRealEnv({ service: 'bench', level: 'warn' });
const client = connect({ address: `unix:${cluster.layout.socket}`, user: 'bench', groups: ['system:masters'] }, env);
const account = openCpuAccount(
  new Map([
    ['node', cluster.pidOf('node-1')],
    ['control plane', cluster.pidOf('control-plane')],
    ['etcd', cluster.pidOf('etcd')],
  ]),
  cluster.layout.nodes[0]!.cgroupRoot,
);
const herd = makeHerd(client, env);

const podOf = (command: string[], readinessProbe?: Probe): PodSpec => ({
  terminationGracePeriodSeconds: 5,
  containers: [{ name: 'c', image: testImage, command, ...(readinessProbe && { readinessProbe }) }],
});
const resting = podOf(['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait']);
const serving = podOf(
  ['sh', '-c', 'trap "exit 0" TERM; mkdir /www; echo well >/www/index.html; httpd -f -p 8080 -h /www & wait'],
  {
    httpGet: { path: '/', port: 8080 },
    periodSeconds: 10,
  },
);
const crashing = podOf(['sh', '-c', 'exit 1']);

interface Measured<T> {
  result: T;
  totalMs: number;
  cpu: CpuSeconds;
  /** All writes to the store, and those of pods among them. */
  writes: number;
  changes: number;
}

/** Does something, and tells what it took. */
async function measure<T>(work: () => Promise<T>): Promise<Measured<T>> {
  const [before, revision, changes, begin] = [account.read(), await revisionNow(), herd.changes(), performance.now()];
  const result = await work();
  const totalMs = performance.now() - begin;
  return {
    result,
    totalMs,
    cpu: cpuBetween(before, account.read()),
    writes: (await revisionNow()) - revision,
    changes: herd.changes() - changes,
  };
}

async function revisionNow(): Promise<number> {
  return Number((await client.list(podKind, { namespace: 'default', limit: 1 })).resourceVersion);
}

const spread = (what: string, samples: number[], totalMs: number) => ({
  what,
  samples: samples.length,
  'p50 ms': quantile(samples, 0.5),
  'p99 ms': quantile(samples, 0.99),
  'max ms': Math.max(...samples),
  'all s': (totalMs / 1000).toFixed(2),
});

/** One row for each thing measured, in milliseconds of CPU for each pod or restart. */
const cpuEach = (what: string, { cpu, writes, changes }: Measured<unknown>, count: number) => ({
  what,
  ...Object.fromEntries(Object.entries(cpu).map(([name, seconds]) => [name, (seconds * 1000) / count])),
  'writes of pods': (changes / count).toFixed(1),
  'all writes': (writes / count).toFixed(1),
});

/** One row, in percent of a core. */
const cpuShare = (what: string, { cpu, totalMs }: Measured<unknown>) => ({
  what,
  ...Object.fromEntries(Object.entries(cpu).map(([name, seconds]) => [name, ((seconds * 1e5) / totalMs).toFixed(2)])),
});

async function measureStarts(): Promise<void> {
  const times: ReturnType<typeof spread>[] = [];
  const costs: ReturnType<typeof cpuEach>[] = [];
  const bareCpu: string[] = [];
  await inTurn(3);
  if (wanted.has('single')) {
    const one = await measure(() => inTurn(singles));
    times.push(spread('one at a time', one.result, one.totalMs));
    costs.push(cpuEach('a start and end, one at a time', one, singles));
  }
  const many = await measure(() => herd.run('many', crowd, resting));
  times.push(spread(`${crowd} at once`, many.result, many.totalMs));
  costs.push(cpuEach(`a start, ${crowd} at once`, many, crowd));
  if (wanted.has('idle')) await measureRest(`${crowd} pods at rest`);
  const ends = await measure(() => herd.remove('many', crowd));
  times.push(spread(`end of ${crowd} at once`, ends.result, ends.totalMs));
  costs.push(cpuEach(`an end, ${crowd} at once`, ends, crowd));
  for (const lanes of [1, os.availableParallelism()]) {
    const bare = await measure(() => bareCosts(crowd, lanes, account.entryOf('bare')));
    const what = lanes === 1 ? 'bare container' : `bare container, ${lanes} at a time`;
    times.push(spread(what, bare.result.samplesMs, bare.result.totalMs));
    bareCpu.push(`${what} ${((bare.cpu.bare! * 1000) / crowd).toFixed(1)} ms`);
  }
  printTable('Pod create to Running, delete to gone, as a watch sees it', times);
  printTable('CPU milliseconds and writes to the store', costs);
  console.log(`\nCPU with its removal: ${bareCpu.join(', ')}`);
  const [of, bare] = ['one at a time', 'bare container'].map((what) => times.find((row) => row.what === what));
  if (of && bare) console.log(`One pod takes ${(of['p50 ms'] / bare['p50 ms']).toFixed(1)} times the bare container`);
}

/** Pods one after the other: how long each took to run. */
async function inTurn(count: number): Promise<number[]> {
  const samples = [];
  for (let i = 0; i < count; i++) {
    samples.push(...(await herd.run('one', 1, resting)));
    // Gracefully, so that the node has done with it before the next is measured.
    await herd.remove('one', 1);
  }
  return samples;
}

async function measureRest(what: string): Promise<void> {
  await pause(settleMs);
  const conmonsBefore = cpuOfConmons();
  const rest = await measure(() => pause(restMs));
  const conmons = ((cpuOfConmons() - conmonsBefore) / (restMs / 1000)) * 100;
  printTable(`${what}: percent of a core over ${restMs / 1000} s`, [
    { ...cpuShare(what, rest), 'conmons among the programs': conmons.toFixed(2), writes: rest.writes },
  ]);
  printMemory(what);
}

function cpuOfConmons(): number {
  return processesNamed('conmon').reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

const processesNamed = (name: string) => clusterProcesses(cluster.layout).filter((one) => one.name === name);

function printMemory(what: string): void {
  const rows = ['node', 'control-plane', 'etcd', 'conmon'].map((name) => {
    const all = processesNamed(name);
    const sum = (of: 'pssMb' | 'rssMb') => all.reduce((total, one) => total + one[of], 0);
    return { process: name, count: all.length, 'PSS MB': sum('pssMb'), 'RSS MB': sum('rssMb') };
  });
  printTable(`${what}: memory`, rows);
}

async function measureProbed(): Promise<void> {
  await herd.create('probed', crowd, serving);
  await herd.ready('probed', crowd);
  await measureRest(`${crowd} pods with a readiness probe by HTTP each 10 s`);
  await herd.remove('probed', crowd);
}

async function measureStorm(): Promise<void> {
  const createdAt = performance.now();
  const early = await measure(async () => {
    await herd.create('crash', crowd, crashing);
    await pause(earlyMs);
    return herd.restarts();
  });
  const rows = [{ ...cpuShare(`the first ${earlyMs / 1000} s`, early), restarts: early.result, writes: early.writes }];
  const costs = [cpuEach('the first runs and restarts', early, crowd + early.result)];
  if (wanted.has('late')) {
    await pause(lateAfterMs - (performance.now() - createdAt));
    const before = herd.restarts();
    const late = await measure(async () => {
      await pause(lateMs);
      return herd.restarts() - before;
    });
    const what = `from ${lateAfterMs / 1000} s on, ${lateMs / 1000} s`;
    rows.push({ ...cpuShare(what, late), restarts: late.result, writes: late.writes });
    costs.push(cpuEach('late restarts', late, late.result));
  }
  printTable(`${crowd} pods that crash: percent of a core`, rows);
  printTable('CPU milliseconds of each run', costs);
  printMemory(`${crowd} pods that crash`);
  await herd.remove('crash', crowd);
}

try {
  if (wanted.has('single') || wanted.has('crowd') || wanted.has('idle')) await measureStarts();
  if (wanted.has('probed')) await measureProbed();
  if (wanted.has('storm') || wanted.has('late')) await measureStorm();
} finally {
  herd.close();
  client.close();
  await cluster.remove();
  account.close();
}
