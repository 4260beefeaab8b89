/** Waiting for a request's body without reading it. */
import type { Request } from '../answer.ts';

/**
 * Resolves when the body has arrived, or as much of it as a connection keeps before somebody reads it, or when no more of it will come; undefined
 * when there is nothing to wait for. Of a body that does not say its length, the beginning is waited for.
 */
export function bodyArrival(request: Request): Promise<void> | undefined {
  const length = lengthOf(request);
  const wanted = Math.min(length ?? 1, request.readableHighWaterMark);
  if (request.readableLength >= wanted || request.destroyed) return undefined;
  return new Promise((resolve) => {
    const settle = () => {
      request.off('readable', look);
      request.off('close', settle);
      resolve();
    };
    const look = () => {
      if (length === undefined || request.readableLength >= wanted) settle();
    };
    request.on('readable', look);
    request.once('close', settle);
  });
}

/** In bytes; undefined for a body that ends when it ends. */
function lengthOf(request: Request): number | undefined {
  const { headers, httpVersionMajor } = request;
  const given = headers['content-length'];
  if (given !== undefined) return Number(given);
  if (httpVersionMajor === 1) return headers['transfer-encoding'] === undefined ? 0 : undefined;
  const { stream } = request as Request & { stream?: { endAfterHeaders?: boolean } };
  return stream?.endAfterHeaders ? 0 : undefined;
}
