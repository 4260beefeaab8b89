/** Metrics of the calls to etcd and of what it holds, as upstream's `storage/etcd3/metrics`. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { qualified } from '#lib/meta/errors.ts';
import type { Histogram } from '#lib/metrics/histogram.ts';
import type { Counter, Reading, Registry } from '#lib/metrics/registry.ts';
import type { Store } from '../store/types.ts';
import type { World } from '../store/world-types.ts';
import { prefixOf } from '../verbs/selection.ts';

interface Series {
  seconds: Histogram;
  total: Counter;
  errors: Counter;
}

const operations = ['get', 'list', 'create', 'update', 'delete'] as const;
type Operation = (typeof operations)[number];

const bounds = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5],
  ...[2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
];

/** The store, and each of its calls counted by operation and resource; '' for what is no object. */
export function measureStore(store: Store, kinds: readonly Kind[], registry: Registry, env: Env): Store {
  const labels = ['operation', 'type'];
  const seconds = registry.histogram(
    'etcd_request_duration_seconds',
    '[ALPHA] Etcd request latency in seconds for each operation and object type.',
    labels,
    bounds,
  );
  const total = registry.counter(
    'etcd_requests_total',
    '[ALPHA] Etcd request counts for each operation and object type.',
    labels,
  );
  const errors = registry.counter(
    'etcd_request_errors_total',
    '[ALPHA] Etcd failed request counts for each operation and object type.',
    labels,
  );
  const types = new Map(kinds.map((kind) => [prefixOf(kind, ''), qualified(kind)]));
  const known = new Map<string, Series>();
  const seriesOf = (operation: Operation, key: string): Series => {
    const type = types.get(folderOf(key, 3)) ?? types.get(folderOf(key, 4)) ?? '';
    const name = `${operation} ${type}`;
    let found = known.get(name);
    if (!found) {
      const [one, two, three] = [seconds, total, errors].map((family) => family.with(operation, type));
      known.set(name, (found = { seconds: one as Histogram, total: two as Counter, errors: three as Counter }));
    }
    return found;
  };
  const timed = async <T>(operation: Operation, key: string, call: () => Promise<T>): Promise<T> => {
    const series = seriesOf(operation, key);
    const startedAtMs = env.monotonic();
    try {
      return await call();
    } catch (error) {
      series.errors.add();
      throw error;
    } finally {
      series.total.add();
      series.seconds.observe((env.monotonic() - startedAtMs) / 1000);
    }
  };
  return {
    ...store,
    get: (key) => timed('get', key, () => store.get(key)),
    list: (prefix, options) => timed('list', prefix, () => store.list(prefix, options)),
    put: (key, value, expected, ttlSeconds) =>
      timed(expected === 0n ? 'create' : 'update', key, () => store.put(key, value, expected, ttlSeconds)),
    delete: (key, expected) => timed('delete', key, () => store.delete(key, expected)),
  };
}

/** Tells what the database takes. Gives what looks again: somebody must call it before the metrics are read. */
export function measureSize(
  store: Pick<Store, 'sizeBytes'>,
  registry: Registry,
  env: Pick<Env, 'log'>,
): () => Promise<void> {
  let size: number | undefined;
  registry.reading(
    'gauge',
    'apiserver_storage_size_bytes',
    '[STABLE] Size of the storage database file physically allocated in bytes.',
    ['storage_cluster_id'],
    () => (size === undefined ? [] : [[['etcd-0'], size]]),
  );
  return async () => {
    try {
      size = await store.sizeBytes();
    } catch (error) {
      size = undefined;
      env.log.warn('Cannot tell what the store takes', { error });
    }
  };
}

/** Tells how many objects there are of each kind that is stored. */
export function measureObjects(world: World, kinds: readonly Kind[], registry: Registry): void {
  const stored = kinds.filter(({ verbs }) => verbs.includes('list'));
  // Two versions of a kind share a folder, and are counted under the first.
  const folders = [...new Map(stored.toReversed().map((kind) => [prefixOf(kind, ''), qualified(kind)]))];
  registry.reading(
    'gauge',
    'apiserver_storage_objects',
    '[STABLE] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
    ['resource'],
    () =>
      folders
        .map(([prefix, name]): Reading => [[name], world.count(prefix)])
        .sort(([[a]], [[b]]) => (a! < b! ? -1 : 1)),
  );
}

/** The key up to and with its `slashes`th slash; '' when it has fewer. */
function folderOf(key: string, slashes: number): string {
  let at = -1;
  for (let i = 0; i < slashes; i++) {
    at = key.indexOf('/', at + 1);
    if (at < 0) return '';
  }
  return key.slice(0, at + 1);
}
