/** Where a watch begins, as upstream's `resourceVersion`, `sendInitialEvents` and `resourceVersionMatch` say. */
import { fieldForbidden, invalidObject, notSupported } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { parseRevision } from '../verbs/list-mode.ts';
import { isOn } from './query.ts';

export interface WatchStart {
  /** Undefined: the present state first. */
  after: bigint | undefined;
  /** The state must be at least this new. */
  atLeast: bigint | undefined;
  /** Whether the present state is to be told. */
  tellsState: boolean;
  /** Whether a bookmark ends the present state. */
  marksState: boolean;
}

/** Throws Invalid for options that do not go together. */
export function watchStart(query: URLSearchParams): WatchStart {
  const faults = faultsOf(query);
  if (faults.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', faults);
  const given = parseRevision(query.get('resourceVersion') ?? '');
  const revision = given === 0n ? undefined : given;
  const wishes = query.has('sendInitialEvents');
  const tellsState = isOn(query, 'sendInitialEvents', revision === undefined);
  if (!tellsState) return { after: revision, atLeast: undefined, tellsState, marksState: false };
  const marksState = wishes && isOn(query, 'allowWatchBookmarks');
  return { after: undefined, atLeast: revision, tellsState, marksState };
}

/** As upstream's `validateWatchOptions`. */
function faultsOf(query: URLSearchParams): FieldError[] {
  const match = query.get('resourceVersionMatch') ?? '';
  const wishes = query.has('sendInitialEvents');
  const field = 'resourceVersionMatch';
  const faults: FieldError[] = [];
  if (wishes && match !== 'NotOlderThan') {
    faults.push(fieldForbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match === '') return faults;
  if (!wishes) {
    faults.push(
      fieldForbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    );
  }
  if (match !== 'NotOlderThan') faults.push(notSupported(field, match, ['NotOlderThan']));
  if (query.get('continue')) {
    faults.push(fieldForbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
  }
  return faults;
}
