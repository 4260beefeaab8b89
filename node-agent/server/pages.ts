/** What the agent tells over HTTP, on the paths of a kubelet: reached by `nodes/proxy`, or at the node itself by who gathers metrics. */
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { metricsType } from '#lib/metrics/registry.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { Access } from './access.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import type { MachineIds } from './cadvisor-metrics.ts';
import { streamLog } from './log-stream.ts';
import { serveLogs } from './node-logs.ts';
import type { Read } from './readings.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { runningPods } from './running-pods.ts';
import type { Summarize } from './stats.ts';

export interface PagesParts {
  env: Env;
  access: Access;
  pods: Pick<Pods, 'seen' | 'all' | 'onRunChange'>;
  stats: { read: Read; summarize: Summarize };
  metrics: Pick<Registry, 'render'>;
  probeMetrics: Pick<Registry, 'render'>;
  /** Told together with `metrics`. */
  deviceMetrics: Pick<Registry, 'render'>;
  machine: MachineIds;
  /** How the node is configured, by upstream's fields. */
  configuration: object;
  /** The logs of pods. */
  logDir: string;
  /** All that there is of logs. */
  nodeLogDir: string;
}

type Page = (parts: PagesParts, response: ServerResponse) => Promise<void> | void;

const text = 'text/plain; charset=utf-8';

const fixed: Readonly<Record<string, Page>> = {
  '/healthz': (_parts, response) => send(response, 200, text, 'ok'),
  '/healthz/ping': (_parts, response) => send(response, 200, text, 'ok'),
  '/pods': ({ pods }, response) => {
    const items = pods.all().flatMap(({ pod, exists }) => (pod && exists ? [pod] : []));
    const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
    send(response, 200, 'application/json', JSON.stringify(list));
  },
  '/runningpods': ({ pods }, response) =>
    send(response, 200, 'application/json', JSON.stringify(runningPods(pods.all()))),
  '/configz': ({ configuration }, response) =>
    send(response, 200, 'application/json', JSON.stringify({ kubeletconfig: configuration })),
  '/stats/summary': async ({ stats, pods }, response) => {
    send(response, 200, 'application/json', JSON.stringify(stats.summarize(await stats.read(pods.all()))));
  },
  '/metrics': ({ metrics, deviceMetrics }, response) =>
    send(response, 200, metricsType, `${metrics.render()}${deviceMetrics.render()}`),
  '/metrics/resource': async ({ stats, pods }, response) => {
    send(response, 200, metricsType, resourceMetrics(stats.summarize(await stats.read(pods.all()))));
  },
  '/metrics/cadvisor': async ({ stats, pods, machine }, response) => {
    send(response, 200, metricsType, cadvisorMetrics(await stats.read(pods.all()), machine));
  },
  '/metrics/probes': ({ probeMetrics }, response) => send(response, 200, metricsType, probeMetrics.render()),
};

/** Serves the pages to whoever may call the agent. */
export function makePages(parts: PagesParts): RequestListener {
  return (request, response) => {
    serve(parts, request, response).catch((error: unknown) => {
      const known = error instanceof URIError ? malformed : error instanceof ApiError ? error : undefined;
      if (!known) parts.env.log.error('A request failed', { error });
      if (response.headersSent) return response.destroy();
      return send(response, known?.code ?? 500, text, known?.message ?? 'Internal error occurred');
    });
  };
}

/** For a path that is not encoded as it should be. */
const malformed = badRequest('400 Bad Request');

async function serve(parts: PagesParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams, search } = new URL(request.url ?? '/', 'https://node');
  const path = pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname;
  const part = partOf(path);
  await parts.access.demand(request.socket as TLSSocket, request.headers.authorization, part);
  const page = Object.hasOwn(fixed, path) ? fixed[path] : undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, 405, text, '405: Method Not Allowed');
  }
  if (page) return page(parts, response);
  if (part === 'log') return serveLogs(parts.nodeLogDir, pathname.slice('/logs'.length), search, request, response);
  const [, root, namespace, name, container, ...rest] = path.split('/').map(decodeURIComponent);
  if (root !== 'containerLogs' || container === undefined || rest.length > 0) {
    return send(response, 404, text, '404 page not found\n');
  }
  const seen = parts.pods.all().find(({ pod }) => pod?.metadata.namespace === namespace && pod?.metadata.name === name);
  if (!seen?.pod) return send(response, 404, text, `pod does not exist`);
  return sendLog(parts, { ...seen, pod: seen.pod }, container, searchParams, response);
}

/** What the first name of a path makes it a part of, as kubelets' rights name it. */
const partsByRoot: ReadonlyMap<string, string> = new Map([
  ['logs', 'log'],
  ['metrics', 'metrics'],
  ['stats', 'stats'],
]);

function partOf(path: string): string {
  return partsByRoot.get(path.split('/')[1] ?? '') ?? 'proxy';
}

async function sendLog(
  { pods, logDir }: PagesParts,
  seen: Seen & { pod: Pod },
  container: string,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client left')));
  const isOn = (name: string) => query.get(name) === 'true' || query.get(name) === '1';
  const number = (name: string) => {
    const value = Number(query.get(name) || 'NaN');
    if (query.get(name) && !(Number.isInteger(value) && value >= 0))
      throw badRequest('Unable to decode the request as container log options');
    return Number.isNaN(value) ? undefined : value;
  };
  const request = {
    container,
    follow: isOn('follow'),
    previous: isOn('previous'),
    timestamps: isOn('timestamps'),
    sinceTime: query.get('sinceTime') ?? '',
    tailLines: number('tailLines') ?? -1,
    limitBytes: number('limitBytes') ?? 0,
  };
  const write = async (data: Buffer) => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/plain' });
    if (!response.write(data)) await once(response, 'drain', { signal: gone.signal });
  };
  try {
    await streamLog(logDir, pods, seen, request, write, gone.signal);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/plain' });
  response.end();
}

function send(response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
