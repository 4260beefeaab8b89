/** For tests: a node's agent that speaks the true protocol, whose containers are processes of this machine. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { toServiceError } from '#lib/client/grpc-status.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import { nodeService } from '#protos/gen/node.ts';
import type { Chunk, ExecInput, ExecOutput, ExecStart, LogsRequest, PortInput, Resize } from '#protos/gen/node.ts';

export interface Peer {
  port: number;
  /** What the API server asked for, in order. */
  starts: ExecStart[];
  logRequests: LogsRequest[];
  resizes: Resize[];
  /** Processes that still run. */
  running(): number;
  /** Connections into pods that are open. */
  connections(): number;
  /** Bytes of output that the API server has been given and not yet taken. */
  unsentBytes(): number;
  stop(): Promise<void>;
}

/** Containers with this name do not run. */
export const deadContainer = 'dead';
/** This command's attach reaches a process that echoes. */
const attached = ['sh', '-c', 'echo attached; cat'];

export async function startPeer(authorityPem: string, own: KeyPair): Promise<Peer> {
  const starts: ExecStart[] = [];
  const logRequests: LogsRequest[] = [];
  const resizes: Resize[] = [];
  const children = new Set<ChildProcessWithoutNullStreams>();
  let connections = 0;
  let unsentBytes = 0;

  const session = (command?: string[]) => (call: ServerDuplexStream<ExecInput, ExecOutput>) => {
    let child: ChildProcessWithoutNullStreams | undefined;
    const send = (source: NodeJS.ReadableStream, output: (data: Buffer) => ExecOutput) =>
      source.on('data', (data: Buffer) => {
        unsentBytes += data.length;
        if (!call.write(output(data), () => (unsentBytes -= data.length))) {
          source.pause();
          call.once('drain', () => source.resume());
        }
      });
    const begin = (start: ExecStart) => {
      starts.push(start);
      if (start.container === deadContainer) {
        call.emit('error', toServiceError(new ApiError('NotFound', `container not found ("${deadContainer}")`)));
        return;
      }
      call.sendMetadata(new Metadata());
      const [program = 'sh', ...args] = command ?? start.command;
      // A terminal has one output.
      const words = start.tty ? ['sh', '-c', 'exec "$@" 2>&1', 'sh', program, ...args] : [program, ...args];
      const made = spawn(words[0]!, words.slice(1));
      child = made;
      children.add(made);
      made.stdin.on('error', () => {});
      send(made.stdout, (stdout) => ({ stdout }));
      send(made.stderr, (stderr) => ({ stderr }));
      made.on('error', (error) => call.write({ exit: { code: 0, error: error.message } }));
      made.on('close', (code) => {
        children.delete(made);
        if (code !== null && code >= 0) call.write({ exit: { code, error: '' } });
        call.end();
      });
      if (!start.stdin) made.stdin.end();
    };
    call.on('data', (input: ExecInput) => {
      if (input.start) begin(input.start);
      if (input.resize) resizes.push(input.resize);
      if (input.stdin && child && !child.stdin.write(input.stdin)) {
        call.pause();
        child.stdin.once('drain', () => call.resume());
      }
      if (input.stdinClosed) child?.stdin.end();
    });
    call.on('cancelled', () => child?.kill('SIGKILL'));
    call.on('error', () => child?.kill('SIGKILL'));
  };

  const logs = (call: ServerWritableStream<LogsRequest, Chunk>) => {
    const { request } = call;
    logRequests.push(request);
    if (request.previous)
      return call.emit(
        'error',
        toServiceError(new ApiError('BadRequest', 'previous terminated container "main" in pod "web" not found')),
      );
    call.write({ data: Buffer.from('one\ntwo\n') });
    if (!request.follow) return call.end();
    const child = spawn('sh', ['-c', 'while :; do echo more; sleep 0.05; done']);
    children.add(child);
    child.stdout.on('data', (data: Buffer) => call.write({ data }));
    child.on('close', () => children.delete(child));
    call.on('cancelled', () => child.kill('SIGKILL'));
    return true;
  };

  const portForward = (call: ServerDuplexStream<PortInput, Chunk>) => {
    call.once('data', ({ start }: PortInput) => {
      call.pause();
      const socket = connect({ port: start!.port, host: '127.0.0.1', allowHalfOpen: true });
      connections += 1;
      socket.on('close', () => (connections -= 1));
      socket.on('error', (error) => call.emit('error', toServiceError(new ApiError('InternalError', error.message))));
      socket.on('data', (data: Buffer) => {
        if (call.write({ data })) return;
        socket.pause();
        call.once('drain', () => socket.resume());
      });
      socket.on('end', () => call.end());
      call.on('cancelled', () => socket.destroy());
      call.on('end', () => socket.end());
      call.on('data', (input: PortInput) => {
        if (input.closed) socket.end();
        if (!input.data || socket.write(input.data)) return;
        call.pause();
        socket.once('drain', () => call.resume());
      });
      call.resume();
    });
  };

  const unary = (_call: unknown, callback: (error: Error) => void) => callback(new Error('not part of this test'));
  const server = new Server();
  server.addService(nodeService, {
    logs,
    exec: session(),
    attach: session(attached),
    portForward,
    stats: unary,
    listImages: unary,
    removeImage: unary,
  });
  const pair = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certPem) };
  const credentials = ServerCredentials.createSsl(Buffer.from(authorityPem), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, given) => (error ? reject(error) : resolve(given)));
  });
  return {
    port,
    starts,
    logRequests,
    resizes,
    running: () => children.size,
    connections: () => connections,
    unsentBytes: () => unsentBytes,
    async stop() {
      server.forceShutdown();
      for (const child of children) child.kill('SIGKILL');
      for (const child of children) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
