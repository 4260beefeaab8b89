/** Many pods at once, and what a watch tells of them. */
import { performance } from 'node:perf_hooks';
import type { ConnectedClient } from '#lib/client/connect.ts';
import { makeView } from '#lib/client/view.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';

const namespace = 'default';

export interface Herd {
  /** Creates pods at once, as `<name>-<i>`; resolves, once all were seen Running, with how long each took. */
  run(name: string, count: number, spec: PodSpec): Promise<number[]>;
  /** Creates pods at once and does not wait for what becomes of them. */
  create(name: string, count: number, spec: PodSpec): Promise<void>;
  /** Resolves once all of these pods are Ready, as their status tells. */
  ready(name: string, count: number): Promise<void>;
  /** Deletes pods at once with the grace they have; resolves, once all were seen gone, with how long each took. */
  remove(name: string, count: number): Promise<number[]>;
  /** Restarts of all containers seen so far. */
  restarts(): number;
  /** Changes of pods seen so far. */
  changes(): number;
  close(): void;
}

/** Begins to watch, and goes on when a watch is cut off because this machine is too slow to read it. */
export function makeHerd(client: ConnectedClient, env: Env): Herd {
  const over = new AbortController();
  /** What is waited for, by pod and state. */
  const waiting = new Map<string, () => void>();
  const restarts = new Map<string, number>();
  let changes = 0;
  const seen = (name: string, state: string) =>
    new Promise<void>((resolve) => waiting.set(`${name} ${state}`, resolve));

  function look(pod: Pod | undefined, before: Pod | undefined): void {
    changes++;
    if (!pod) return waiting.get(`${before?.metadata.name} gone`)?.();
    const { name } = pod.metadata;
    const { phase, conditions = [], containerStatuses = [] } = pod.status ?? {};
    if (phase === 'Running') waiting.get(`${name} running`)?.();
    if (conditions.some((one) => one.type === 'Ready' && one.status === 'True')) waiting.get(`${name} ready`)?.();
    restarts.set(
      pod.metadata.uid,
      containerStatuses.reduce((sum, one) => sum + (one.restartCount ?? 0), 0),
    );
  }

  const view = makeView(client, [{ kind: podKind, namespace }], { env, signal: over.signal });
  view.onChange((seenNow) => {
    for (const { object, before } of seenNow) look(object as Pod | undefined, before as Pod | undefined);
  });

  const each = <T>(name: string, count: number, act: (one: string) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, i) => act(`${name}-${i}`)));
  const timed = async (work: Promise<unknown>, until: Promise<void>) => {
    const begin = performance.now();
    await work;
    await until;
    return performance.now() - begin;
  };
  const createOne = (name: string, spec: PodSpec) => client.create(podKind, { metadata: { name, namespace }, spec });
  return {
    run: (name, count, spec) => each(name, count, (one) => timed(createOne(one, spec), seen(one, 'running'))),
    async create(name, count, spec) {
      await each(name, count, (one) => createOne(one, spec));
    },
    async ready(name, count) {
      await each(name, count, (one) => {
        const told = seen(one, 'ready');
        return Promise.race([told, isReady(client, one, told)]);
      });
    },
    remove: (name, count) =>
      each(name, count, (one) => timed(client.delete(podKind, { namespace, name: one }), seen(one, 'gone'))),
    restarts: () => [...restarts.values()].reduce((sum, count) => sum + count, 0),
    changes: () => changes,
    close: () => over.abort(new Error('The bench is over')),
  };
}

/** It may have become ready before anybody asked. */
async function isReady(client: ConnectedClient, name: string, told: Promise<void>): Promise<void> {
  const { status } = await client.get(podKind, { namespace, name });
  if (!status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')) await told;
}
