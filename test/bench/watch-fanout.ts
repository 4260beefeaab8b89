/**
 * What one event costs the API server by the number of those who watch: `node test/bench/watch-fanout.ts`. The watchers of the second table are real
 * gRPC streams of another process; the CPU is that of the server alone.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { builtIn } from '#lib/kinds/index.ts';
import { makeAdmission } from '../../apiserver/admission/chain.ts';
import { authorize } from '../../apiserver/auth/permissive.fixture.ts';
import { startGrpc } from '../../apiserver/grpc/server.ts';
import { encodeForStore } from '../../apiserver/store/entry.ts';
import { makeMemoryStore } from '../../apiserver/store/memory.ts';
import { makeWorld } from '../../apiserver/store/world.ts';
import { makeVerbs } from '../../apiserver/verbs/verbs.ts';
import { printTable } from './table.ts';

const env = makeRealEnv({ service: 'bench', level: 'error' });

/** JSON of about the size of a running pod. */
const data = { pad: 'x'.repeat(3000) };

/** Watchers that one connection carries. */
const perConnection = 100;

async function makeServed() {
  const store = makeMemoryStore(env);
  const world = await makeWorld(store, env);
  let count = 0;
  const write = async () => {
    const metadata = { namespace: 'a', name: `n${count++}`, uid: '', creationTimestamp: '', resourceVersion: '' };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    await store.put(`/registry/configmaps/a/${metadata.name}`, encodeForStore(object), 0n);
  };
  return { store, world, write };
}

async function measureWorld(watchers: number, events: number) {
  const { world, write } = await makeServed();
  let delivered = 0;
  for (let i = 0; i < watchers; i++) {
    world.subscribe(['/registry/configmaps/'], world.revision, {
      onEvents: (batch) => (delivered += batch.length),
      onLost() {},
    });
  }
  const before = process.cpuUsage();
  for (let i = 0; i < events; i++) {
    await write();
    await world.sync();
  }
  const micros = microsSince(before);
  await world.close();
  if (delivered !== events * watchers) throw new Error(`${delivered} delivered`);
  return { watchers, 'µs per event': micros / events };
}

async function measureStreams(watchers: number, events: number) {
  const { store, world, write } = await makeServed();
  const folder = mkdtempSync(join(tmpdir(), 'wherry-bench-'));
  const socketPath = join(folder, 'api.sock');
  const verbs = makeVerbs({
    env,
    store,
    world,
    authorize,
    admission: makeAdmission({ random: env.random, authorize }),
  });
  const grpc = await startGrpc({ socketPath }, { verbs, kindAt: builtIn.at, env });
  const child = fork(import.meta.filename, ['--watch', socketPath, String(watchers), String(events)]);
  await once(child, 'message');
  const before = process.cpuUsage();
  const start = performance.now();
  const done = once(child, 'message');
  for (let i = 0; i < events; i++) {
    await write();
    await env.sleep(1);
  }
  await done;
  const wallMs = performance.now() - start;
  const micros = microsSince(before);
  child.disconnect();
  await grpc.stop();
  await world.close();
  rmSync(folder, { recursive: true });
  return {
    watchers,
    events,
    'server ms per event': micros / 1000 / events,
    'µs per event and watcher': micros / events / watchers,
    'until all saw all, ms': wallMs,
  };
}

/** In the other process: opens the watches, says so, and says so again when each has seen all events. */
async function watchAll(address: string, watchers: number, events: number): Promise<void> {
  const abort = new AbortController();
  const connections = Array.from({ length: Math.ceil(watchers / perConnection) }, () =>
    connect({ address: `unix:${address}` }, env),
  );
  let synced = 0;
  const watching = Array.from({ length: watchers }, async (_, i) => {
    const client = connections[i % connections.length]!;
    let seen = 0;
    for await (const batch of client.watch([{ kind: configMap }], { signal: abort.signal })) {
      if (batch.synced && ++synced === watchers) process.send?.('ready');
      seen += batch.events.length;
      if (seen === events) return;
    }
  });
  await Promise.all(watching);
  process.send?.('done');
  process.once('disconnect', () => process.exit(0));
}

function microsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const [mode, address, watchers, events] = process.argv.slice(2);
if (mode === '--watch') await watchAll(address!, Number(watchers), Number(events));
else {
  const inProcess = [];
  for (const count of [1, 100, 1000, 10_000]) inProcess.push(await measureWorld(count, 300));
  printTable('The world to subscribers in process', inProcess);
  const streams = [];
  for (const count of [1, 100, 1000]) streams.push(await measureStreams(count, 50));
  printTable('The world to gRPC streams on a unix socket', streams);
}
