/** The subresources of pods that are streams: log, exec, attach, portforward. Finds pod and node, then hands over to the dialect. */
import type { Duplex } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { PodRef } from '#protos/gen/node.ts';
import { ourselves } from '../auth/ourselves.ts';
import type { SubresourceHandler, UpgradeHandler } from '../rest/exchange.ts';
import { isOn } from '../rest/query.ts';
import type { Route } from '../rest/route.ts';
import type { Verbs } from '../verbs/types.ts';
import { runCommand } from './command.ts';
import { commandDialect } from './command-clients.ts';
import { isTaken, startCommand } from './command-start.ts';
import { logOptions, logUrl } from './log-options.ts';
import { sendEmptyLog, sendLog, sendLogMessages } from './logs.ts';
import { connectNodes } from './node-connection.ts';
import type { NodeCalls, NodeTls } from './node-connection.ts';
import { containerOf, hostOf } from './pod-target.ts';
import { forwardChannels, forwardSpdy, portsOf } from './port-forward.ts';
import { acceptSpdy, chooseSpdyProtocol, isSpdy } from './upgrade.ts';
import { acceptWebSocket, chooseProtocol, tunnelOf } from './websocket.ts';

export interface PodStreamsOptions {
  verbs: Verbs;
  /** Our certificate, with which we call the agents. */
  tls: NodeTls;
  env: Env;
}

export interface PodStreams {
  /** For plain requests, by `plural/subresource`. */
  handlers: ReadonlyMap<string, SubresourceHandler>;
  /** For requests that change the connection's protocol, by the same names. */
  upgrades: ReadonlyMap<string, UpgradeHandler>;
  /** Ends all streams. */
  stop(): void;
}

/** Sessions that one server carries; more are told to come back later. */
const mostSessions = 5000;
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
const logProtocols = ['binary.k8s.io', 'base64.binary.k8s.io'] as const;
const channelProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'] as const;

export function makePodStreams({ verbs, tls, env }: PodStreamsOptions): PodStreams {
  const nodes = connectNodes(tls, env);
  const sockets = new Set<Duplex>();

  const read = async <T extends Resource>(kind: Kind<T>, namespace: string, name: string): Promise<T> =>
    (await verbs.get(ourselves, kind, { namespace, name })).object as T;

  const callsTo = async (pod: Pod): Promise<NodeCalls> => nodes.callsTo(await read(nodeKind, '', hostOf(pod)));

  const podOf = ({ namespace, name }: Route): Promise<Pod> => read(podKind, namespace, name);

  const log: SubresourceHandler = async (exchange) => {
    const { request, response, query, route } = exchange;
    if (request.method !== 'GET')
      throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
    const pod = await podOf(route);
    const options = logOptions(query, route.name, env.now());
    const container = containerOf(pod, options.container);
    if (!pod.spec.nodeName) return sendEmptyLog(response);
    const calls = await callsTo(pod);
    const url = logUrl(calls.address, pod, container, query);
    await sendLog(calls.logs({ ...options, container, pod: refTo(pod) }), response, url, env);
  };

  const logMessages: UpgradeHandler = async (upgrade) => {
    const { request, route, query, socket } = upgrade;
    const pod = await podOf(route);
    const options = logOptions(query, route.name, env.now());
    const container = containerOf(pod, options.container);
    const protocol = chooseProtocol(request, logProtocols);
    const calls = await callsTo(pod);
    const webSocket = await acceptWebSocket(upgrade, protocol, env);
    const call = calls.logs({ ...options, container, pod: refTo(pod) });
    return taken(socket, () => sendLogMessages(call, webSocket, protocol.includes('base64')));
  };

  const command: UpgradeHandler = async (upgrade) => {
    const { route, query, socket } = upgrade;
    const pod = await podOf(route);
    const container = containerOf(pod, query.get('container') ?? '');
    const tty = isOn(query, 'tty');
    const wanted = {
      stdin: isOn(query, 'stdin'),
      stdout: isOn(query, 'stdout', true),
      stderr: isOn(query, 'stderr', true) && !tty,
      tty,
    };
    if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
      throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
    const words = query.getAll('command');
    if (route.subresource === 'exec' && words.length === 0)
      throw badRequest('you must specify at least one command for the container');
    const dialect = commandDialect(upgrade, wanted, env);
    const calls = await callsTo(pod);
    const start = { ...wanted, pod: refTo(pod), container, command: words };
    const started = startCommand(route.subresource === 'exec' ? calls.exec() : calls.attach(), start);
    const cancel = () => started.call.cancel();
    socket.once('close', cancel);
    try {
      if (!dialect.tellsRefusals && !(await isTaken(started, socket))) return;
      if (socket.destroyed) return;
      const client = await dialect.accept();
      await taken(socket, async () => runCommand(await client(), started));
    } finally {
      cancel();
    }
  };

  const portForward: UpgradeHandler = async (upgrade) => {
    const { request, route, query, socket } = upgrade;
    const pod = await podOf(route);
    const target = { pod: refTo(pod), calls: await callsTo(pod), env };
    if (isSpdy(request)) {
      acceptSpdy(upgrade, chooseSpdyProtocol(request, ['portforward.k8s.io']));
      return taken(socket, () => forwardSpdy(socket, target));
    }
    const protocol = chooseProtocol(request, [tunnelProtocol, ...channelProtocols]);
    const ports = protocol === tunnelProtocol ? [] : portsOf(query);
    const webSocket = await acceptWebSocket(upgrade, protocol, env);
    return taken(socket, () =>
      protocol === tunnelProtocol
        ? forwardSpdy(tunnelOf(webSocket), target)
        : forwardChannels(webSocket, ports, protocol.includes('base64'), target),
    );
  };

  /** Serves a connection that no longer speaks HTTP: a failure cannot be told, only end it. */
  const taken = async (socket: Duplex, serve: () => Promise<void>): Promise<void> => {
    sockets.add(socket);
    try {
      await serve();
    } catch (error) {
      env.log.debug('A streaming connection failed', { error });
    } finally {
      sockets.delete(socket);
      socket.destroy();
    }
  };

  const bounded =
    (handler: UpgradeHandler): UpgradeHandler =>
    async (upgrade) => {
      if (sockets.size >= mostSessions)
        throw new ApiError('TooManyRequests', 'too many streaming connections', { retryAfterSeconds: 5 });
      await handler(upgrade);
    };

  const upgrades = new Map([
    ['pods/exec', bounded(command)],
    ['pods/attach', bounded(command)],
    ['pods/portforward', bounded(portForward)],
    ['pods/log', bounded(logMessages)],
  ]);

  const upgradeRequired: SubresourceHandler = async ({ route }) => {
    await podOf(route);
    throw badRequest('Upgrade request required');
  };

  return {
    handlers: new Map([
      ...[...upgrades.keys()].map((name): [string, SubresourceHandler] => [name, upgradeRequired]),
      ['pods/log', log],
    ]),
    upgrades,
    stop() {
      for (const socket of sockets) socket.destroy();
      nodes.close();
    },
  };
}

function refTo({ metadata }: Pod): PodRef {
  return { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid };
}
