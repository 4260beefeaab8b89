/** Which state a list is to show: upstream's meanings of resourceVersion, resourceVersionMatch and limit together. */
import { badRequest, fieldForbidden, invalidObject, notSupported } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { ListOptions } from './types.ts';

export interface ListMode {
  /** The state of this revision and no other. */
  exact?: bigint;
  /** Any state that is not older; 0 is any at all. The latest when neither is there. */
  atLeast?: bigint;
  /** Items of a page; 0 for all. */
  limit: number;
}

/** Throws Invalid or BadRequest for options that do not go together. */
export function listMode(options: ListOptions): ListMode {
  const { limit = 0, resourceVersionMatch: match = '' } = options;
  const faults = matchFaults(options);
  if (faults.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', faults);
  const revision = parseRevision(options.resourceVersion);
  if (options.continue && revision !== undefined && revision !== 0n) {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  if (revision === undefined || options.continue) return { limit };
  if (match === 'Exact') return { exact: revision, limit };
  // What may be any state is not paged, as upstream's cache does not: informers begin like this.
  if (revision === 0n) return { atLeast: 0n, limit: 0 };
  // A limited list from a given revision, without a match rule, is read at exactly that revision, as upstream's etcd path does.
  return match === '' && limit > 0 ? { exact: revision, limit } : { atLeast: revision, limit };
}

/** The revision a client names, or undefined for none; throws BadRequest for text that is none. */
export function parseRevision(text: string | undefined): bigint | undefined {
  if (text === undefined || text === '') return undefined;
  const isNumber = /^\d{1,100}$/.test(text);
  const revision = isNumber ? BigInt(text) : 0n;
  if (isNumber && revision < 2n ** 64n) return revision;
  const shown = JSON.stringify(text);
  const because = isNumber ? 'value out of range' : 'invalid syntax';
  throw badRequest(`resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: ${because}`);
}

/** As upstream's `ValidateListOptions`, for lists. */
export function matchFaults({
  resourceVersion = '',
  resourceVersionMatch: match = '',
  continue: token,
}: ListOptions): FieldError[] {
  if (match === '') return [];
  const field = 'resourceVersionMatch';
  const faults: FieldError[] = [];
  if (resourceVersion === '') {
    faults.push(fieldForbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
  }
  if (token) faults.push(fieldForbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    faults.push(notSupported(field, match, ['', 'Exact', 'NotOlderThan']));
  }
  if (match === 'Exact' && resourceVersion === '0') {
    faults.push(fieldForbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  return faults;
}
