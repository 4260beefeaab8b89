/** The resource paths: from a request's verb and route to what answers it. */
import type { Verb } from '#lib/kinds/define-kind.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { pathSegmentFaults } from '#lib/meta/names.ts';
import { addWarnings } from './answer.ts';
import { notAllowed } from './answered-paths.ts';
import type { Exchange, Serving, SubresourceHandler, Upgrade, UpgradeHandler } from './exchange.ts';
import { negotiate } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { get, list, watch } from './reads.ts';
import type { RequestInfo } from './request-info.ts';
import type { Route } from './route.ts';
import { answerSink, webSocketSink } from './watch-sink.ts';
import type { WatchSink } from './watch-sink.ts';
import type { WatchStream } from './watch-stream.ts';
import { create, patch, remove, removeCollection, update } from './writes.ts';

/** Whoever asks has been found to be allowed to. */
export interface Resources {
  serve(exchange: Exchange): Promise<void>;
  upgrade(upgrade: Upgrade): Promise<void>;
  /** Ends all watches, those too that begin from now on, as when the server stops. */
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
  let isStopping = false;
  const endAll = () => {
    for (const stream of open) stream.end();
  };
  const startWatch = async (
    asked: Exchange | Upgrade,
    accepted: Accepted,
    openSink: () => WatchSink | Promise<WatchSink>,
  ): Promise<void> => {
    await watch(asked, accepted, serving, open, openSink);
    if (isStopping) endAll();
  };
  /** Runs it unless too many of its like are under way. */
  const counted = async (verb: Verb, run: () => Promise<void>): Promise<void> => {
    const limit = verb === 'watch' ? watchLimit : requestLimit;
    if ((verb === 'watch' ? open.size : underWay) >= limit) throw tooMany();
    underWay++;
    try {
      await run();
    } finally {
      underWay--;
    }
  };
  const actions: Record<Verb, Action> = {
    get,
    list,
    watch: (exchange, accepted) => startWatch(exchange, accepted, () => answerSink(exchange.response)),
    create,
    update,
    patch,
    delete: remove,
    deletecollection: removeCollection,
  };
  return {
    async serve(exchange) {
      const { request, route, context } = exchange;
      demandName(route.name);
      const handler = handlers.get(`${route.kind.plural}/${route.subresource}`);
      if (handler) return handler(exchange);
      const verb = verbOf(request.method ?? '', route, context.info);
      if (!verb || !allows(route, verb)) throw notAllowed();
      if (route.kind.deprecation) addWarnings(exchange.response, [route.kind.deprecation]);
      await counted(verb, () =>
        actions[verb](exchange, negotiate(request.headers.accept, offerOf(route, verb)), serving),
      );
    },
    async upgrade(upgrade) {
      const { request, route, context } = upgrade;
      const handler = upgrades.get(`${route.kind.plural}/${route.subresource}`);
      if (handler) return handler(upgrade);
      demandName(route.name);
      if (verbOf(request.method ?? '', route, context.info) !== 'watch' || !allows(route, 'watch')) throw notAllowed();
      const accepted = negotiate(request.headers.accept, offerOf(route, 'watch'));
      await counted('watch', () => startWatch(upgrade, accepted, () => webSocketSink(upgrade, accepted, serving.env)));
    },
    endWatches() {
      isStopping = true;
      endAll();
    },
  };
}

/** The verb as a handler serves it here; undefined when the path has none for the method. */
function verbOf(method: string, { name, subresource }: Route, { verb }: RequestInfo): Verb | undefined {
  const isCollection = name === '';
  switch (verb) {
    case 'get':
    case 'list':
      return method === 'GET' ? verb : undefined;
    case 'watch':
      return method === 'GET' && subresource === '' ? verb : undefined;
    case 'create':
      return isCollection === (subresource === '') ? verb : undefined;
    case 'update':
    case 'patch':
      return isCollection ? undefined : verb;
    case 'delete':
      return subresource === '' ? verb : undefined;
    case 'deletecollection':
      return verb;
    default:
      return undefined;
  }
}

/** Throws BadRequest for a name in a path that no object can have. */
function demandName(name: string): void {
  const faults = pathSegmentFaults(name);
  if (faults.length > 0) throw badRequest(`Name parameter invalid: ${goQuote(name)}: ${faults.join(';')}`);
}

/** Reviews, and what is only posted to an object, such as a binding, are nothing that could be listed. */
function offerOf({ kind, subresource }: Route, verb: Verb): Parameters<typeof negotiate>[1] {
  const tables = verb !== 'create' || (subresource === '' && kind.verbs.includes('get'));
  return { tables, protobuf: !kind.jsonOnly || subresource === 'scale' };
}

/** Whether the kind, or its subresource, serves the verb. */
function allows({ kind, namespace, subresource }: Route, verb: Verb): boolean {
  if (subresource === 'status' || subresource === 'scale') return ['get', 'update', 'patch'].includes(verb);
  if (subresource !== '') return kind.subresources![subresource]!.verbs.includes(verb);
  // What is created in a namespace must name it, and no request deletes in all of them.
  if ((verb === 'create' || verb === 'deletecollection') && kind.namespaced && namespace === '') return false;
  return kind.verbs.includes(verb);
}
