/** Extracts one layer into an empty folder: blob -> decompressed -> filtered -> `tar`. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { decompressed } from './compression.ts';
import { layerLimits, makeLayerFilter } from './layer-filter.ts';
import type { LayerLimits } from './layer-filter.ts';
import { roomIn } from './room.ts';
import { TarError } from './tar-format.ts';

/** What one layer turned out to be. */
export interface Extracted {
  /** `sha256:...` of the unpacked tar. */
  diffId: string;
  /** Hides all layers below. */
  isOpaque: boolean;
}

const tarArguments = [
  '--extract',
  '--file=-',
  '--numeric-owner',
  '--same-owner',
  '--same-permissions',
  '--delay-directory-restore',
  '--xattrs',
  '--xattrs-include=*',
  '--no-selinux',
  '--no-acls',
];

const longestComplaint = 4096;

/** Headers and padding beside the files' bytes, which a small blob may unpack to without end. */
const mostFrameBytes = 1024 ** 3;

/**
 * Rejects when the layer is refused or broken, or holds more than the disk or `limits` allow; the folder may then hold anything, and is the
 * caller's to remove.
 */
export async function extractLayer(
  blob: string,
  folder: string,
  signal: AbortSignal,
  limits: LayerLimits = layerLimits,
): Promise<Extracted> {
  const hash = createHash('sha256');
  const room = await roomIn(folder);
  const sizeBytes = Math.min(limits.sizeBytes, room.bytes);
  const filter = makeLayerFilter({ ...limits, sizeBytes, entries: Math.min(limits.entries, room.files) });
  let unpackedBytes = 0;
  const tar = spawn('tar', [...tarArguments, `--directory=${folder}`], {
    stdio: ['pipe', 'ignore', 'pipe'],
    // Without the caller's TAR_OPTIONS.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  let complaint = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, longestComplaint);
  });
  const exited = new Promise<void>((resolve, reject) => {
    tar.on('error', reject);
    tar.on('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(new Error(`tar failed: ${complaint.trim() || (killedBy ?? `exit code ${code}`)}`));
    });
  });
  const fed = pipeline(
    decompressed(createReadStream(blob, { highWaterMark: 256 * 1024 })),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        unpackedBytes += chunk.length;
        if (unpackedBytes > sizeBytes + mostFrameBytes)
          throw new TarError(`the layer unpacks to more than ${sizeBytes + mostFrameBytes} bytes`);
        yield* filter.push(chunk);
      }
      yield* filter.end();
    },
    tar.stdin,
    { signal },
  );
  const [feeding, ending] = await Promise.allSettled([
    fed.catch((error: unknown) => {
      // Our side failed first, unless tar closed its end on us.
      if (!isBrokenPipe(error)) tar.kill('SIGKILL');
      throw error;
    }),
    exited,
  ]);
  if (feeding.status === 'rejected' && !isBrokenPipe(feeding.reason)) throw feeding.reason;
  if (ending.status === 'rejected') throw ending.reason;
  if (feeding.status === 'rejected') throw feeding.reason;
  return { diffId: `sha256:${hash.digest('hex')}`, isOpaque: filter.isOpaque() };
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}
