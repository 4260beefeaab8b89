/**
 * The node's folder of logs over HTTP, as upstream's kubelet serves it: by Go's `http.FileServer`. Pods may have it as a volume and put anything into it: only files and folders
 * are read, and only those that lie within, wherever links lead.
 */
import { constants } from 'node:fs';
import { open, opendir, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { openIn, openRoot, pathOf } from '../volumes/open-place.ts';
import { linkTo, renderListing } from './listing.ts';
import type { Entry } from './listing.ts';

/** Entries of a folder that are told. */
const mostEntries = 10_000;
/** How much of a file says whether it is text. */
const probeBytes = 512;

/** Answers for the path below `root`, as it stands in the URL, with a slash before it unless it is empty. */
export async function serveLogs(
  root: string,
  path: string,
  query: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const names = namesIn(path);
  const place = names && (await find(root, names));
  if (!place) return send(response, 404, '404 page not found\n');
  try {
    const found = await place.stat();
    const wantsFolder = path.endsWith('/');
    const last = linkTo(names.at(-1) ?? 'logs');
    if (found.isDirectory()) {
      if (!wantsFolder) return redirect(response, `${last}/${query}`);
      response.setHeader('last-modified', found.mtime.toUTCString());
      const { entries, more } = await entriesOf(place);
      return send(response, 200, renderListing(entries, more), 'text/html; charset=utf-8');
    }
    if (!found.isFile()) return send(response, 404, '404 page not found\n');
    if (wantsFolder) return redirect(response, `../${last}${query}`);
    response.setHeader('last-modified', found.mtime.toUTCString());
    await sendFile(place, found.size, request, response);
  } finally {
    await place.close();
  }
}

/** The names that a path is made of; undefined for a path that no name can be in. Throws URIError for one that is not encoded as it should. */
function namesIn(path: string): string[] | undefined {
  const names = path
    .split('/')
    .filter((name) => name !== '')
    .map(decodeURIComponent);
  return names.some((name) => /[/\0]|^\.{1,2}$/.test(name)) ? undefined : names;
}

/**
 * What the names lead to, held open; undefined when there is nothing within the root. Links are followed once, to see where they end; then that path is opened name by
 * name, and none of them may be a link, so that nothing can be swapped in between.
 */
async function find(root: string, names: readonly string[]): Promise<FileHandle | undefined> {
  const top = await realpath(root).catch(ifAbsent);
  const end = await realpath([root, ...names].join('/')).catch(ifAbsent);
  if (top === undefined || end === undefined || (end !== top && !end.startsWith(`${top}/`))) return undefined;
  let place: FileHandle | undefined = await openRoot(top);
  for (const name of end.slice(top.length).split('/').slice(1)) {
    const folder: FileHandle = place;
    try {
      place = (await folder.stat()).isDirectory() ? await openIn(folder, name).catch(ifAbsent) : undefined;
    } finally {
      await folder.close();
    }
    if (!place) return undefined;
  }
  return place;
}

function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES'].includes(error.code ?? '')) return undefined;
  throw error;
}

async function entriesOf(folder: FileHandle): Promise<{ entries: Entry[]; more: boolean }> {
  const entries: Entry[] = [];
  for await (const entry of await opendir(pathOf(folder))) {
    if (entries.length === mostEntries) return { entries, more: true };
    entries.push({ name: entry.name, isFolder: entry.isDirectory() });
  }
  return { entries, more: false };
}

/** What the file holds now; what is written to it from here on is for the next who asks. */
async function sendFile(
  place: FileHandle,
  size: number,
  { method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = await open(pathOf(place), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const type = (await isText(file)) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': size, ...asItIs });
    if (method === 'HEAD' || size === 0) return void response.end();
    const stream = file.createReadStream({ start: 0, end: size - 1 });
    await pipeline(stream, response, { end: false }).catch(() => response.destroy());
    // Of a file that was cut meanwhile there is less than was promised.
    if (stream.bytesRead < size) response.destroy();
    else response.end();
  } finally {
    await file.close();
  }
}

/** As far as can be seen from its beginning, as Go sees it. */
async function isText(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(probeBytes), 0, probeBytes, 0);
  return !/[\0-\x08\v\x0e-\x1a\x1c-\x1f]/.test(buffer.toString('latin1', 0, bytesRead));
}

/** Nobody shall take a log for a page because of what somebody wrote into it. */
const asItIs = { 'x-content-type-options': 'nosniff' };

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(301, { location, 'content-length': 0 });
  response.end();
}

function send(response: ServerResponse, code: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...asItIs });
  response.end(body);
}
