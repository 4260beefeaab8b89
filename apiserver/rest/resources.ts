/** The resource paths: from method and route to what answers them. */
import type { Verb } from '#lib/kinds/define-kind.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { demand, demandAttempt } from '../auth/authorize.ts';
import { attemptAt } from '../auth/path-attempt.ts';
import type { Exchange, Serving, SubresourceHandler, Upgrade, UpgradeHandler } from './exchange.ts';
import { negotiate } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { isOn } from './query.ts';
import { get, list, watch } from './reads.ts';
import type { Route } from './route.ts';
import type { WatchStream } from './watch-stream.ts';
import { create, patch, remove, removeCollection, update } from './writes.ts';

export interface Resources {
  serve(exchange: Exchange): Promise<void>;
  upgrade(upgrade: Upgrade): Promise<void>;
  /** Ends all watches, as when the server stops. */
  endWatches(): void;
}

/** Requests under way, and watches, beyond which clients are told to come back. */
const requestLimit = 2000;
const watchLimit = 50_000;

const tooMany = () =>
  new ApiError('TooManyRequests', 'Too many requests, please try again later.', { retryAfterSeconds: 1 });

type Action = (exchange: Exchange, accepted: Accepted, serving: Serving) => Promise<void>;

/** Both tables are by `plural/subresource`, such as `pods/log`. */
export function makeResources(
  serving: Serving,
  handlers: ReadonlyMap<string, SubresourceHandler>,
  upgrades: ReadonlyMap<string, UpgradeHandler>,
): Resources {
  const open = new Set<WatchStream>();
  let underWay = 0;
  const actions: Record<Verb, Action> = {
    get,
    list,
    watch: (exchange, accepted, serving) => watch(exchange, accepted, serving, open),
    create,
    update,
    patch,
    delete: remove,
    deletecollection: removeCollection,
  };
  return {
    async serve(exchange) {
      const { request, route, query } = exchange;
      const handler = handlers.get(`${route.kind.plural}/${route.subresource}`);
      if (handler) {
        demandConnect(serving, exchange);
        return handler(exchange);
      }
      const verb = verbOf(request.method ?? '', route, query);
      if (!verb || !allows(route, verb)) {
        const [path = ''] = (request.url ?? '').split('?', 1);
        demandAttempt(serving.authorize, exchange.caller, attemptAt(request.method ?? '', path));
        throw notAllowed();
      }
      const limit = verb === 'watch' ? watchLimit : requestLimit;
      if ((verb === 'watch' ? open.size : underWay) >= limit) throw tooMany();
      underWay++;
      try {
        await actions[verb](exchange, negotiate(request.headers.accept), serving);
      } finally {
        underWay--;
      }
    },
    async upgrade(upgrade) {
      const { kind, subresource } = upgrade.route;
      const handler = upgrades.get(`${kind.plural}/${subresource}`);
      if (!handler) throw notAllowed();
      demandConnect(serving, upgrade);
      await handler(upgrade);
    },
    endWatches() {
      for (const stream of open) stream.end();
    },
  };
}

const notAllowed = () =>
  new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** Subresources that are connected to know a method's plain verb alone. */
function demandConnect(
  { authorize }: Serving,
  { request, route, caller }: Pick<Exchange, 'request' | 'route' | 'caller'>,
): void {
  const verbs: Record<string, Verb> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  demand(authorize, caller, verbs[request.method ?? ''] ?? 'get', route.kind, route);
}

/** The verb that a method means here; undefined when it means none. */
function verbOf(method: string, { name, subresource, watch }: Route, query: URLSearchParams): Verb | undefined {
  const isCollection = name === '';
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (subresource === '' && (watch || isOn(query, 'watch'))) return 'watch';
      return isCollection ? 'list' : 'get';
    case 'POST':
      return isCollection === (subresource === '') ? 'create' : undefined;
    case 'PUT':
      return isCollection ? undefined : 'update';
    case 'PATCH':
      return isCollection ? undefined : 'patch';
    case 'DELETE':
      if (subresource !== '') return undefined;
      return isCollection ? 'deletecollection' : 'delete';
    default:
      return undefined;
  }
}

/** Whether the kind, or its subresource, serves the verb. */
function allows({ kind, namespace, subresource }: Route, verb: Verb): boolean {
  if (subresource === 'status' || subresource === 'scale') return ['get', 'update', 'patch'].includes(verb);
  if (subresource !== '') return kind.subresources![subresource]!.verbs.includes(verb);
  // What is created in a namespace must name it, and no request deletes in all of them.
  if ((verb === 'create' || verb === 'deletecollection') && kind.namespaced && namespace === '') return false;
  return kind.verbs.includes(verb);
}
