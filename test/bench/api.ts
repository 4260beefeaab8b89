/**
 * `npm run bench:api`: requests a second, latency and CPU of an API server that holds 10,000 pods and 5,000 ConfigMaps of 1 KB, at several
 * concurrencies; the cost of one event to 1,000 watchers; memory. Starts a server and an etcd of its own, or measures another:
 * `--server URL` with `--token T`, and `--pids apiserver=1,etcd=2` for its CPU and memory.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { controlPlaneNode, etcdEnvironment } from '../../cli/cluster/up.ts';
import { makeApiFiles } from '../harness/api.ts';
import { freePort, startEtcd } from '../harness/etcd.ts';
import { makeClient, pump } from './load.ts';
import type { Client, Outcome, Target } from './load.ts';
import { usageOfAll } from './processes.ts';
import { printTable, quantile } from './table.ts';

const { values: options } = parseArgs({
  options: {
    server: { type: 'string' },
    token: { type: 'string' },
    pids: { type: 'string', default: '' },
    pods: { type: 'string', default: '10000' },
    'config-maps': { type: 'string', default: '5000' },
    concurrency: { type: 'string', default: '1,16,64' },
    /** Of each kind in turn. */
    resources: { type: 'string', default: 'configmaps,pods' },
    /** Requests of each sort at a concurrency of 16 or more; a quarter of them one at a time. */
    requests: { type: 'string', default: '4000' },
    /** Which sorts of requests, when not all. */
    only: { type: 'string', default: '' },
    watchers: { type: 'string', default: '1000' },
    events: { type: 'string', default: '200' },
    /** Flags of Node for our own server besides those of every control plane, such as a profiler's. */
    'node-flags': { type: 'string', default: '' },
  },
});
const namespace = `bench-${process.pid}`;
const lanesOfFilling = 32;
const pageSize = 500;
const patienceMs = 60_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Measured {
  target: Target;
  /** Process by name; empty when they are not known. */
  pids: Map<string, number>;
  stop(): Promise<void>;
}

const measured = options.server === undefined ? await startOwn() : givenServer(options.server);
try {
  await run(measured);
} finally {
  await measured.stop();
}

async function run({ target, pids }: Measured): Promise<void> {
  const client = makeClient(target, 64);
  reportMemory('idle', pids);
  await prepareNamespace(client);
  const resources = options.resources.split(',');
  const counts: Record<string, number> = { pods: Number(options.pods), configmaps: Number(options['config-maps']) };
  for (const resource of resources) await fill(client, resource, counts[resource] ?? 1000);
  reportMemory('filled', pids);
  for (const resource of resources) {
    const rows = [];
    for (const concurrency of options.concurrency.split(',').map(Number)) {
      for (const [name, count, request] of workloads(client, resource, counts[resource] ?? 1000, concurrency)) {
        if (options.only && !options.only.split(',').includes(name)) continue;
        rows.push(await measure(name, count, concurrency, request, pids));
      }
    }
    printTable(`${resource} of 1 KB, ${counts[resource]} there, lists in pages of ${pageSize}`, rows);
    reportMemory(`after ${resource}`, pids);
  }
  await measureWatchers(client, pids);
  reportMemory('at the end', pids);
  await client.send('DELETE', `/api/v1/namespaces/${namespace}`);
  client.close();
}

type Workload = [name: string, requests: number, request: (i: number) => Promise<number>];

/** In turn; each round creates objects of its own and deletes them at last. */
function workloads(client: Client, resource: string, there: number, concurrency: number): Workload[] {
  const base = `/api/v1/namespaces/${namespace}/${resource}`;
  const count = Math.ceil(Number(options.requests) / (concurrency < 16 ? 4 : 1));
  const mine = (i: number) => `c${concurrency}-${i}`;
  const at = (i: number) => `${base}/k-${i % there}`;
  const ask = async (...args: Parameters<Client['send']>) => (await client.send(...args)).code;
  const merge = (i: number) => JSON.stringify({ metadata: { labels: { salt: `p${i}` } } });
  let token = '';
  /** What was created, as the server completed it; an update changes it, whatever its version. */
  const made: string[] = [];
  return [
    [
      'create',
      count,
      async (i) => {
        const { code, text } = await client.send('POST', base, bodyOf(resource, mine(i)), undefined, true);
        made[i] = text;
        return code;
      },
    ],
    ['get', count, (i) => ask('GET', at(i))],
    [
      'list',
      Math.ceil(count / 20),
      async () => {
        const page = `?limit=${pageSize}${token && `&continue=${token}`}`;
        const { code, text } = await client.send('GET', base + page, undefined, undefined, concurrency === 1);
        // One at a time they are pages of one list; else all lists begin.
        token = concurrency === 1 ? (/"continue":"([^"]*)"/.exec(text.slice(0, 2000))?.[1] ?? '') : '';
        return code;
      },
    ],
    ['update', count, (i) => ask('PUT', `${base}/${mine(i)}`, changed(made[i]!, `u${i}`))],
    ['patch', count, (i) => ask('PATCH', at(i), merge(i), 'application/merge-patch+json')],
    ['delete', count, (i) => ask('DELETE', `${base}/${mine(i)}?gracePeriodSeconds=0`)],
  ];
}

async function measure(
  name: string,
  count: number,
  concurrency: number,
  request: (i: number) => Promise<number>,
  pids: Map<string, number>,
): Promise<Record<string, string | number>> {
  const before = usageOfAll(pids);
  const outcome = await pump(count, concurrency, request);
  return {
    request: name,
    concurrency,
    'per second': Math.round(outcome.perSecond),
    'p50 ms': quantile(outcome.latenciesMs, 0.5).toFixed(2),
    'p99 ms': quantile(outcome.latenciesMs, 0.99).toFixed(2),
    ...cpuPerOperation(before, pids, count),
    failures: failuresOf(outcome),
  };
}

/** CPU milliseconds of each process, and of all. */
function cpuPerOperation(before: ReturnType<typeof usageOfAll>, pids: Map<string, number>, count: number) {
  const after = usageOfAll(pids);
  const each = [...after].map(
    ([name, { cpuSeconds }]) => [name, ((cpuSeconds - before.get(name)!.cpuSeconds) * 1000) / count] as const,
  );
  const columns = each.map(([name, ms]) => [`${name} CPU ms`, ms.toFixed(3)] as const);
  const sum = each.reduce((total, [, ms]) => total + ms, 0);
  return { ...Object.fromEntries(columns), ...(each.length > 1 && { 'all CPU ms': sum.toFixed(3) }) };
}

function failuresOf({ failures }: Outcome): string {
  return [...failures].map(([what, times]) => `${times} x ${what}`).join(', ') || 'none';
}

function reportMemory(when: string, pids: Map<string, number>): void {
  const sizes = [...usageOfAll(pids)].map(([name, { rssMb }]) => `${name} ${Math.round(rssMb)} MB`);
  if (sizes.length > 0) console.log(`\nRSS ${when}: ${sizes.join(', ')}`);
}

async function measureWatchers(client: Client, pids: Map<string, number>): Promise<void> {
  const watchers = Number(options.watchers);
  const events = Number(options.events);
  const base = `/api/v1/namespaces/${namespace}/configmaps`;
  const { text } = await client.send('GET', `${base}?limit=1`, undefined, undefined, true);
  const since = /"resourceVersion":"(\d+)"/.exec(text)?.[1];
  const received = { events: 0 };
  const open = await Promise.all(
    Array.from({ length: watchers }, () =>
      client.watch(`${base}?watch=1&resourceVersion=${since}`, (lines) => void (received.events += lines)),
    ),
  );
  reportMemory(`with ${watchers} watchers`, pids);
  const before = usageOfAll(pids);
  const began = performance.now();
  const outcome = await pump(events, 1, async (i) => {
    const { code } = await client.send('POST', base, bodyOf('configmaps', `w-${i}`));
    return code;
  });
  const wanted = events * watchers;
  const deadline = performance.now() + patienceMs;
  while (received.events < wanted) {
    if (performance.now() > deadline) break;
    await pause(20);
  }
  const seconds = (performance.now() - began) / 1000;
  printTable(`Events of 1 KB to ${watchers} watchers, one after another`, [
    {
      events,
      'deliveries per second': Math.round(received.events / seconds),
      missing: wanted - received.events,
      ...cpuPerOperation(before, pids, events),
      failures: failuresOf(outcome),
    },
  ]);
  for (const watch of open) watch.close();
}

/** Pods can be made in it once its default account exists, which some servers leave to a controller. */
async function prepareNamespace(client: Client): Promise<void> {
  const made = await client.send(
    'POST',
    '/api/v1/namespaces',
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
  );
  if (made.code >= 300) throw new Error(`Cannot make a namespace: ${made.code}`);
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await client.send(
    'POST',
    accounts,
    JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }),
  );
  const deadline = performance.now() + patienceMs;
  while ((await client.send('GET', `${accounts}/default`)).code !== 200) {
    if (performance.now() > deadline) throw new Error('Cannot make pods: no default account came');
    await pause(100);
  }
}

async function fill(client: Client, resource: string, count: number): Promise<void> {
  const base = `/api/v1/namespaces/${namespace}/${resource}`;
  const { failures } = await pump(count, lanesOfFilling, async (i) => {
    const { code } = await client.send('POST', base, bodyOf(resource, `k-${i}`));
    return code;
  });
  if (failures.size > 0) throw new Error(`Cannot fill with ${resource}: ${JSON.stringify([...failures])}`);
}

/** An object of about 1 KB; its pods are for a scheduler that does not exist. */
function bodyOf(resource: string, name: string): string {
  const metadata = { name, labels: { app: 'load', salt: '0' } };
  if (resource === 'configmaps') {
    return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { payload: 'x'.repeat(1024) } });
  }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, annotations: { pad: 'x'.repeat(650) } },
    spec: {
      schedulerName: 'nobody',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: 'test:1', resources: { requests: { cpu: '10m', memory: '16Mi' } } }],
    },
  });
}

function changed(text: string, salt: string): string {
  return text.replace(/"resourceVersion":"\d+",/, '').replace('"salt":"0"', `"salt":"${salt}"`);
}

function givenServer(url: string): Measured {
  const pids = new Map(
    options.pids.split(',').flatMap((pair) => {
      const [name, pid] = pair.split('=');
      return name && pid ? [[name, Number(pid)] as const] : [];
    }),
  );
  return {
    target: { url, ...(options.token !== undefined && { token: options.token }) },
    pids,
    stop: async () => {},
  };
}

async function startOwn(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-bench-'));
  const etcd = await startEtcd({ environment: etcdEnvironment });
  const { config, adminCertPem, adminKeyPem } = await makeApiFiles(folder, etcd.endpoint);
  const port = await freePort();
  config.listen = [{ host: '127.0.0.1', port }];
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const main = join(import.meta.dirname, '../../apiserver/main.ts');
  const flags = options['node-flags'].split(' ').filter(Boolean);
  const [command, ...words] = controlPlaneNode;
  const server = spawn(command, [...words, ...flags, main, '--config', join(folder, 'config.json')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { NODE_COMPILE_CACHE: '/var/cache/wherry', ...process.env },
  });
  const target = { url: `https://127.0.0.1:${port}`, cert: adminCertPem, key: adminKeyPem };
  const probe = makeClient(target, 1);
  const deadline = performance.now() + patienceMs;
  while ((await probe.send('GET', '/readyz').catch(() => ({ code: 0 }))).code !== 200) {
    if (performance.now() > deadline) throw new Error('Cannot start the API server: it does not get ready');
    await pause(50);
  }
  probe.close();
  return {
    target,
    pids: new Map([
      ['apiserver', server.pid!],
      ['etcd', etcd.pid!],
    ]),
    async stop() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
