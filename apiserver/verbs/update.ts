/** Update and patch: both turn the present object into another and go through the same checks. */
import { checkMetadata, checkObject } from '#lib/kinds/checks/metadata.ts';
import type { Kind, WriteContext } from '#lib/kinds/define-kind.ts';
import { copy } from '#lib/meta/equal.ts';
import { badRequest, conflict, invalid, invalidObject, isReason } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { AdmissionRequest } from '../admission/types.ts';
import { demand } from '../auth/authorize.ts';
import type { Entry } from '../store/world-types.ts';
import { admitted, judged, warner, writeContext } from './context.ts';
import type { Claim, VerbsContext } from './context.ts';
import { create } from './create.ts';
import { decodeObject } from './decode.ts';
import type { ObjectType } from './decode.ts';
import { isFinished } from './deletion.ts';
import { transientEntry } from './entries.ts';
import { partOf } from './parts.ts';
import { applyPatchType, patched } from './patching.ts';
import { prepareUpdate } from './prepare.ts';
import { scaleType, scaleOf, setScale } from './scale.ts';
import { storageKey } from './selection.ts';
import type { Caller, WriteOptions } from './types.ts';
import type { Change, Written } from './writer.ts';

/** Kinds whose updates must name the version they replace. */
const conditionalOnly = new Set(['leases', 'poddisruptionbudgets', 'csinodes', 'volumeattachments']);

export async function update(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  body: unknown,
  options: WriteOptions = {},
): Promise<Entry> {
  const subresource = options.subresource ?? '';
  demand(context.authorize, caller, 'update', kind, { ...ref, subresource });
  const spoken: ObjectType = subresource === 'scale' ? scaleType : kind;
  const wanted = decodeObject(spoken, body, options);
  checkAddress(kind, wanted, ref);
  if (spoken === kind) kind.defaults?.(wanted);
  const { entry } = await write(context, caller, kind, ref, options, () => copy(wanted));
  return answerOf(kind, entry, subresource);
}

export async function patch(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  type: string,
  body: unknown,
  options: WriteOptions = {},
): Promise<Entry> {
  const subresource = options.subresource ?? '';
  demand(context.authorize, caller, 'patch', kind, { ...ref, subresource });
  const spoken: ObjectType = subresource === 'scale' ? scaleType : kind;
  const next = (current: Resource) => {
    const result = patched(spoken, type, current, body);
    const object = decodeObject(spoken, result, options);
    checkAddress(kind, object, ref);
    if (spoken === kind) kind.defaults?.(object);
    return object;
  };
  try {
    const { entry } = await write(context, caller, kind, ref, options, next);
    return answerOf(kind, entry, subresource);
  } catch (error) {
    if (type !== applyPatchType || subresource !== '' || !isReason(error, 'NotFound')) throw error;
    if (options.notes) options.notes.created = true;
    return createApplied(context, caller, kind, ref, body, options);
  }
}

function answerOf(kind: Kind, entry: Entry, subresource: string): Entry {
  return subresource === 'scale' ? transientEntry(scaleOf(kind, entry.object), entry.revision) : entry;
}

/** Applying an object that does not exist creates it. */
async function createApplied(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  body: unknown,
  options: WriteOptions,
): Promise<Entry> {
  const object = decodeObject(kind, body, options);
  checkAddress(kind, object, ref);
  return create(
    context,
    caller,
    kind,
    ref.namespace,
    { ...object, metadata: { ...object.metadata, ...named(kind, ref) } },
    options,
  );
}

const named = (kind: Kind, { namespace, name }: Ref) => (kind.namespaced ? { namespace, name } : { name });

/** Changes an object to what `make` makes of it. For `scale`, `make` sees and gives a Scale. */
async function write(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  options: WriteOptions,
  make: (current: Resource) => Resource,
): Promise<Written> {
  const { dryRun = false, subresource = '' } = options;
  const attachment = subresource === '' ? context.attachments.get(kind) : undefined;
  let claim: Claim | undefined;
  let done = false;
  try {
    const written = await context.writer.change(kind, ref, dryRun, async (before): Promise<Change> => {
      await claim?.settle(false);
      claim = undefined;
      const asked = make(subresource === 'scale' ? scaleOf(kind, before) : before);
      checkPreconditions(kind, asked, before, options);
      const next = merged(kind, asked, before, subresource, writeContext(context, caller));
      const request: AdmissionRequest = {
        operation: 'UPDATE',
        kind,
        namespace: kind.namespaced ? ref.namespace : '',
        name: ref.name,
        subresource,
        object: next,
        before,
        caller,
        dryRun,
        warn: warner(options.notes),
      };
      const object = await admitted(context, request);
      const faults = faultsOf(kind, object, before, subresource);
      if (faults.length > 0) throw invalidObject(kind, ref.name, faults);
      await judged(context, { ...request, object });
      claim = await attachment?.claim(object, before, dryRun);
      return before.metadata.deletionTimestamp !== undefined && isFinished(kind, object)
        ? { do: 'remove', object }
        : { do: 'store', object };
    });
    done = true;
    if (written.removed && !dryRun) await context.attachments.get(kind)?.release(written.entry.object);
    return written;
  } finally {
    await claim?.settle(done);
  }
}

/** The object to store: what was asked for, confined to the part that this subresource may change. */
function merged(kind: Kind, asked: Resource, before: Resource, subresource: string, writing: WriteContext): Resource {
  if (subresource === '' || subresource === 'status') {
    return prepareUpdate(kind, asked, before, subresource, writing);
  }
  if (subresource === 'scale') {
    const next = setScale(kind, copy(before), asked);
    return prepareUpdate(kind, next, before, '', writing);
  }
  const part = partOf(kind, subresource);
  if (!part) throw badRequest(`Cannot update ${kind.plural}: no subresource "${subresource}"`);
  const next = part(asked, before);
  const metadata = { ...next.metadata };
  const framed = prepareUpdate(kind, { ...next, metadata }, before, 'status', writing);
  return { ...next, metadata: framed.metadata };
}

function faultsOf(kind: Kind, object: Resource, before: Resource, subresource: string): FieldError[] {
  if (subresource === '' || subresource === 'scale') return checkObject(kind, object, before);
  const own =
    subresource === 'status'
      ? kind.checkStatus?.(object, before)
      : kind.checkSubresource?.(subresource, object, before);
  return [...checkMetadata(kind, object, before), ...(own ?? [])];
}

function checkPreconditions(kind: Kind, asked: Resource, before: Resource, options: WriteOptions): void {
  const { name, uid, resourceVersion } = before.metadata;
  const wantedUid = options.uid || asked.metadata.uid;
  if (wantedUid && wantedUid !== uid) {
    const key = storageKey(kind, { namespace: before.metadata.namespace ?? '', name });
    throw conflict(
      kind,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${wantedUid}, UID in object meta: ${uid}`,
    );
  }
  const wantedVersion = options.resourceVersion || asked.metadata.resourceVersion;
  if (wantedVersion && wantedVersion !== '0') {
    if (wantedVersion !== resourceVersion) throw conflict(kind, name);
  } else if (conditionalOnly.has(kind.plural)) {
    throw invalidObject(kind, name, [
      {
        ...invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
        message: 'Invalid value: 0x0: must be specified for an update',
      },
    ]);
  }
}

/** The object must be where the URL says. */
function checkAddress(kind: Kind, { metadata }: Resource, { namespace, name }: Ref): void {
  if (!metadata.name) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  if (kind.namespaced && metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${metadata.namespace}) does not match the namespace on the URL (${namespace})`,
    );
  }
}
