/** What a client accepts: the format of the answer, and the shape that objects are to be given. */
import { ApiError } from '#lib/meta/errors.ts';

export interface Accepted {
  format: 'json' | 'yaml' | 'protobuf';
  /** Objects as they are, as table rows, or as their metadata alone. */
  shape: 'object' | 'table' | 'metadata';
  /** Version of meta.k8s.io that a table or metadata is written in. */
  version: 'v1' | 'v1beta1';
}

export const mediaTypes = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
} as const;

const shapes = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata',
} as const;

/**
 * The first acceptable clause, by quality and then order; throws NotAcceptable when there is none. Where JSON will do as well as
 * protobuf the answer is JSON, which is at hand without encoding.
 */
export function negotiate(header: string | undefined): Accepted {
  if (!header) return { format: 'json', shape: 'object', version: 'v1' };
  const known = cached.get(header);
  if (known) return known;
  const clauses = header
    .split(',')
    .flatMap(readClause)
    .sort((a, b) => b.quality - a.quality);
  const choices = clauses.map(({ accepted }) => accepted);
  const [first] = choices;
  if (!first) throw notAcceptable(Object.values(mediaTypes));
  const chosen =
    first.format === 'protobuf'
      ? (choices.find((choice) => choice.format === 'json' && choice.shape === first.shape) ?? first)
      : first;
  if (cached.size < cacheLimit) cached.set(header, chosen);
  return chosen;
}

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

function readClause(clause: string): { quality: number; accepted: Accepted }[] {
  const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
  const given = new Map(parameters.map((part) => part.split('=', 2) as [string, string]));
  const format = formatOf(type.toLowerCase());
  const quality = Number(given.get('q') ?? 1);
  if (!format || !(quality > 0)) return [];
  const as = given.get('as');
  if (as === undefined) return [{ quality, accepted: { format, shape: 'object', version: 'v1' } }];
  const version = given.get('v') ?? 'v1';
  if (!Object.hasOwn(shapes, as) || (given.get('g') ?? '') !== 'meta.k8s.io') return [];
  if (version !== 'v1' && version !== 'v1beta1') return [];
  return [{ quality, accepted: { format, shape: shapes[as as keyof typeof shapes], version } }];
}

function formatOf(type: string): Accepted['format'] | undefined {
  if (type === mediaTypes.json || type === '*/*' || type === 'application/*') return 'json';
  if (type === mediaTypes.yaml) return 'yaml';
  return type === mediaTypes.protobuf ? 'protobuf' : undefined;
}
