/** Request bodies, read whole within a limit. How long they may take is a matter of the request's own time. */
import type { IncomingMessage } from 'node:http';
import type { Env } from '#lib/env/env.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';

/** What a request body may take, as upstream. */
const bodyLimitBytes = 3 * 1024 * 1024;

/** Who sends too much reads our answer when all is sent; whoever needs longer than this may miss it. */
const lingerMs = 500;

/** Throws RequestEntityTooLarge beyond the limit, and BadRequest when the client leaves in the midst of it. */
export function readBody(request: IncomingMessage, env: Pick<Env, 'after'>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let isTooLarge = false;
    let isWhole = false;
    const refuse = () => {
      isTooLarge = true;
      chunks.length = 0;
      const cancel = env.after(lingerMs, () => reject(tooLarge()));
      for (const event of ['end', 'close']) request.once(event, cancel);
    };
    if (Number(request.headers['content-length'] ?? 0) > bodyLimitBytes) refuse();
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (isTooLarge) return;
      if (sizeBytes > bodyLimitBytes) refuse();
      else chunks.push(chunk);
    });
    request.once('end', () => {
      isWhole = true;
      if (isTooLarge) reject(tooLarge());
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    const onCut = () => {
      if (!isWhole) reject(badRequest('unexpected EOF'));
    };
    request.once('error', onCut);
    request.once('close', onCut);
  });
}

const tooLarge = () => new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimitBytes}`);
