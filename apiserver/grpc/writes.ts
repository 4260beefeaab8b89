/** A stream of writes: many under way at once, each answered when it is done. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import { toApiError } from '#lib/client/grpc-status.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { WriteReply, WriteRequest } from '#protos/gen/cluster.ts';

export type WritesCall = ServerDuplexStream<WriteRequest, WriteReply>;

/** Writes of one stream that are under way at a time; then no more are read from it. */
const pipelined = 64;

const nothing = Buffer.alloc(0);

/** Serves the call until the client ends it. A failed write is answered, and ends nothing. */
export function serveWrites(
  call: WritesCall,
  perform: (request: WriteRequest) => Promise<Omit<WriteReply, 'id' | 'status'>>,
  env: Env,
): void {
  let underWay = 0;
  let ended = false;
  const answer = (reply: WriteReply) => {
    call.write(reply);
    underWay--;
    if (underWay < pipelined && !call.writableNeedDrain) call.resume();
    if (ended && underWay === 0) call.end();
  };
  call.on('data', (request: WriteRequest) => {
    underWay++;
    if (underWay >= pipelined || call.writableNeedDrain) call.pause();
    perform(request).then(
      (done) => answer({ id: request.id, status: nothing, ...done }),
      (error: unknown) => {
        if (!(error instanceof ApiError)) env.log.error('A write failed', { error });
        const status = Buffer.from(JSON.stringify(toApiError(error).toStatus()));
        answer({ id: request.id, object: nothing, revision: '', status });
      },
    );
  });
  call.on('drain', () => underWay < pipelined && call.resume());
  call.on('end', () => {
    ended = true;
    if (underWay === 0) call.end();
  });
}
