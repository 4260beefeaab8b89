/** Answers that tell when they begin, and count what they carry. It is done in the prototype, so that it costs a request next to nothing. */
import type { RequestContext, RequestObserver } from './request-context.ts';

const context = Symbol('the context of the request that this answers');

interface Answer {
  [context]?: RequestContext;
}

/** Lets the answer write its code and size into the context of its request. */
export function setContext(response: object, of: RequestContext): void {
  (response as Answer)[context] = of;
}

/** The context that was set; undefined for the answer to what is no request of ours. */
export function contextOf(response: object): RequestContext | undefined {
  return (response as Answer)[context];
}

type Method = (this: Answer, ...args: unknown[]) => unknown;

interface Base {
  writeHead: unknown;
  write: unknown;
  end: unknown;
}

/** A prototype on top of `base`. `lastChunk`: whether `base` sends what end() is given by a call of write(), or apart from it. */
export function observed(base: Base, { onAnswer }: Required<RequestObserver>, lastChunk: 'by write' | 'apart'): object {
  const { writeHead, write, end } = base as Record<keyof Base, Method>;
  return Object.assign(Object.create(base) as object, {
    writeHead(this: Answer, code: number, ...args: unknown[]): unknown {
      const result = writeHead.call(this, code, ...args);
      const told = this[context];
      if (told && told.code === 0 && code >= 200) {
        told.code = code;
        onAnswer(told);
      }
      return result;
    },
    write(this: Answer, chunk: unknown, ...args: unknown[]): unknown {
      count(this[context], chunk);
      return write.call(this, chunk, ...args);
    },
    ...(lastChunk === 'apart' && {
      end(this: Answer, chunk: unknown, ...args: unknown[]): unknown {
        count(this[context], chunk);
        return end.call(this, chunk, ...args);
      },
    }),
  });
}

function count(told: RequestContext | undefined, chunk: unknown): void {
  if (!told) return;
  if (typeof chunk === 'string') told.bytesSent += Buffer.byteLength(chunk);
  else if (chunk instanceof Uint8Array) told.bytesSent += chunk.length;
}
