/** `nodes/proxy`, `pods/proxy` and `services/proxy`: HTTP, and what it is upgraded to, through the API server to what runs in the cluster. */
import type { Duplex } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import type { LiveTls } from '#lib/env/live-tls.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { endpoints as endpointsKind } from '#lib/kinds/endpoints.ts';
import type { EndpointAddress } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import { ApiError, isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { ourselves } from '../auth/ourselves.ts';
import type { Lookup } from '../admission/types.ts';
import type { SubresourceHandler, UpgradeHandler } from '../rest/exchange.ts';
import type { Route } from '../rest/route.ts';
import type { Verbs } from '../verbs/types.ts';
import type { Passage } from './connect.ts';
import { forward } from './forward.ts';
import { forwardUpgrade } from './forward-upgrade.ts';
import { nodeTarget, podTarget, serviceTarget, wishOf } from './target.ts';
import type { Target } from './target.ts';

export interface ProxyOptions {
  verbs: Verbs;
  look: Lookup;
  /** Our certificate, with which we call the agents, and the authority of theirs. */
  tls: LiveTls;
  env: Env;
}

export interface Proxy {
  /** For plain requests, by `plural/subresource`. */
  handlers: ReadonlyMap<string, SubresourceHandler>;
  /** For requests that change the connection's protocol, by the same names. */
  upgrades: ReadonlyMap<string, UpgradeHandler>;
  /** Ends what has been upgraded. */
  stop(): void;
}

/** Requests and upgraded connections under way; more are told to come back later. */
const mostForwards = 1000;

type Find = (route: Route) => Promise<Target>;

export function makeProxy({ verbs, look, tls, env }: ProxyOptions): Proxy {
  let underWay = 0;
  const sockets = new Set<Duplex>();
  const read = async <T extends Resource>(kind: Kind<T>, namespace: string, name: string): Promise<T> =>
    (await verbs.get(ourselves, kind, { namespace, name })).object as T;

  const findNode: Find = async (route) => {
    const wish = wishOf(route.name, 'node');
    return nodeTarget(await read(nodeKind, '', wish.name), wish);
  };

  const findPod: Find = async (route) => {
    const wish = wishOf(route.name, 'pod');
    return podTarget(await read(podKind, route.namespace, wish.name), wish);
  };

  const findService: Find = async ({ name, namespace }) => {
    const wish = wishOf(name, 'service');
    const service = await read(serviceKind, namespace, wish.name);
    const found = await read(endpointsKind, namespace, wish.name).catch((error: unknown) => {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    });
    return serviceTarget(service, found, wish, env.random(), isPodIn(look, namespace));
  };

  const bounded = async <T>(run: () => Promise<T>): Promise<T> => {
    if (underWay >= mostForwards)
      throw new ApiError('TooManyRequests', 'too many proxied requests', { retryAfterSeconds: 5 });
    underWay++;
    try {
      return await run();
    } finally {
      underWay--;
    }
  };

  const through =
    (find: Find): SubresourceHandler =>
    async ({ request, response, route }) => {
      const { prefix, path, query } = splitUrl(request.url ?? '');
      const target = await find(route);
      if (path === '' && (request.method === 'GET' || request.method === 'HEAD')) {
        // Relative links in the answer need the slash.
        response.writeHead(301, { location: `${prefix}/${query}` });
        response.end();
        return;
      }
      const passage: Passage = { target, prefix, path: (path || '/') + query };
      await bounded(() => forward(request, response, passage, tls, env));
    };

  const upgraded =
    (find: Find): UpgradeHandler =>
    async (upgrade) => {
      const { prefix, path, query } = splitUrl(upgrade.request.url ?? '');
      const passage: Passage = { target: await find(upgrade.route), prefix, path: (path || '/') + query };
      sockets.add(upgrade.socket);
      try {
        await bounded(() => forwardUpgrade(upgrade, passage, tls, env));
      } finally {
        sockets.delete(upgrade.socket);
      }
    };

  const finders: readonly [name: string, find: Find][] = [
    ['nodes/proxy', findNode],
    ['pods/proxy', findPod],
    ['services/proxy', findService],
  ];
  return {
    handlers: new Map(finders.map(([name, find]) => [name, through(find)])),
    upgrades: new Map(finders.map(([name, find]) => [name, upgraded(find)])),
    stop() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether an endpoint's address is that of the pod it names, in the Service's namespace. */
function isPodIn(look: Lookup, namespace: string): (address: EndpointAddress) => boolean {
  return ({ ip, targetRef }) => {
    if (!targetRef?.name || targetRef.namespace !== namespace) return false;
    const { podIP, podIPs = [] } = look.get(podKind, { namespace, name: targetRef.name })?.status ?? {};
    return podIP === ip || podIPs.some((own) => own.ip === ip);
  };
}

/** The request's path as the client wrote it: up to and with `proxy`, and from there. */
function splitUrl(url: string): { prefix: string; path: string; query: string } {
  const at = url.indexOf('?');
  const whole = at < 0 ? url : url.slice(0, at);
  const prefix = /^\/api\/v1\/(?:nodes|namespaces\/[^/]+\/[^/]+)\/[^/]+\/proxy/.exec(whole)?.[0] ?? whole;
  return { prefix, path: whole.slice(prefix.length), query: at < 0 ? '' : url.slice(at) };
}
