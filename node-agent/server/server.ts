/** The Node service: what the API server asks of this node. Mutual TLS; only the API server and administrators are answered. */
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
import { serverCredentials } from '#lib/client/grpc-tls.ts';
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import type { Service } from '#lib/env/service.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { ApiError, forbidden, notFound } from '#lib/meta/errors.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { parseTime } from '#lib/meta/time.ts';
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
import type { Attacher, Executor, PortOpener, Runtime, StatsReader } from '../runtime/types.ts';
import { servePort, serveSession } from './bridge.ts';
import { readLog } from './log-reader.ts';
import { findLog } from './logs.ts';
import { makeStats } from './stats.ts';

export interface ServerConfig {
  nodeName: string;
  /** Port 0 for any. */
  listen: { host: string; port: number };
  /** PEM files, taken over when they change. */
  tls: { caFile: string; certFile: string; keyFile: string };
  logDir: string;
}

export interface ServerParts {
  env: Env;
  runtime: Runtime & Executor & Attacher & PortOpener & StatsReader;
  images: Images;
  pods: Pick<Pods, 'seen' | 'all' | 'onRunChange'>;
}

export interface NodeServer extends Service {
  readonly port: number;
}

const options: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

/** Starts listening; resolves once calls are answered. */
export async function startServer(config: ServerConfig, parts: ServerParts): Promise<NodeServer> {
  const server = makeServer(config, parts);
  const { host, port } = config.listen;
  const tls = followTls(config.tls, parts.env);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, serverCredentials(tls), (error, given) =>
      error ? reject(error) : resolve(given),
    );
  });
  return {
    port: bound,
    stop() {
      // Streams last as long as containers do: nobody waits for them.
      server.forceShutdown();
      tls.close();
      return Promise.resolve();
    },
  };
}

function makeServer(config: ServerConfig, { env, runtime, images, pods }: ServerParts): Server {
  const server = new Server(options);
  const stats = makeStats(config.nodeName, env.now(), runtime, env);

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
    const { pod } = podOf(request.pod);
    const container = request.container || pod.spec.containers[0]!.name;
    const { file, attempt } = await findLog(config.logDir, podOf(request.pod), container, request.previous);
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort(new Error('cancelled')));
    const following = request.follow
      ? {
          isOver: () => !isRunning(pods.seen(pod.metadata.uid), container, attempt),
          onChange: (listener: () => void) => pods.onRunChange((uid) => uid === pod.metadata.uid && listener()),
        }
      : undefined;
    const query = {
      timestamps: request.timestamps,
      sinceMs: parseTime(request.sinceTime || undefined),
      tailLines: request.tailLines < 0 ? undefined : request.tailLines,
      limitBytes: request.limitBytes > 0 ? request.limitBytes : undefined,
    };
    const write = async (data: Buffer) => {
      if (!call.write({ data })) await drained(call, abort.signal);
    };
    await readLog(file, query, following, write, abort.signal);
    call.end();
  }

  server.addService(nodeService, {
    logs: guarded((call: ServerWritableStream<LogsRequest, Chunk>) => {
      logs(call).catch((error: unknown) => call.emit('error', fail(error)));
    }),
    exec: guarded((call: ServerDuplexStream<ExecInput, ExecOutput>) =>
      serveSession(call, async ({ pod, container, command, tty, stdin }: ExecStart, sink) =>
        runtime.exec(runningId(pod, container), command, { tty, stdin }, sink),
      ),
    ),
    attach: guarded((call: ServerDuplexStream<ExecInput, ExecOutput>) =>
      serveSession(call, async ({ pod, container, tty, stdin }: ExecStart, sink) =>
        runtime.attach(runningId(pod, container), { tty, stdin }, sink),
      ),
    ),
    portForward: guarded((call: ServerDuplexStream<PortInput, Chunk>) =>
      servePort(call, async ({ pod, port }) => runtime.openPort(podOf(pod).pod.metadata.uid, port)),
    ),
    stats: unary(async (): Promise<StatsReply> => {
      return { summary: Buffer.from(JSON.stringify(await stats.summary(pods.all()))) };
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

/** The API server calls in its own name; administrators may too. TLS has checked that the cluster's CA signed the certificate. */
function authorize(call: Authenticated): void {
  const subject = call.getAuthContext().sslPeerCertificate?.subject;
  const names = [subject?.CN].flat();
  const groups = [subject?.O].flat();
  if (names.includes('kube-apiserver') || groups.includes('system:masters')) return;
  throw forbidden(nodeKind, '', `User "${names[0] ?? 'system:anonymous'}" cannot proxy to this node`);
}

function isNamed(pod: Pod | undefined, ref: PodRef): boolean {
  return ref.uid === '' && pod?.metadata.name === ref.name && pod.metadata.namespace === ref.namespace;
}

function isRunning(seen: Seen | undefined, container: string, attempt: number): boolean {
  return runsOf(seen?.observed, container).some((run) => run.attempt === attempt && run.state !== 'exited');
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
