/** Answers that are compressed on their way, as upstream's are from a size on when the client takes gzip. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Response } from './answer.ts';

/** Bodies up to this size are sent as they are. */
const thresholdBytes = 128 * 1024;

/** Compresses little and quickly. */
const level = 1;

/** Whether a body of this size is to be compressed for this client. */
export function isCompressed({ req }: Response, sizeBytes: number): boolean {
  if (sizeBytes <= thresholdBytes) return false;
  const accepted = req.headers['accept-encoding'];
  return accepted !== undefined && accepted.split(',').some((name) => name.trim() === 'gzip');
}

/** Sends the chunks compressed, as fast as the client takes them. Resolves when all is sent, or nothing more can be; never rejects. */
export async function sendCompressed(
  response: Response,
  code: number,
  headers: Record<string, string>,
  chunks: Iterable<Buffer>,
): Promise<void> {
  try {
    const vary = response.getHeader('vary');
    response.writeHead(code, {
      ...headers,
      'content-encoding': 'gzip',
      vary: vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`,
    });
    await pipeline(Readable.from(chunks), createGzip({ level }), response);
  } catch {
    // The client has gone, or was answered already. Either way the connection is all that is left to end.
    response.destroy();
  }
}
