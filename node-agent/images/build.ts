/** Builds an image without running anything: the same input gives the same digest, on any machine and day. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { addImage, renderManifest, whileActive } from './add-image.ts';
import { addBlob, draftBlob, readBlob } from './blobs.ts';
import { makeBuildTree } from './build-tree.ts';
import type { TreeEntry } from './build-tree.ts';
import { planBuild } from './dockerfile.ts';
import type { BuildPlan } from './dockerfile.ts';
import type { ImageStore } from './images.ts';
import { lowerFolders } from './layers.ts';
import { mediaTypes } from './manifest.ts';
import type { Descriptor } from './manifest.ts';
import type { Platform } from './platform.ts';
import { findImage, findReference } from './records.ts';
import { parseReference, storedName } from './reference.ts';
import { blobPath, ignoreMissing } from './store.ts';
import type { Folders, ImageRecord } from './store.ts';
import { encodeHeader, endOfArchive, padding } from './tar-format.ts';
import type { ImageConfig } from './types.ts';

export interface BuildRequest {
  /** The folder that COPY reads. */
  context: string;
  /** Path of a Dockerfile. Absent: the context's `Dockerfile`; without one the context is the image's root folder. */
  dockerfile?: string;
  tag: string;
}

const wholeFolder = 'FROM scratch\nCOPY . /\n';
const mostConfigBytes = 8 * 1024 * 1024;

const emptyConfig: ImageConfig = {
  entrypoint: [],
  cmd: [],
  env: [],
  workingDir: '',
  user: '',
  stopSignal: '',
  labels: {},
  volumes: [],
};

/** What building needs to know of its base. */
interface Base {
  image: ImageRecord;
  layers: Descriptor[];
  exposed: string[];
}

/** Makes an image and gives it the tag. Rejects with DockerfileError when the Dockerfile cannot be followed. */
export async function buildImage(images: ImageStore, request: BuildRequest): Promise<{ id: string }> {
  const { folders, platform, env } = await images.open();
  const file = request.dockerfile ?? path.join(request.context, 'Dockerfile');
  const found = await readFile(file, 'utf8').catch(request.dockerfile === undefined ? ignoreMissing : undefined);
  const text = found ?? wholeFolder;
  const tag = parseReference(request.tag);
  return whileActive(folders, async () => {
    const baseName = /^\s*FROM\s+(\S+)/im.exec(text)?.[1];
    const base = baseName === undefined || baseName === 'scratch' ? undefined : await findBase(folders, baseName);
    const plan = planBuild(text, () => base?.image.config ?? emptyConfig);
    const tree = makeBuildTree(base ? await lowerFolders(folders, base.image) : []);
    for (const step of plan.steps) {
      if (step.do === 'copy') await tree.copy(request.context, step.copy);
      else await tree.addFolder(step.path);
    }
    const entries = tree.entries();
    const layers = [...(base?.layers ?? [])];
    const diffIds = base?.image.layers.map(({ diffId }) => diffId) ?? [];
    if (entries.length > 0 || layers.length === 0) {
      const layer = await addLayerBlob(folders, entries, env);
      layers.push(layer);
      // Not compressed, so that the digest depends on no compressor.
      diffIds.push(layer.digest);
    }
    const config = Buffer.from(JSON.stringify(renderConfig(plan, base, diffIds, platform)));
    const digest = await addBlob(folders, config, env.uuid());
    const manifest = {
      config: { mediaType: mediaTypes.ociConfig, digest, sizeBytes: config.length, annotations: {} },
      layers,
    };
    return { id: await addImage(folders, manifest, [renderManifest(manifest)], [tag], env) };
  });
}

async function findBase(folders: Folders, name: string): Promise<Base> {
  const reference = await findReference(folders, storedName(parseReference(name)));
  const image = reference && (await findImage(folders, reference.id));
  if (!reference || !image) throw new Error(`Cannot build from image "${name}": it is not in the store`);
  const raw = JSON.parse((await readBlob(folders, image.id, mostConfigBytes)).toString('utf8')) as {
    config?: { ExposedPorts?: Record<string, object> };
  };
  const layers = await Promise.all(
    image.layers.map(async ({ blob }): Promise<Descriptor> => {
      const { size } = await stat(blobPath(folders, blob));
      return { mediaType: mediaTypes.ociLayer, digest: blob, sizeBytes: size, annotations: {} };
    }),
  );
  return { image, layers, exposed: Object.keys(raw.config?.ExposedPorts ?? {}) };
}

async function addLayerBlob(folders: Folders, entries: readonly TreeEntry[], env: Env): Promise<Descriptor> {
  const draft = await draftBlob(folders, undefined, env.uuid());
  try {
    for (const { header, source } of entries) {
      await draft.write(encodeHeader(header));
      if (source === undefined) continue;
      let written = 0;
      for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) {
        written += chunk.length;
        await draft.write(chunk);
      }
      if (written !== header.sizeBytes) throw new Error(`Cannot build: ${source} changed while it was read`);
      await draft.write(padding(written));
    }
    await draft.write(endOfArchive);
    const sizeBytes = draft.writtenBytes;
    return { mediaType: mediaTypes.ociLayer, digest: await draft.finish(), sizeBytes, annotations: {} };
  } finally {
    await draft.discard();
  }
}

/** The image config in OCI's form; empty fields are left out, as Docker does. */
function renderConfig(plan: BuildPlan, base: Base | undefined, diffIds: string[], platform: Platform): object {
  const { config } = plan;
  const exposed = [...new Set([...(base?.exposed ?? []), ...plan.exposed])].sort();
  const keys = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]));
  const filled = Object.entries({
    User: config.user,
    ExposedPorts: keys(exposed),
    Env: config.env,
    Entrypoint: config.entrypoint,
    Cmd: config.cmd,
    Volumes: keys(config.volumes.toSorted()),
    WorkingDir: config.workingDir,
    Labels: config.labels,
    StopSignal: config.stopSignal,
  }).filter(([, value]) => Object.keys(value).length > 0);
  return { ...platform, config: Object.fromEntries(filled), rootfs: { type: 'layers', diff_ids: diffIds } };
}
