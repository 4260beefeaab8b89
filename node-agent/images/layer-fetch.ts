/** Brings single layers and blobs, each once however many images want it at the same time. */
import { stat } from 'node:fs/promises';
import type { Env } from '#lib/env/env.ts';
import { draftBlob, isWhole } from './blobs.ts';
import type { BlobDraft } from './blobs.ts';
import { addLayer, findLayer } from './layers.ts';
import type { Descriptor } from './manifest.ts';
import { partialBytes, resumeBlob } from './partials.ts';
import type { Repository } from './registry.ts';
import { makeFlights } from './single-flight.ts';
import { blobPath, exists, ignoreMissing } from './store.ts';
import type { Folders } from './store.ts';
import { makeTurns } from './turns.ts';
import { within } from './within.ts';

export interface LayerFetch {
  /** Makes sure of a blob. */
  blob(repository: Repository, wanted: Descriptor, signal: AbortSignal): Promise<void>;
  /** Makes sure of an extracted layer, from the blob that is here when it is good. */
  layer(repository: Repository, diffId: string, wanted: Descriptor, signal: AbortSignal): Promise<void>;
  /** Makes sure of an extracted layer without a registry; resolves to false when its blob is not here, or spoiled. */
  restore(diffId: string, blob: string, signal: AbortSignal): Promise<boolean>;
  /** What is here of a blob, or on its way, in bytes. */
  fetchedBytes(digest: string): Promise<number>;
}

/** Extracting takes a core or more, so few at a time; downloads go on meanwhile. */
const extractionsAtOnce = 2;
const readWholeBytes = 1024 * 1024;

export function makeLayerFetch(folders: Folders, env: Env): LayerFetch {
  const blobs = makeFlights<void>();
  const layers = makeFlights<void>();
  const extractions = makeTurns(extractionsAtOnce);
  const drafts = new Map<string, BlobDraft>();

  /** Large blobs are only looked at: what is made of them is verified. */
  const isHere = async ({ digest, sizeBytes }: Descriptor) =>
    sizeBytes <= readWholeBytes
      ? isWhole(folders, digest)
      : (await stat(blobPath(folders, digest)).catch(ignoreMissing))?.size === sizeBytes;

  const fetchBlob: LayerFetch['blob'] = (repository, wanted, signal) =>
    blobs.share(wanted.digest, signal, async (signal) => {
      if (await isHere(wanted)) return;
      // Small ones are soon here again; and of two processes that fetch the same, one has to begin at the beginning.
      const resumed = wanted.sizeBytes > readWholeBytes ? await resumeBlob(folders, wanted) : undefined;
      const draft = resumed ?? (await draftBlob(folders, wanted.digest, env.uuid()));
      if (draft.writtenBytes > 0)
        env.log.info('Going on with a download', { digest: wanted.digest, from: draft.writtenBytes });
      drafts.set(wanted.digest, draft);
      try {
        await repository.blob(wanted.digest, wanted.sizeBytes, draft, signal);
        await draft.finish();
      } finally {
        drafts.delete(wanted.digest);
        await draft.discard();
      }
    });

  const extract = (diffId: string, blob: string, signal: AbortSignal) =>
    within(`failed to extract layer ${diffId}: `, () =>
      extractions(signal, () => addLayer(folders, { diffId, blob }, env.uuid, signal)),
    );

  return {
    blob: (repository, wanted, signal) => within('failed to copy: ', () => fetchBlob(repository, wanted, signal)),
    layer: (repository, diffId, wanted, signal) =>
      layers.share(`${diffId} ${wanted.digest}`, signal, async (signal) => {
        const wasHere = await isHere(wanted);
        await within('failed to copy: ', () => fetchBlob(repository, wanted, signal));
        if (await findLayer(folders, diffId)) return;
        try {
          await extract(diffId, wanted.digest, signal);
        } catch (error) {
          // One that was here from before may have been spoiled since; then it is not here any more.
          if (signal.aborted || !wasHere || (await isHere(wanted))) throw error;
          await within('failed to copy: ', () => fetchBlob(repository, wanted, signal));
          await extract(diffId, wanted.digest, signal);
        }
      }),
    async restore(diffId, blob, signal) {
      if (await findLayer(folders, diffId)) return true;
      if (!(await exists(blobPath(folders, blob)))) return false;
      try {
        await layers.share(`${diffId} ${blob}`, signal, (signal) => extract(diffId, blob, signal));
        env.log.warn('A layer was missing or damaged, and has been extracted anew', { layer: diffId });
        return true;
      } catch (error) {
        signal.throwIfAborted();
        env.log.warn('A layer is missing or damaged, and cannot be extracted anew', { layer: diffId, error });
        return false;
      }
    },
    async fetchedBytes(digest) {
      const draft = drafts.get(digest);
      if (draft) return draft.writtenBytes;
      return (await stat(blobPath(folders, digest)).catch(ignoreMissing))?.size ?? partialBytes(folders, digest);
    },
  };
}
