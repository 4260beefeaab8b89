/** Images from and to a single tar: what `docker save` writes, and OCI layouts. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Env } from '#lib/env/env.ts';
import { addImage, renderManifest, whileActive } from './add-image.ts';
import { addBlob, draftBlob, readBlob } from './blobs.ts';
import { decompressed } from './compression.ts';
import { mediaTypes, parseManifest } from './manifest.ts';
import type { Descriptor, Manifest } from './manifest.ts';
import { choosePlatform, fits } from './platform.ts';
import type { Platform } from './platform.ts';
import { findImage } from './records.ts';
import { formatReference, parseReference } from './reference.ts';
import type { Reference } from './reference.ts';
import { roomIn } from './room.ts';
import { blobPath, hexOf, sha256 } from './store.ts';
import type { Folders, ReferenceRecord } from './store.ts';
import { encodeHeader, endOfArchive, padding } from './tar-format.ts';
import { makeTarReader } from './tar-reader.ts';

/** Where each file of the archive lies; links are followed. */
type Index = ReadonlyMap<string, { offset: number; sizeBytes: number }>;

interface Archive {
  file: string;
  index: Index;
}

const mostDocumentBytes = 8 * 1024 * 1024;
const mostEntries = 100_000;
const deepestIndex = 3;

/** Reads all images of our platform in the archive. Resolves to their names, or to the ids of those that have none. */
export async function importArchive(folders: Folders, file: string, platform: Platform, env: Env): Promise<string[]> {
  return whileActive(folders, async () => {
    const plain = path.join(folders.tmp, env.uuid());
    try {
      // Unpacked to a file, as manifests may come after what they name.
      await unpack(file, plain, (await roomIn(folders.tmp)).bytes);
      const archive = { file: plain, index: await indexOf(plain) };
      const hasLayout = archive.index.has('oci-layout') && archive.index.has('index.json');
      if (hasLayout) return await importLayout(folders, archive, platform, env);
      if (archive.index.has('manifest.json')) return await importSaved(folders, archive, env);
      throw new Error(`it holds neither an OCI layout nor a manifest.json`);
    } catch (error) {
      throw new Error(`Cannot import ${file}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    } finally {
      await rm(plain, { force: true });
    }
  });
}

/** Writes an OCI layout that also has Docker's manifest.json. */
export async function exportArchive(
  folders: Folders,
  references: readonly ReferenceRecord[],
  file: string,
): Promise<void> {
  const blobs = new Set<string>();
  const index: object[] = [];
  const saved: object[] = [];
  for (const { name, id, manifest } of references) {
    const image = await findImage(folders, id);
    if (!image) throw new Error(`Cannot export image "${name}": it is not in the store`);
    for (const blob of image.blobs) blobs.add(blob);
    const document = await readBlob(folders, manifest, mostDocumentBytes);
    const is = parseManifest(document).is;
    index.push({
      mediaType: is === 'index' ? mediaTypes.ociIndex : mediaTypes.ociManifest,
      digest: manifest,
      size: document.length,
      annotations: { 'io.containerd.image.name': name },
    });
    saved.push({
      Config: `blobs/sha256/${hexOf(id)}`,
      RepoTags: name.includes('@') ? [] : [name],
      Layers: image.layers.map(({ blob }) => `blobs/sha256/${hexOf(blob)}`),
    });
  }
  await pipeline(async function* () {
    yield* small('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    yield* small('index.json', JSON.stringify({ schemaVersion: 2, manifests: index }));
    yield* small('manifest.json', JSON.stringify(saved));
    for (const blob of [...blobs].sort()) yield* whole(`blobs/sha256/${hexOf(blob)}`, blobPath(folders, blob));
    yield endOfArchive;
  }, createWriteStream(file));
}

async function unpack(file: string, plain: string, mostBytes: number): Promise<void> {
  await pipeline(
    decompressed(createReadStream(file)),
    async function* (chunks: AsyncIterable<Buffer>) {
      let length = 0;
      for await (const chunk of chunks) {
        length += chunk.length;
        if (length > mostBytes) throw new Error(`no space left on device: it unpacks to more than ${mostBytes} bytes`);
        yield chunk;
      }
    },
    createWriteStream(plain, { mode: 0o600 }),
  );
}

async function importLayout(folders: Folders, archive: Archive, platform: Platform, env: Env): Promise<string[]> {
  const parsed = parseManifest(await documentAt(archive, 'index.json'));
  if (parsed.is !== 'index') throw new Error('its index.json is no index');
  const brought: string[] = [];
  for (const entry of parsed.entries) {
    if (entry.platform && !fits(entry.platform, platform)) continue;
    const { manifest, documents } = await layoutManifest(archive, entry, platform);
    for (const part of [manifest.config, ...manifest.layers])
      await copyBlob(folders, archive, blobName(part), part, env);
    const names = namesOf(entry);
    const id = await addImage(folders, manifest, documents, names, env);
    brought.push(...(names.length > 0 ? names.map(formatReference) : [id]));
  }
  return brought;
}

/** The manifest for our platform, and the documents from the entry down to it. */
async function layoutManifest(
  archive: Archive,
  entry: Descriptor,
  platform: Platform,
): Promise<{ manifest: Manifest; documents: Buffer[] }> {
  const documents: Buffer[] = [];
  let wanted = entry;
  for (let depth = 0; depth <= deepestIndex; depth++) {
    const document = await documentAt(archive, blobName(wanted));
    if (sha256(document) !== wanted.digest) throw new Error(`${wanted.digest} is corrupt`);
    documents.push(document);
    const parsed = parseManifest(document);
    if (parsed.is === 'manifest') return { manifest: parsed.manifest, documents };
    wanted = choosePlatform(parsed.entries, platform, wanted.digest);
  }
  throw new Error('index within index within index');
}

async function importSaved(folders: Folders, archive: Archive, env: Env): Promise<string[]> {
  const saved = JSON.parse((await documentAt(archive, 'manifest.json')).toString('utf8')) as {
    Config: string;
    RepoTags: string[] | null;
    Layers: string[];
  }[];
  const brought: string[] = [];
  for (const { Config, RepoTags, Layers } of saved) {
    const config = await documentAt(archive, Config);
    const layers: Descriptor[] = [];
    for (const layer of Layers) layers.push(await copyBlob(folders, archive, layer, undefined, env));
    const manifest: Manifest = {
      config: {
        mediaType: mediaTypes.ociConfig,
        digest: await addBlob(folders, config, env.uuid()),
        sizeBytes: config.length,
        annotations: {},
      },
      layers,
    };
    const names = (RepoTags ?? []).map(parseReference);
    const id = await addImage(folders, manifest, [renderManifest(manifest)], names, env);
    brought.push(...(names.length > 0 ? names.map(formatReference) : [id]));
  }
  return brought;
}

/** Copies a file of the archive into the store; with a descriptor its digest must be that. */
async function copyBlob(
  folders: Folders,
  archive: Archive,
  name: string,
  expected: Descriptor | undefined,
  env: Env,
): Promise<Descriptor> {
  const found = place(archive, name);
  const draft = await draftBlob(folders, expected?.digest, env.uuid());
  try {
    const range = { start: found.offset, end: found.offset + found.sizeBytes - 1, highWaterMark: 256 * 1024 };
    if (found.sizeBytes > 0)
      for await (const chunk of createReadStream(archive.file, range) as AsyncIterable<Buffer>)
        await draft.write(chunk);
    const digest = await draft.finish();
    return { mediaType: mediaTypes.ociLayer, digest, sizeBytes: found.sizeBytes, annotations: {} };
  } finally {
    await draft.discard();
  }
}

/** What the index calls the image. */
function namesOf(entry: Descriptor): Reference[] {
  const name =
    entry.annotations['io.containerd.image.name'] ?? entry.annotations['org.opencontainers.image.ref.name'] ?? '';
  // A bare tag, as some tools write, names nothing.
  return /[/:]/.test(name) ? [parseReference(name)] : [];
}

async function documentAt(archive: Archive, name: string): Promise<Buffer> {
  const { offset, sizeBytes } = place(archive, name);
  if (sizeBytes > mostDocumentBytes) throw new Error(`${name} is larger than ${mostDocumentBytes} bytes`);
  if (sizeBytes === 0) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  const range = { start: offset, end: offset + sizeBytes - 1 };
  for await (const chunk of createReadStream(archive.file, range) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function place(archive: Archive, name: string): { offset: number; sizeBytes: number } {
  const found = archive.index.get(path.posix.normalize(name));
  if (!found) throw new Error(`${name} is missing`);
  return found;
}

function blobName({ digest }: Descriptor): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

async function indexOf(file: string): Promise<Index> {
  const index = new Map<string, { offset: number; sizeBytes: number }>();
  const links: [string, string][] = [];
  const reader = makeTarReader({
    entry({ name, type, linkName, sizeBytes }, offset) {
      if (index.size + links.length >= mostEntries) throw new Error(`it has more than ${mostEntries} entries`);
      const at = path.posix.normalize(name);
      if (type === 'file') index.set(at, { offset, sizeBytes });
      if (type === 'link') links.push([at, path.posix.normalize(linkName)]);
      // `docker save` links layers that several images share.
      if (type === 'symlink') links.push([at, path.posix.join(path.posix.dirname(at), linkName)]);
    },
    data() {},
    entryEnd() {},
  });
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>)
    reader.push(chunk);
  reader.end();
  for (const [name, target] of links) {
    const found = index.get(target);
    if (found) index.set(name, found);
  }
  return index;
}

function* small(name: string, text: string): Generator<Buffer> {
  const body = Buffer.from(text);
  yield headerOf(name, body.length);
  yield body;
  yield padding(body.length);
}

async function* whole(name: string, file: string): AsyncGenerator<Buffer> {
  const { size } = await stat(file);
  yield headerOf(name, size);
  yield* createReadStream(file) as AsyncIterable<Buffer>;
  yield padding(size);
}

function headerOf(name: string, sizeBytes: number): Buffer {
  return encodeHeader({
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes,
    mtimeSeconds: 0,
    linkName: '',
    xattrs: new Map(),
  });
}
