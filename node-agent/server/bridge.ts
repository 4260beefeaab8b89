/** Joins gRPC streams to sessions in containers and to ports of pods, without letting either side run ahead without bound. */
import type { Duplex } from 'node:stream';
import { Metadata } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { toServiceError } from '#lib/client/grpc-status.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import type { Chunk, ExecInput, ExecOutput, ExecStart, PortInput, PortStart } from '#protos/gen/node.ts';
import type { StreamSession, StreamSink } from '../runtime/types.ts';

/** Input that comes before the session stands. */
const earlyLimit = 1024;

/** Finds where to begin a session, or throws; and begins it. */
export type Open = (start: ExecStart) => (sink: StreamSink) => Promise<StreamSession>;

/** Serves one exec or attach call. */
export function serveSession(call: ServerDuplexStream<ExecInput, ExecOutput>, open: Open): void {
  let session: StreamSession | undefined;
  let started = false;
  const early: ExecInput[] = [];

  const fail = (error: unknown) => {
    session?.kill();
    call.emit('error', toServiceError(error instanceof ApiError ? error : sessionError(error)));
  };
  /** Holds the session's output back while the caller does not read. */
  const send = (output: ExecOutput): void | Promise<void> => {
    if (call.write(output)) return;
    return new Promise((resolve) => {
      const goOn = () => {
        for (const event of ['drain', 'cancelled', 'close']) call.off(event, goOn);
        resolve();
      };
      for (const event of ['drain', 'cancelled', 'close']) call.once(event, goOn);
    });
  };
  const give = (input: ExecInput) => {
    const taken = input.stdin && input.stdin.length > 0 ? session!.write(input.stdin) : undefined;
    if (taken) {
      call.pause();
      const goOn = () => call.resume();
      taken.then(goOn, goOn);
    }
    if (input.stdinClosed) session!.closeStdin();
    if (input.resize) session!.resize(input.resize.width, input.resize.height);
  };
  const sink: StreamSink = {
    stdout: (data) => send({ stdout: data }),
    stderr: (data) => send({ stderr: data }),
  };
  async function run(start: ExecStart): Promise<void> {
    const begin = open(start);
    // The first headers tell that the session will begin: those who ask promise it to their clients then.
    call.sendMetadata(new Metadata());
    session = await begin(sink);
    if (call.cancelled) return session.kill();
    for (const input of early.splice(0)) give(input);
    const code = await session.exited;
    call.write({ exit: { code, error: '' } });
    call.end();
  }

  call.on('data', (input: ExecInput) => {
    if (!started) {
      started = true;
      if (input.start) run(input.start).catch(fail);
      else fail(badRequest('the first message must say what to start'));
    } else if (session) give(input);
    else if (early.length < earlyLimit) early.push(input);
    else fail(badRequest('too much input before the session stands'));
  });
  call.on('end', () => session?.closeStdin());
  call.on('cancelled', () => session?.kill());
  call.on('error', () => session?.kill());
}

function sessionError(error: unknown): ApiError {
  return new ApiError('InternalError', error instanceof Error ? error.message : String(error), undefined, {
    cause: error,
  });
}

/** Serves one connection into a pod; each side is paused while the other cannot take more. */
export function servePort(
  call: ServerDuplexStream<PortInput, Chunk>,
  open: (start: PortStart) => Promise<Duplex>,
): void {
  let port: Duplex | undefined;
  let started = false;
  const fail = (error: unknown) => {
    port?.destroy();
    call.emit('error', toServiceError(error instanceof ApiError ? error : sessionError(error)));
  };
  const give = (input: PortInput) => {
    if (input.data && input.data.length > 0 && !port!.write(input.data)) {
      call.pause();
      port!.once('drain', () => call.resume());
    }
    if (input.closed) port!.end();
  };
  async function run(start: PortStart): Promise<void> {
    // Nothing is read until the port is open: what comes meanwhile waits in the transport, which is bounded.
    call.pause();
    port = await open(start);
    // From the first moment: a stream that is given up early says so as an error.
    port.on('error', fail);
    if (call.cancelled) return void port.destroy();
    port.on('data', (data: Buffer) => {
      if (call.write({ data })) return;
      port!.pause();
      call.once('drain', () => port!.resume());
    });
    port.on('end', () => call.end());
    call.resume();
  }
  call.on('data', (input: PortInput) => {
    if (started && port) return give(input);
    if (started) return fail(badRequest('data before the port is open'));
    started = true;
    if (input.start) run(input.start).catch(fail);
    else fail(badRequest('the first message must name the port'));
  });
  call.on('end', () => port?.end());
  call.on('cancelled', () => port?.destroy());
  call.on('error', () => port?.destroy());
}
