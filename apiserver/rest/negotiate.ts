/** What a client accepts: the format of the answer, and the shape that objects are to be given. As upstream's `endpoints/handlers/negotiation`. */
import { ApiError } from '#lib/meta/errors.ts';

export interface Accepted {
  format: 'json' | 'yaml' | 'protobuf';
  /** Objects as they are, as table rows, or as their metadata alone: that of one object, or of each in a list. */
  shape: 'object' | 'table' | 'metadata' | 'metadataList';
  /** Version of meta.k8s.io that a table or metadata is written in. */
  version: 'v1' | 'v1beta1';
  /** Whether the media type asks for JSON to be read by people. */
  pretty?: boolean;
}

/** In the order in which a wildcard chooses. */
export const mediaTypes = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
} as const;

/** Of kinds that have no protobuf. */
export const jsonTypes: readonly string[] = [mediaTypes.json, mediaTypes.yaml];

const formats = Object.entries(mediaTypes) as [Accepted['format'], string][];

/** What the events of a watch can be written in. */
const streamTypes = [`${mediaTypes.json};stream=watch`, `${mediaTypes.protobuf};stream=watch`];

const shapes = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadataList',
} as const;

/** What an answer may be given as. */
interface Offer {
  /** Upstream shows no tables of what it does not keep. */
  tables: boolean;
  /** Whether whole objects can be had as protobuf. */
  protobuf: boolean;
}

const everything: Offer = { tables: true, protobuf: true };

/**
 * The first acceptable clause, by quality and then order; throws NotAcceptable when there is none. Clauses for a table are none where there are no
 * tables.
 */
export function negotiate(header: string | undefined, offer = everything): Accepted {
  if (!header) return plain;
  if (!offer.tables || !offer.protobuf) {
    const chosen = choose(header, offer);
    if (!chosen) throw notAcceptable(offer.protobuf ? Object.values(mediaTypes) : jsonTypes);
    return chosen;
  }
  const accepted = cached.get(header) ?? choose(header, everything);
  if (!accepted) throw notAcceptable(Object.values(mediaTypes));
  if (cached.size < cacheLimit) cached.set(header, accepted);
  return accepted;
}

/** As negotiate(), for a watch: throws NotAcceptable for what has no stream of events. */
export function demandStream({ format, shape }: Accepted): void {
  if (format === 'yaml' || shape === 'metadataList') throw notAcceptable(streamTypes);
}

/** What a failure is written in: never in another shape, and JSON where nothing is acceptable. */
export function negotiateFailure(header: string | undefined): Accepted {
  return (header && choose(header, undefined)) || plain;
}

const plain: Accepted = { format: 'json', shape: 'object', version: 'v1' };

/** Clients send few different headers; each is read once. */
const cached = new Map<string, Accepted>();
const cacheLimit = 200;

export function notAcceptable(types: readonly string[]): ApiError {
  return new ApiError('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);
}

export function unsupportedMediaType(types: readonly string[]): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
  );
}

interface Clause {
  type: string;
  subtype: string;
  quality: number;
  parameters: Map<string, string>;
}

/** Without an offer it is objects as they are. */
function choose(header: string, offer: Offer | undefined): Accepted | undefined {
  for (const { type, subtype, parameters } of sorted(header.split(',').flatMap(readClause))) {
    for (const [format, name] of formats) {
      const [ownType, ownSubtype] = name.split('/');
      const matches =
        (type === ownType && (subtype === ownSubtype || subtype === '*')) || `${type}/${subtype}` === '*/*';
      const accepted = matches ? acceptedBy(parameters, format, offer) : undefined;
      if (accepted) return accepted;
    }
  }
  return undefined;
}

/** What the parameters of a clause make of a format; undefined when that cannot be had. */
function acceptedBy(
  parameters: Map<string, string>,
  format: Accepted['format'],
  offer: Offer | undefined,
): Accepted | undefined {
  const [as, group, version] = ['as', 'g', 'v'].map((name) => parameters.get(name));
  const stream = parameters.get('stream');
  if (stream && (stream !== 'watch' || format === 'yaml')) return undefined;
  if (parameters.get('sv') && (!offer || parameters.get('sv') !== 'v1')) return undefined;
  const pretty = parameters.get('pretty') === '1' && { pretty: true };
  if (as === undefined && group === undefined && version === undefined) {
    return format === 'protobuf' && offer?.protobuf === false ? undefined : { ...plain, format, ...pretty };
  }
  if (!offer || group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  const shape = as !== undefined && Object.hasOwn(shapes, as) ? shapes[as as keyof typeof shapes] : undefined;
  if (!shape || (shape === 'table' && (format === 'protobuf' || !offer.tables))) return undefined;
  return { format, shape, version, ...pretty };
}

function readClause(text: string): Clause[] {
  const [name = '', ...rest] = text.trim().split(';');
  const [type = '', subtype, ...more] = name.split('/').map((part) => part.trim());
  if (more.length > 0 || (!subtype && type !== '*')) return [];
  const clause = { type, subtype: subtype || '*', quality: 1, parameters: new Map<string, string>() };
  for (const parameter of rest) {
    const [key = '', value, ...others] = parameter.split('=').map((part) => part.trim());
    if (!value || others.length > 0) continue;
    if (key === 'q') clause.quality = Number(value) || 0;
    else clause.parameters.set(key, value);
  }
  return [clause];
}

/** Better ones first: by quality, then by how particular they are. Upstream's order is no total one, so the way of sorting matters. */
function sorted(clauses: Clause[]): Clause[] {
  for (let i = 1; i < clauses.length; i++) {
    for (let j = i; j > 0 && isBetter(clauses[j]!, clauses[j - 1]!); j--) {
      [clauses[j], clauses[j - 1]] = [clauses[j - 1]!, clauses[j]!];
    }
  }
  return clauses;
}

function isBetter(a: Clause, b: Clause): boolean {
  if (a.quality > b.quality) return true;
  return (a.type !== '*' && b.type === '*') || (a.subtype !== '*' && b.subtype === '*');
}
