/** `pods/proxy` and `services/proxy`: HTTP through the API server to what runs in the cluster. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { endpoints as endpointsKind } from '#lib/kinds/endpoints.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import { ApiError, isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { mastersGroup } from '../auth/authorize.ts';
import type { Exchange, SubresourceHandler } from '../rest/exchange.ts';
import type { Caller, Verbs } from '../verbs/types.ts';
import { forward } from './forward.ts';
import { podTarget, serviceTarget, wishOf } from './target.ts';
import type { Target } from './target.ts';

/** Requests under way; more are told to come back later. */
const mostForwards = 1000;

/** What is proxied to is looked up for whoever may proxy, not with the caller's own rights to read it. */
const ourselves: Caller = { name: 'system:apiserver', groups: [mastersGroup] };

/** The handlers, by `plural/subresource`. */
export function makeProxy(verbs: Verbs, env: Env): ReadonlyMap<string, SubresourceHandler> {
  let underWay = 0;
  const read = async <T extends Resource>(kind: Kind<T>, namespace: string, name: string): Promise<T> =>
    (await verbs.get(ourselves, kind, { namespace, name })).object as T;

  const findPod = async ({ route }: Exchange): Promise<Target> => {
    const wish = wishOf(route.name, 'pod');
    return podTarget(await read(podKind, route.namespace, wish.name), wish);
  };

  const findService = async ({ route }: Exchange): Promise<Target> => {
    const wish = wishOf(route.name, 'service');
    const service = await read(serviceKind, route.namespace, wish.name);
    const found = await read(endpointsKind, route.namespace, wish.name).catch((error: unknown) => {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    });
    return serviceTarget(service, found, wish, env.random());
  };

  const through =
    (find: (exchange: Exchange) => Promise<Target>): SubresourceHandler =>
    async (exchange) => {
      const { request, response } = exchange;
      const { prefix, path, query } = splitUrl(request.url ?? '');
      const target = await find(exchange);
      if (path === '') {
        // Relative links in the answer need the slash.
        response.writeHead(301, { location: `${prefix}/${query}` });
        response.end();
        return;
      }
      if (underWay >= mostForwards)
        throw new ApiError('TooManyRequests', 'too many proxied requests', { retryAfterSeconds: 5 });
      underWay++;
      try {
        await forward(request, response, target, { prefix, path: path + query }, env);
      } finally {
        underWay--;
      }
    };

  return new Map([
    ['pods/proxy', through(findPod)],
    ['services/proxy', through(findService)],
  ]);
}

/** The request's path as the client wrote it: up to and with `proxy`, and from there. */
function splitUrl(url: string): { prefix: string; path: string; query: string } {
  const at = url.indexOf('?');
  const whole = at < 0 ? url : url.slice(0, at);
  const prefix = /^\/api\/v1\/namespaces\/[^/]+\/[^/]+\/[^/]+\/proxy/.exec(whole)?.[0] ?? whole;
  return { prefix, path: whole.slice(prefix.length), query: at < 0 ? '' : url.slice(at) };
}
