/** How far a pull has come, in the words of an event, and read back from them: an event has nothing but its message to carry it. */
import type { PullProgress } from './types.ts';

/** The message of a `Pulling` event. `image` as in the pod. */
export function progressText(image: string, { fetchedBytes, totalBytes }: PullProgress): string {
  return `Pulling image "${image}": ${fetchedBytes} of ${totalBytes} bytes fetched`;
}

/** What such a message tells; undefined for every other. */
export function readProgress(message: string): PullProgress | undefined {
  const [, fetched, total] = /^Pulling image ".*": (\d+) of (\d+) bytes fetched$/.exec(message) ?? [];
  return fetched === undefined ? undefined : { fetchedBytes: Number(fetched), totalBytes: Number(total) };
}
