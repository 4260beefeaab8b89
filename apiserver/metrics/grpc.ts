/** Metrics of what our own components ask by gRPC. Upstream's have no names for it, since its components come by REST. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Verbs } from '../verbs/types.ts';

/** The verbs, with each call counted by verb, resource and how it ended: '' when well, else by the reason. */
export function measureGrpc(verbs: Verbs, registry: Registry, env: Env): Verbs {
  const labels = ['verb', 'group', 'version', 'resource', 'subresource'];
  const totals = registry.counter(
    'wherry_grpc_requests_total',
    'Requests that components made by gRPC, by verb, resource and the reason of the failure, if they failed.',
    [...labels, 'reason'],
  );
  const durations = registry.histogram(
    'wherry_grpc_request_duration_seconds',
    'How long requests that components made by gRPC took, in seconds, by verb and resource.',
    labels,
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
  const watches = registry
    .gauge('wherry_grpc_watches', 'Watches that components have open by gRPC, each over one kind or several.')
    .with();
  const seriesOf = makeSeries((values) => ({
    duration: durations.with(...values),
    endedBy: makeSeries((reason) => totals.with(...values, ...reason)),
  }));
  const timed = async <T>(verb: string, kind: Kind, subresource: string, call: () => Promise<T>): Promise<T> => {
    const series = seriesOf([verb, kind.group, kind.version, kind.plural, subresource]);
    const startedAtMs = env.monotonic();
    let reason = '';
    try {
      return await call();
    } catch (error) {
      reason = error instanceof ApiError ? error.reason : 'InternalError';
      throw error;
    } finally {
      series.endedBy([reason]).add();
      series.duration.observe((env.monotonic() - startedAtMs) / 1000);
    }
  };
  return {
    ...verbs,
    get: (...args) => timed('get', args[1], args[3]?.subresource ?? '', () => verbs.get(...args)),
    list: (...args) => timed('list', args[1], '', () => verbs.list(...args)),
    create: (...args) => timed('create', args[1], '', () => verbs.create(...args)),
    createSubresource: (...args) => timed('create', args[1], args[3], () => verbs.createSubresource(...args)),
    update: (...args) => timed('update', args[1], args[4]?.subresource ?? '', () => verbs.update(...args)),
    patch: (...args) => timed('patch', args[1], args[5]?.subresource ?? '', () => verbs.patch(...args)),
    delete: (...args) => timed('delete', args[1], '', () => verbs.delete(...args)),
    deleteCollection: (...args) => timed('deletecollection', args[1], '', () => verbs.deleteCollection(...args)),
    async watch(...args) {
      const watch = await verbs.watch(...args);
      watches.add(1);
      let isOpen = true;
      return {
        close() {
          if (isOpen) watches.add(-1);
          isOpen = false;
          watch.close();
        },
      };
    },
  };
}

/** Keeps what is made for each combination of values. */
function makeSeries<S>(make: (values: readonly string[]) => S): (values: readonly string[]) => S {
  const known = new Map<string, S>();
  return (values) => {
    const key = values.join(' ');
    let found = known.get(key);
    if (found === undefined) known.set(key, (found = make(values)));
    return found;
  };
}
