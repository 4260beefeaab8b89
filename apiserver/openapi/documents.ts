/** The documents by which clients learn the API: which there are, at which path, in which form. Each is built when first asked for. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { mediaTypes } from '../rest/negotiate.ts';
import { encodeEnvelope } from '../rest/protobuf.ts';
import type { Document } from '../rest/send-document.ts';
import { version } from '../rest/version.ts';
import { aggregatedList, coreVersions, groupDocument, groupKinds, groupList, resourceList } from './discovery.ts';
import { encodeSwagger } from './gnostic.ts';
import { swaggerDocument } from './openapi-v2.ts';
import { openapiDocuments, openapiIndex } from './openapi-v3.ts';

/** The document at a path in a form that the Accept header allows; undefined where there is none. */
export interface Documents {
  (path: string, accept: string): Document | undefined;
  /** The paths that clients are told of. */
  readonly paths: readonly string[];
}

/** What is served, and a number that is raised with each change of it. */
interface Changing {
  readonly kinds: readonly Kind[];
  readonly generation: number;
}

/** The documents of what is served just now. */
export function makeLiveDocuments(served: Changing, serverAddress: string): Documents {
  const made: GroupDocuments = new Map();
  let current = makeDocuments(served.kinds, serverAddress, made);
  let { generation } = served;
  const find = (path: string, accept: string) => {
    if (served.generation !== generation) {
      ({ generation } = served);
      current = makeDocuments(served.kinds, serverAddress, made);
    }
    return current(path, accept);
  };
  return Object.assign(find, { paths: current.paths });
}

/** Documents of OpenAPI 3 as they were made last, by path, and the kinds that they are of. */
type GroupDocuments = Map<string, { members: readonly Kind[]; document: () => Document & { etag: string } }>;

/**
 * `serverAddress`: host and port that clients reach the server by. `made` are documents of before, of which those are kept that are as they would be made
 * anew.
 */
export function makeDocuments(
  kinds: readonly Kind[],
  serverAddress: string,
  made: GroupDocuments = new Map(),
): Documents {
  const plain = new Map<string, () => Document>();
  const aggregated = new Map<string, (wish: Wish) => Document>();
  addDiscovery(plain, aggregated, kinds, serverAddress);
  addOpenapi(plain, kinds, made);
  const binary = once(() => packed(encodeSwagger(swaggerDocument(kinds, version.gitVersion)), swaggerProtobuf));
  // The documents of OpenAPI v3 are found by its index.
  const paths = ['/apis/', '/openapi/v3/', ...[...plain.keys()].filter((path) => !path.startsWith('/openapi/v3/'))];
  const find = (path: string, accept: string) => {
    const at = path.startsWith('/api') && path.endsWith('/') ? path.slice(0, -1) : path;
    if (at === '/openapi/v2' && wantsProtobuf(accept)) return binary();
    const wish = aggregated.has(at) ? aggregatedWish(accept) : undefined;
    return wish ? aggregated.get(at)!(wish) : plain.get(at)?.();
  };
  return Object.assign(find, { paths });
}

function addOpenapi(plain: Map<string, () => Document>, kinds: readonly Kind[], made: GroupDocuments): void {
  const documents = new Map(
    [...openapiDocuments(kinds, version.gitVersion)].map(([path, { make, members }]) => {
      const last = made.get(path);
      const isSame = last && members.length > 0 && members.every((kind, i) => kind === last.members[i]);
      if (isSame && members.length === last.members.length) return [path, last.document];
      const document = once(() => ({ ...packed(jsonOf(make())), keepable: true }));
      made.set(path, { members, document });
      return [path, document];
    }),
  );
  for (const path of made.keys()) if (!documents.has(path)) made.delete(path);
  for (const [path, make] of documents) plain.set(`/openapi/v3/${path}`, make);
  // The index tells the hash of every document, which makes them all: 7 MB, of which a fiftieth is kept.
  const hashes = () => new Map([...documents].map(([path, make]) => [path, make().etag.replaceAll('"', '')]));
  plain.set(
    '/openapi/v3',
    once(() => jsonDocument(openapiIndex(hashes()))),
  );
  plain.set(
    '/openapi/v2',
    once(() => packed(jsonOf(swaggerDocument(kinds, version.gitVersion)))),
  );
}

const swaggerProtobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Whether the first type a client names is the protobuf form, which has two spellings. */
function wantsProtobuf(accept: string): boolean {
  const [first = ''] = accept.split(/[,;]/);
  return first.trim() === swaggerProtobuf || first.trim() === swaggerProtobuf.replace('v2.v1.0', 'v2@v1.0');
}

function addDiscovery(
  plain: Map<string, () => Document>,
  aggregated: Map<string, (wish: Wish) => Document>,
  kinds: readonly Kind[],
  serverAddress: string,
): void {
  plain.set(
    '/api',
    once(() => valueDocument(coreVersions(kinds, serverAddress))),
  );
  plain.set(
    '/apis',
    once(() => valueDocument(groupList(kinds))),
  );
  for (const [path, which] of [
    ['/api', 'core'],
    ['/apis', 'groups'],
  ] as const) {
    const make = ({ version, mediaType }: Wish): Document => {
      const value = aggregatedList(kinds, which, version);
      const body = mediaType === mediaTypes.protobuf ? encodeEnvelope(value)! : jsonOf(value);
      const contentType = `${mediaType};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      return { contentType, body, etag: `"${hashOf(body)}"`, public: true };
    };
    const made = new Map<string, Document>();
    aggregated.set(path, (wish) => {
      const key = `${wish.version} ${wish.mediaType}`;
      let document = made.get(key);
      if (!document) made.set(key, (document = make(wish)));
      return document;
    });
  }
  for (const served of groupKinds(kinds)) {
    if (served.group !== '')
      plain.set(
        `/apis/${served.group}`,
        once(() => valueDocument(groupDocument(served))),
      );
    for (const { version, kinds: members } of served.versions) {
      const path = served.group === '' ? `/api/${version}` : `/apis/${served.group}/${version}`;
      plain.set(
        path,
        once(() => valueDocument(resourceList(served.group, version, members))),
      );
    }
  }
}

/** How a client likes aggregated discovery best. */
interface Wish {
  version: 'v2' | 'v2beta1';
  mediaType: typeof mediaTypes.json | typeof mediaTypes.protobuf;
}

/** Undefined when it does not know it. */
function aggregatedWish(accept: string): Wish | undefined {
  for (const clause of accept.split(',')) {
    const parts = clause.split(';').map((part) => part.trim());
    if (!parts.includes('as=APIGroupDiscoveryList') || !parts.includes('g=apidiscovery.k8s.io')) continue;
    const mediaType = ([mediaTypes.json, mediaTypes.protobuf] as const).find((type) => type === parts[0]);
    const version = (['v2', 'v2beta1'] as const).find((known) => parts.includes(`v=${known}`));
    if (mediaType && version) return { version, mediaType };
  }
  return undefined;
}

/** A document that clients may have in any format of objects. */
function valueDocument(value: object): Document {
  return { ...jsonDocument(value), value };
}

function jsonDocument(value: object): Document {
  const body = jsonOf(value);
  return { contentType: mediaTypes.json, body, etag: `"${hashOf(body)}"` };
}

/** A large document is kept as most clients want it sent, which is small. */
function packed(bytes: Buffer, contentType = 'application/json'): Document & { etag: string } {
  return { contentType, body: gzipSync(bytes, { level: 4 }), gzipped: true, etag: `"${hashOf(bytes)}"` };
}

function jsonOf(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

function hashOf(body: Buffer): string {
  return createHash('sha512').update(body).digest('hex').toUpperCase();
}

/** Makes a value when it is first asked for, and keeps it. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
