/** `npm run bench:pods`: create to Running as a watch sees it, one pod and fifty at once, beside the bare cost of a container on this machine. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { startTestCluster, testImage } from '../harness/cluster.ts';
import { printTable, quantile } from './table.ts';

const singles = 30;
const crowd = 50;

const cluster = await startTestCluster('bench', 1);
const env = makeRealEnv({ service: 'bench', level: 'warn' });
const client = connect({ address: `unix:${cluster.layout.socket}`, user: 'bench', groups: ['system:masters'] }, env);
const over = new AbortController();

/** Name -> what to call when it is seen Running or gone. */
const running = new Map<string, () => void>();
const gone = new Map<string, () => void>();
const watching = (async () => {
  for await (const batch of client.watch([{ kind: podKind, namespace: 'default' }], { signal: over.signal })) {
    for (const { type, object } of batch.events) {
      const { name } = object.metadata;
      const phase = (object as { status?: { phase?: string } }).status?.phase;
      if (type === 'PUT' && phase === 'Running') running.get(name)?.();
      if (type === 'DELETE') gone.get(name)?.();
    }
  }
})().catch((error: unknown) => {
  if (!over.signal.aborted) throw error;
});

async function podToRunning(name: string): Promise<number> {
  const seen = new Promise<void>((resolve) => running.set(name, resolve));
  const begin = performance.now();
  await client.create(podKind, {
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [{ name: 'c', image: testImage, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'] }],
    },
  });
  await seen;
  return performance.now() - begin;
}

async function removePod(name: string): Promise<void> {
  const seen = new Promise<void>((resolve) => gone.set(name, resolve));
  // Gracefully, so that the node has done with it before the next is measured.
  await client.delete(podKind, { namespace: 'default', name });
  await seen;
}

/** Overlay, network namespace with a veth pair, crun create and start, then all of it removed: what a pod costs at the least. */
function bareCosts(rounds: number): number[] {
  const root = mkdtempSync(path.join(os.tmpdir(), 'wherry-bare-'));
  const samples: number[] = [];
  for (const part of ['bin', 'dev', 'proc']) mkdirSync(`${root}/lower/${part}`, { recursive: true });
  cpSync('/bin/busybox', `${root}/lower/bin/busybox`);
  try {
    for (let i = 0; i < rounds; i++) {
      const name = `wherry-bare-${process.pid}-${i}`;
      const folder = `${root}/${i}`;
      for (const part of ['upper', 'work', 'bundle/rootfs']) mkdirSync(`${folder}/${part}`, { recursive: true });
      writeFileSync(
        `${folder}/bundle/config.json`,
        JSON.stringify({
          ociVersion: '1.0.0',
          process: { args: ['/bin/busybox', 'sleep', '1000'], cwd: '/', user: { uid: 0, gid: 0 } },
          root: { path: 'rootfs' },
          mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
          linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network', path: `/run/netns/${name}` }] },
        }),
      );
      const began = performance.now();
      // The script notes its own time, so that the removal is not counted.
      const out = execFileSync(
        'unshare',
        [
          '-m',
          '--propagation',
          'private',
          'sh',
          '-ec',
          `umount /sys/fs/cgroup/unified 2>/dev/null || true
        trap 'crun --root ${folder}/crun delete --force ${name}; ip netns delete ${name}' EXIT
        mount -t overlay overlay -o lowerdir=${root}/lower,upperdir=${folder}/upper,workdir=${folder}/work ${folder}/bundle/rootfs
        ip netns add ${name}
        ip link add wb${i} type veth peer name eth0 netns ${name}
        crun --root ${folder}/crun create --bundle ${folder}/bundle ${name} >${folder}/log 2>&1 </dev/null || { cat ${folder}/log >&2; exit 1; }
        crun --root ${folder}/crun start ${name} >/dev/null
        date +%s%N`,
        ],
        { encoding: 'utf8' },
      );
      samples.push(Number(out.trim()) / 1e6 - (performance.timeOrigin + began));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return samples;
}

try {
  for (let i = 0; i < 3; i++) {
    await podToRunning(`warm-${i}`);
    await removePod(`warm-${i}`);
  }
  const one: number[] = [];
  for (let i = 0; i < singles; i++) {
    one.push(await podToRunning(`one-${i}`));
    await removePod(`one-${i}`);
  }
  const begin = performance.now();
  const many = await Promise.all(Array.from({ length: crowd }, (_, i) => podToRunning(`many-${i}`)));
  const total = performance.now() - begin;
  await Promise.all(Array.from({ length: crowd }, (_, i) => removePod(`many-${i}`)));
  const bare = bareCosts(20);
  const row = (what: string, samples: number[]) => ({
    what,
    samples: samples.length,
    'p50 ms': quantile(samples, 0.5),
    'p99 ms': quantile(samples, 0.99),
    'max ms': Math.max(...samples),
  });
  printTable('Pod create to Running as a watch sees it', [
    row('one at a time', one),
    row(`${crowd} at once`, many),
    row('bare overlay + netns + veth + crun', bare),
  ]);
  console.log(
    `\n${crowd} pods all Running after ${(total / 1000).toFixed(2)} s; one pod costs ${(quantile(one, 0.5) / quantile(bare, 0.5)).toFixed(1)} times the bare container`,
  );
} finally {
  over.abort();
  await watching;
  client.close();
  await cluster.remove();
}
