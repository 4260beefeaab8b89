/** Metrics of what watchers are sent, as upstream's `endpoints/metrics`. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Histogram } from '#lib/metrics/histogram.ts';
import type { Counter, Registry } from '#lib/metrics/registry.ts';
import type { Verbs } from '../verbs/types.ts';

/** The verbs, and what their watches tell counted by kind. */
export function measureWatches(verbs: Verbs, registry: Registry): Verbs {
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
  const known = new Map<Kind, { total: Counter; size: Histogram }>();
  const seriesOf = (kind: Kind) => {
    let found = known.get(kind);
    if (!found) {
      const values = [kind.group, kind.version, kind.kind];
      known.set(kind, (found = { total: events.with(...values), size: sizes.with(...values) }));
    }
    return found;
  };
  return {
    ...verbs,
    watch(caller, targets, after, handlers) {
      const series = targets.map(({ kind }) => seriesOf(kind));
      return verbs.watch(caller, targets, after, {
        onChanges(changes, revision, synced) {
          for (const { target, entry } of changes) {
            const { total, size } = series[target]!;
            total.add();
            size.observe(entry.bytes.length);
          }
          handlers.onChanges(changes, revision, synced);
        },
        onEnd: (error) => handlers.onEnd(error),
      });
    },
  };
}
