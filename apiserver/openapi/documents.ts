/** The documents by which clients learn the API: which there are, at which path, in which form. Each is built when first asked for. */
import { createHash } from 'node:crypto';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { aggregatedList, coreVersions, groupDocument, groupKinds, groupList, resourceList } from './discovery.ts';

/** A prepared answer. */
export interface Document {
  contentType: string;
  body: Buffer;
  etag: string;
}

/** The document at a path in a form that the Accept header allows; undefined where there is none. */
export type Documents = (path: string, accept: string) => Document | undefined;

/** `serverAddress`: host and port that clients reach the server by. */
export function makeDocuments(kinds: readonly Kind[], serverAddress: string): Documents {
  const plain = new Map<string, () => Document>();
  const aggregated = new Map<string, (version: 'v2' | 'v2beta1') => Document>();
  addDiscovery(plain, aggregated, kinds, serverAddress);
  return (path, accept) => {
    const at = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const version = aggregated.has(at) ? aggregatedVersion(accept) : undefined;
    return version ? aggregated.get(at)!(version) : plain.get(at)?.();
  };
}

function addDiscovery(
  plain: Map<string, () => Document>,
  aggregated: Map<string, (version: 'v2' | 'v2beta1') => Document>,
  kinds: readonly Kind[],
  serverAddress: string,
): void {
  plain.set(
    '/api',
    once(() => jsonDocument(coreVersions(kinds, serverAddress))),
  );
  plain.set(
    '/apis',
    once(() => jsonDocument(groupList(kinds))),
  );
  for (const [path, which] of [
    ['/api', 'core'],
    ['/apis', 'groups'],
  ] as const) {
    const make = (version: 'v2' | 'v2beta1') => () =>
      jsonDocument(
        aggregatedList(kinds, which, version),
        `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      );
    const made = { v2: once(make('v2')), v2beta1: once(make('v2beta1')) };
    aggregated.set(path, (version) => made[version]());
  }
  for (const served of groupKinds(kinds)) {
    if (served.group !== '')
      plain.set(
        `/apis/${served.group}`,
        once(() => jsonDocument(groupDocument(served))),
      );
    for (const { version, kinds: members } of served.versions) {
      const path = served.group === '' ? `/api/${version}` : `/apis/${served.group}/${version}`;
      plain.set(
        path,
        once(() => jsonDocument(resourceList(served.group, version, members))),
      );
    }
  }
}

/** The version of aggregated discovery that a client likes best, if it knows any. */
function aggregatedVersion(accept: string): 'v2' | 'v2beta1' | undefined {
  for (const clause of accept.split(',')) {
    const parts = clause.split(';').map((part) => part.trim());
    if (!parts.includes('as=APIGroupDiscoveryList') || !parts.includes('g=apidiscovery.k8s.io')) continue;
    if (parts[0] !== 'application/json') continue;
    if (parts.includes('v=v2')) return 'v2';
    if (parts.includes('v=v2beta1')) return 'v2beta1';
  }
  return undefined;
}

/** A document as it is sent; its tag is a hash of its text. */
export function jsonDocument(value: object, contentType = 'application/json'): Document {
  return bytesDocument(Buffer.from(`${JSON.stringify(value)}\n`), contentType);
}

export function bytesDocument(body: Buffer, contentType: string): Document {
  return { contentType, body, etag: `"${hashOf(body)}"` };
}

/** The hash that tags a document. */
export function hashOf(body: Buffer): string {
  return createHash('sha512').update(body).digest('hex').toUpperCase();
}

/** Makes a value when it is first asked for, and keeps it. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
