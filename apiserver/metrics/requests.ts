/** Metrics of requests, under the names, labels and buckets of upstream's `endpoints/metrics` and `endpoints/filters`. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { qualified } from '#lib/meta/errors.ts';
import type { Histogram } from '#lib/metrics/histogram.ts';
import type { Counter, Gauge, Registry } from '#lib/metrics/registry.ts';
import type { RequestContext, RequestObserver } from '../rest/request-context.ts';
import type { Route } from '../rest/route.ts';
import { scopeOf } from '../rest/request-info.ts';
import { applyPatchType } from '../verbs/patching.ts';
import { makePeaks } from './peaks.ts';

/** What is counted of the requests with the same labels. */
interface Series {
  /** Everything but the code. */
  labels: readonly string[];
  byCode: Map<number, Counter>;
  duration: Histogram;
  sli: Histogram;
  /** Of those that read alone. */
  size: Histogram | undefined;
  open: Gauge;
}

const component = 'apiserver';
const place = ['group', 'version', 'resource', 'subresource', 'scope', 'component'];

/** Registers them, and tells them by what it observes. */
export function measureRequests(registry: Registry, env: Env): RequestObserver {
  const families = register(registry);
  const inFlight = makePeaks(['readOnly', 'mutating'], env);
  registry.reading(
    'gauge',
    'apiserver_current_inflight_requests',
    '[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
    ['request_kind'],
    inFlight.read,
  );
  /** By kind, and then by the other labels in a row. Who names no kind we know is counted together. */
  const known = new Map<Kind | undefined, Map<string, Series>>();

  const seriesOf = (context: RequestContext): Series => {
    const { info, route, ownPath, query } = context;
    const verb = verbOf(context);
    const scope = route ? scopeOf({ ...info, name: route.name }) : '';
    const dryRun = dryRunOf(query);
    const subresource = route ? route.subresource : ownPath;
    const key = `${verb} ${scope} ${dryRun} ${subresource}`;
    let ofKind = known.get(route?.kind);
    if (!ofKind) known.set(route?.kind, (ofKind = new Map()));
    const found = ofKind.get(key);
    if (found) return found;
    const { group = '', version = '', plural = '' } = route?.kind ?? {};
    const where = [group, version, plural, subresource, scope, component];
    const made: Series = {
      labels: [verb, dryRun, ...where],
      byCode: new Map(),
      duration: families.duration.with(verb, dryRun, ...where),
      sli: families.sli.with(verb, ...where),
      size: verb === 'GET' || verb === 'LIST' ? families.size.with(verb, ...where) : undefined,
      open: families.open.with(verb, ...where),
    };
    ofKind.set(key, made);
    return made;
  };

  /** No release is named yet that comes without one of these. */
  const tellDeprecated = ({ kind, subresource }: Route) => {
    // Of definitions upstream counts none.
    if (kind.deprecation === undefined || kind.custom) return;
    families.deprecated.with(kind.group, kind.version, kind.plural, subresource, '').set(1);
  };

  return {
    onServe(context) {
      if (context.isLongRunning) seriesOf(context).open.add(1);
      else inFlight.enter(kindOf(context));
    },
    onEnd(context) {
      const series = seriesOf(context);
      if (context.isServed) {
        if (context.isLongRunning) series.open.add(-1);
        else inFlight.leave(kindOf(context));
      }
      const { code } = context;
      let counter = series.byCode.get(code);
      if (!counter) series.byCode.set(code, (counter = families.total.with(...series.labels, String(code))));
      counter.add();
      if (context.isAllowed && context.route) tellDeprecated(context.route);
      if (context.isDropped) families.dropped.with(qualified(context.route!.kind)).add();
      const seconds = (env.monotonic() - context.startedAtMs) / 1000;
      series.duration.observe(seconds);
      series.sli.observe(seconds - context.queuedMs / 1000);
      series.size?.observe(context.bytesSent);
      // Who is told to come back before anything was done was turned away by flow control.
      if (context.isLate || (code === 429 && !context.isServed)) {
        const [verb, , ...where] = series.labels;
        families.terminations.with(verb!, ...where, String(code)).add();
        if (context.isLate) families.aborts.with(verb!, ...where.slice(0, -1)).add();
      }
    },
  };
}

function register(registry: Registry) {
  const verbAndPlace = ['verb', ...place];
  const whole = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
  return {
    total: registry.counter(
      'apiserver_request_total',
      '[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      ['verb', 'dry_run', ...place, 'code'],
    ),
    duration: registry.histogram(
      'apiserver_request_duration_seconds',
      '[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      ['verb', 'dry_run', ...place],
      [0.005, 0.025, ...whole],
    ),
    sli: registry.histogram(
      'apiserver_request_sli_duration_seconds',
      '[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.',
      verbAndPlace,
      whole,
    ),
    size: registry.histogram(
      'apiserver_response_sizes',
      '[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
      verbAndPlace,
      [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
    ),
    open: registry.gauge(
      'apiserver_longrunning_requests',
      '[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
      verbAndPlace,
    ),
    terminations: registry.counter(
      'apiserver_request_terminations_total',
      '[ALPHA] Number of requests which apiserver terminated in self-defense.',
      [...verbAndPlace, 'code'],
    ),
    deprecated: registry.gauge(
      'apiserver_requested_deprecated_apis',
      '[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
      ['group', 'version', 'resource', 'subresource', 'removed_release'],
    ),
    dropped: registry.counter(
      'apiserver_terminated_watchers_total',
      '[ALPHA] Counter of watchers closed due to unresponsiveness broken by resource type.',
      ['resource'],
    ),
    aborts: registry.counter(
      'apiserver_request_aborts_total',
      '[ALPHA] Number of requests which apiserver aborted possibly due to a timeout, for each group, version, verb, resource, subresource and scope',
      verbAndPlace.slice(0, -1),
    ),
  };
}

const verbsOfMethods: Readonly<Record<string, string>> = {
  GET: 'GET',
  HEAD: 'GET',
  POST: 'POST',
  PUT: 'PUT',
  PATCH: 'PATCH',
  DELETE: 'DELETE',
};

const connects = new Set(['log', 'exec', 'portforward', 'attach', 'proxy']);

/** The verb as metrics name it. */
function verbOf({ info, route, request }: RequestContext): string {
  const plain = verbsOfMethods[request.method ?? ''] ?? 'other';
  if (!route) return plain;
  if (connects.has(route.subresource)) return 'CONNECT';
  if (plain === 'GET') return info.verb === 'watch' ? 'WATCH' : route.name === '' ? 'LIST' : 'GET';
  if (plain === 'DELETE' && route.name === '') return 'DELETECOLLECTION';
  if (plain === 'PATCH' && request.headers['content-type'] === applyPatchType) return 'APPLY';
  return plain;
}

function dryRunOf(query: URLSearchParams): string {
  const values = query.getAll('dryRun');
  if (values.length === 0) return '';
  return values.every((value) => value === 'All') ? 'All' : 'invalid';
}

function kindOf({ request }: RequestContext): 'readOnly' | 'mutating' {
  return request.method === 'GET' || request.method === 'HEAD' ? 'readOnly' : 'mutating';
}
