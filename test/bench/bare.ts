/** The bare cost of a container on this machine: what any node must pay for a pod at the least. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface BareCosts {
  /** Of each container, from nothing to started. */
  samplesMs: number[];
  /** From the first one's begin to the last one's end, removals included. */
  totalMs: number;
}

/**
 * Overlay, network namespace with a veth pair, crun create and start, so often, `lanes` at a time; each is removed at once. `entry` is the cgroup.procs file that
 * counts their CPU time.
 */
export async function bareCosts(rounds: number, lanes: number, entry: string): Promise<BareCosts> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'wherry-bare-'));
  const samplesMs: number[] = [];
  let next = 0;
  for (const part of ['bin', 'dev', 'proc']) mkdirSync(`${root}/lower/${part}`, { recursive: true });
  cpSync('/bin/busybox', `${root}/lower/bin/busybox`);
  const begin = performance.now();
  try {
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (next < rounds) samplesMs.push(await bareContainer(root, next++, entry));
      }),
    );
    return { samplesMs, totalMs: performance.now() - begin };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function bareContainer(root: string, index: number, entry: string): Promise<number> {
  const name = `wherry-bare-${process.pid}-${index}`;
  const folder = `${root}/${index}`;
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
  const { stdout } = await run('unshare', [
    '-m',
    '--propagation',
    'private',
    'sh',
    '-ec',
    `echo $$ >${entry}
    umount /sys/fs/cgroup/unified 2>/dev/null || true
    trap 'crun --root ${folder}/crun delete --force ${name}; ip netns delete ${name}' EXIT
    mount -t overlay overlay -o lowerdir=${root}/lower,upperdir=${folder}/upper,workdir=${folder}/work ${folder}/bundle/rootfs
    ip netns add ${name}
    ip link add wb${index} type veth peer name eth0 netns ${name}
    crun --root ${folder}/crun create --bundle ${folder}/bundle ${name} >${folder}/log 2>&1 </dev/null || { cat ${folder}/log >&2; exit 1; }
    crun --root ${folder}/crun start ${name} >/dev/null
    date +%s%N`,
  ]);
  return Number(stdout.trim()) / 1e6 - (performance.timeOrigin + began);
}
