/** Metrics of lists and watches, which memory serves, as upstream's `endpoints/metrics` and `storage/cacher/metrics`. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { qualified } from '#lib/meta/errors.ts';
import type { Histogram } from '#lib/metrics/histogram.ts';
import type { Counter, Registry } from '#lib/metrics/registry.ts';
import type { Verbs } from '../verbs/types.ts';

interface Series {
  total: Counter;
  size: Histogram;
  initial: Counter;
  lists: Counter;
  returned: Counter;
}

/** The verbs, and what their lists and watches tell counted by kind. */
export function measureReads(verbs: Verbs, registry: Registry): Verbs {
  const labels = ['group', 'version', 'kind'];
  const events = registry.counter(
    'apiserver_watch_events_total',
    '[ALPHA] Number of events sent in watch clients',
    labels,
  );
  const sizes = registry.histogram(
    'apiserver_watch_events_sizes',
    '[ALPHA] Watch event size distribution in bytes',
    labels,
    [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072],
  );
  const prefix = ['resource_prefix'];
  const lists = registry.counter(
    'apiserver_cache_list_total',
    '[ALPHA] Number of LIST requests served from watch cache',
    [...prefix, 'index'],
  );
  const returned = registry.counter(
    'apiserver_cache_list_returned_objects_total',
    '[ALPHA] Number of objects returned for a LIST request from watch cache',
    prefix,
  );
  const initials = registry.counter(
    'apiserver_init_events_total',
    '[ALPHA] Counter of init events processed in watch cache broken by resource type.',
    ['resource'],
  );
  const known = new Map<Kind, Series>();
  const seriesOf = (kind: Kind) => {
    let found = known.get(kind);
    if (!found) {
      const values = [kind.group, kind.version, kind.kind];
      const folder = `/${kind.storage}`;
      found = {
        total: events.with(...values),
        size: sizes.with(...values),
        initial: initials.with(qualified(kind)),
        lists: lists.with(folder, ''),
        returned: returned.with(folder),
      };
      known.set(kind, found);
    }
    return found;
  };
  return {
    ...verbs,
    async list(caller, kind, options) {
      const result = await verbs.list(caller, kind, options);
      const series = seriesOf(kind);
      series.lists.add();
      series.returned.add(result.entries.length);
      return result;
    },
    async watch(caller, targets, after, handlers) {
      const series = targets.map(({ kind }) => seriesOf(kind));
      // What it begins with is told before it is granted.
      let isGranted = false;
      const watching = await verbs.watch(caller, targets, after, {
        onChanges(changes, revision, synced) {
          for (const { target, entry } of changes) {
            const { total, size, initial } = series[target]!;
            if (!isGranted) initial.add();
            total.add();
            size.observe(entry.bytes.length);
          }
          handlers.onChanges(changes, revision, synced);
        },
        onEnd: (error) => handlers.onEnd(error),
      });
      isGranted = true;
      return watching;
    },
  };
}
