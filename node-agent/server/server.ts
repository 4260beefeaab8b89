/** The Node service: what the API server asks of this node. Mutual TLS; only the API server and administrators are answered. Beside it, pages for others. */
import type { PeerCertificate } from 'node:tls';
import { Server } from '@grpc/grpc-js';
import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerOptions,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { toServiceError } from '#lib/client/grpc-status.ts';
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import type { Service } from '#lib/env/service.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { ApiError, notFound } from '#lib/meta/errors.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { nodeService } from '#protos/gen/node.ts';
import type {
  Chunk,
  ExecInput,
  ExecOutput,
  ExecStart,
  ListImagesReply,
  LogsRequest,
  PodRef,
  PortInput,
  RemoveImageReply,
  RemoveImageRequest,
  StatsReply,
} from '#protos/gen/node.ts';
import type { Images } from '../images/types.ts';
import { runsOf } from '../lifecycle/containers.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { Attacher, Executor, LayerLister, PortOpener, Runtime, StatsReader } from '../runtime/types.ts';
import type { NodeSettings } from '../settings/fields.ts';
import { tellKubeletConfiguration } from '../settings/kubelet-configuration.ts';
import { makeAccess } from './access.ts';
import { servePort, serveSession } from './bridge.ts';
import { demandKnown } from './caller.ts';
import { openFront } from './front.ts';
import { streamLog } from './log-stream.ts';
import { makeDiskUsage } from './disk-usage.ts';
import { makeMetrics } from './metrics.ts';
import { makePages } from './pages.ts';
import type { PagesParts } from './pages.ts';
import type { MachineIds } from './cadvisor-metrics.ts';
import { makeReader } from './readings.ts';
import { makeSummarizer } from './stats.ts';
import { measureClaims } from './volume-metrics.ts';

/** The settings are told to who asks for them. */
export interface ServerConfig extends NodeSettings {
  nodeName: string;
  /** Port 0 for any. */
  listen: { host: string; port: number };
  /** PEM files, taken over when they change. */
  tls: { caFile: string; certFile: string; keyFile: string };
  logDir: string;
  /** What `/logs/` serves; where a machine has its logs when absent. */
  nodeLogDir?: string;
  /** Whose file systems are told of. */
  stateDir: string;
  imageDir: string;
}

export interface ServerParts {
  env: Env;
  /** Asked who somebody is and what they may. */
  client: Pick<Client, 'create'>;
  runtime: Runtime & Executor & Attacher & PortOpener & StatsReader & LayerLister;
  images: Images;
  pods: Pick<Pods, 'seen' | 'all' | 'onRunChange'>;
  machine: MachineIds;
  probeMetrics: PagesParts['probeMetrics'];
  deviceMetrics: PagesParts['deviceMetrics'];
}

export interface NodeServer extends Service {
  readonly port: number;
}

const usualNodeLogDir = '/var/log';

const options: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

/** Starts listening; resolves once calls are answered. */
export async function startServer(config: ServerConfig, parts: ServerParts): Promise<NodeServer> {
  const { env, runtime, pods } = parts;
  const { logDir, nodeLogDir = usualNodeLogDir } = config;
  const disks = makeDiskUsage(runtime, logDir, env);
  const stats = {
    read: makeReader(config, runtime, disks, env),
    summarize: makeSummarizer(config.nodeName, env.now()),
  };
  const calls = makeServer(config, parts, stats);
  const tls = followTls(config.tls, env);
  const metrics = makeMetrics(config.nodeName, pods, env);
  measureClaims(metrics, pods, disks);
  const access = makeAccess(config.nodeName, parts.client, env);
  const { machine, probeMetrics, deviceMetrics } = parts;
  const pages = makePages({
    env,
    access,
    pods,
    stats,
    metrics,
    probeMetrics,
    deviceMetrics,
    machine,
    configuration: tellKubeletConfiguration(config),
    logDir,
    nodeLogDir,
  });
  const front = await openFront(config.listen, tls, calls, pages, env);
  return {
    port: front.port,
    stop() {
      // Streams last as long as containers do: nobody waits for them.
      calls.forceShutdown();
      front.close();
      tls.close();
      return Promise.resolve();
    },
  };
}

function makeServer(
  config: ServerConfig,
  { env, runtime, images, pods }: ServerParts,
  stats: PagesParts['stats'],
): Server {
  const server = new Server(options);

  const fail = (error: unknown) => {
    if (!(error instanceof ApiError)) env.log.error('A call failed', { error });
    return toServiceError(error);
  };
  const unary =
    <Req, Res>(answer: (request: Req) => Promise<Res>) =>
    (call: ServerUnaryCall<Req, Res>, callback: sendUnaryData<Res>) => {
      const run = async () => {
        try {
          authorize(call);
          callback(null, await answer(call.request));
        } catch (error) {
          callback(fail(error));
        }
      };
      void run();
    };
  /** Refuses a stream by its caller before anything is done for it. */
  const guarded =
    <C extends Authenticated & { emit(event: 'error', error: Error): boolean }>(serve: (call: C) => void) =>
    (call: C) => {
      try {
        authorize(call);
        serve(call);
      } catch (error) {
        call.emit('error', fail(error));
      }
    };

  function podOf(ref: PodRef | undefined): Seen & { pod: Pod } {
    const seen = ref && (pods.seen(ref.uid) ?? pods.all().find(({ pod }) => isNamed(pod, ref)));
    if (!seen?.pod) throw notFound(podKind, ref?.name ?? '');
    return { ...seen, pod: seen.pod };
  }

  function runningId(ref: PodRef | undefined, container: string): string {
    const { pod, observed } = podOf(ref);
    const name = container || pod.spec.containers[0]!.name;
    const run = runsOf(observed, name)[0];
    if (run?.state !== 'running') throw new ApiError('NotFound', `container not found ("${name}")`);
    return run.id;
  }

  async function logs(call: ServerWritableStream<LogsRequest, Chunk>): Promise<void> {
    const { request } = call;
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort(new Error('cancelled')));
    const write = async (data: Buffer) => {
      if (!call.write({ data })) await drained(call, abort.signal);
    };
    await streamLog(config.logDir, pods, podOf(request.pod), request, write, abort.signal);
    call.end();
  }

  server.addService(nodeService, {
    logs: guarded((call: ServerWritableStream<LogsRequest, Chunk>) => {
      logs(call).catch((error: unknown) => call.emit('error', fail(error)));
    }),
    exec: guarded((call: ServerDuplexStream<ExecInput, ExecOutput>) =>
      serveSession(call, ({ pod, container, command, tty, stdin }: ExecStart) => {
        const id = runningId(pod, container);
        return (sink) => runtime.exec(id, command, { tty, stdin }, sink);
      }),
    ),
    attach: guarded((call: ServerDuplexStream<ExecInput, ExecOutput>) =>
      serveSession(call, ({ pod, container, tty, stdin }: ExecStart) => {
        const id = runningId(pod, container);
        return (sink) => runtime.attach(id, { tty, stdin }, sink);
      }),
    ),
    portForward: guarded((call: ServerDuplexStream<PortInput, Chunk>) =>
      servePort(call, async ({ pod, port }) => runtime.openPort(podOf(pod).pod.metadata.uid, port)),
    ),
    stats: unary(async (): Promise<StatsReply> => {
      return { summary: Buffer.from(JSON.stringify(stats.summarize(await stats.read(pods.all())))) };
    }),
    listImages: unary(async (): Promise<ListImagesReply> => {
      const list = await images.list();
      return { images: list.map(({ id, tags, digests, sizeBytes }) => ({ id, tags, digests, sizeBytes })) };
    }),
    removeImage: unary(async ({ image }: RemoveImageRequest): Promise<RemoveImageReply> => {
      await images.remove(image);
      return {};
    }),
  });
  return server;
}

interface Authenticated {
  getAuthContext(): { sslPeerCertificate?: PeerCertificate };
}

function authorize(call: Authenticated): void {
  demandKnown(call.getAuthContext().sslPeerCertificate);
}

function isNamed(pod: Pod | undefined, ref: PodRef): boolean {
  return ref.uid === '' && pod?.metadata.name === ref.name && pod.metadata.namespace === ref.namespace;
}

/** Resolves when the stream takes more; rejects when it is given up. */
function drained(call: ServerWritableStream<LogsRequest, Chunk>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      signal.removeEventListener('abort', onAbort);
      call.off('drain', finish);
      resolve();
    };
    const onAbort = () => {
      call.off('drain', finish);
      reject(signal.reason as Error);
    };
    call.once('drain', finish);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
