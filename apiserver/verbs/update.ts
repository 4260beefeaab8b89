/** Update and patch: both turn the present object into another and go through the same checks. */
import { checkMetadata, checkObject } from '#lib/kinds/checks/metadata.ts';
import type { Writer } from '#lib/kinds/apply/managers.ts';
import type { Kind, WriteContext } from '#lib/kinds/define-kind.ts';
import { copy } from '#lib/meta/equal.ts';
import { badRequest, conflict, invalid, invalidObject, isReason, plainError } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { AdmissionRequest } from '../admission/types.ts';
import { demand } from '../auth/authorize.ts';
import type { Entry } from '../store/world-types.ts';
import { admitted, judged, warner, writeContext } from './context.ts';
import type { Claim, VerbsContext } from './context.ts';
import { createAt } from './create.ts';
import { decodeObject } from './decode.ts';
import type { ObjectType } from './decode.ts';
import { isFinished } from './deletion.ts';
import { transientEntry } from './entries.ts';
import { checkMeant, checkMeantBy, goneObject } from './meant.ts';
import { partOf } from './parts.ts';
import { appliedTo, detached, ownersOfUpdate, setOwners, withoutOwners, writerOf } from './ownership.ts';
import type { Entries } from './ownership.ts';
import { applyPatchType, decodeApplied, decodePatched, patched, touchesOwners } from './patching.ts';
import { prepareUpdate } from './prepare.ts';
import { configOfScale, scaleType, scaleOf, setScale } from './scale.ts';
import type { Caller, WriteOptions } from './types.ts';
import { keepUniqueOwners } from './unique-owners.ts';
import type { Change, Written } from './writer.ts';

/** What a request makes of an object. */
interface Asked {
  object: Resource;
  /** The managedFields that a client sent apart from the object. */
  given?: unknown;
  /** The owners of its fields, where the request itself says who they are. */
  owners?: Entries;
}

/** How often an apply may find the object gone and there again. */
const applyAttempts = 5;

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
  const { object: rest, given } = withoutOwners(body);
  const wanted = decodeObject(spoken, rest, options);
  checkAddress(kind, wanted, ref);
  keepUniqueOwners(wanted.metadata, warner(options.notes));
  if (spoken === kind) kind.defaults?.(wanted);
  try {
    // A uid that a client sends says which object it means; a patch that changes it asks for the impossible.
    const meant = options.uid || wanted.metadata.uid;
    const replacing = meant ? { ...options, uid: meant } : options;
    const { entry } = await write(context, caller, kind, ref, replacing, () => ({ object: copy(wanted), given }));
    return answerOf(kind, entry, subresource);
  } catch (error) {
    const conditional = options.uid !== undefined || options.resourceVersion !== undefined;
    if (subresource !== '' || conditional || !kind.createdByUpdate || !isReason(error, 'NotFound')) throw error;
    const { uid } = wanted.metadata;
    if (uid) throw goneObject(kind, ref, uid);
    return createAt(context, caller, kind, ref, wanted, options);
  }
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
  const finish = (result: unknown): Resource => {
    const object =
      type === applyPatchType
        ? decodeApplied(spoken, result, options)
        : decodePatched(spoken, type, result, body, options);
    checkAddress(kind, object, ref);
    keepUniqueOwners(object.metadata, warner(options.notes), ' after mutating admission happens');
    if (spoken === kind) kind.defaults?.(object);
    return object;
  };
  if (type === applyPatchType) return applyPatch(context, caller, kind, ref, body, options, finish);
  const all = touchesOwners(type, body);
  const view = (current: Resource) => {
    if (subresource === 'scale') return scaleOf(kind, current);
    return all ? current : detached(current).object;
  };
  const { entry } = await write(context, caller, kind, ref, options, (current) => ({
    object: finish(patched(spoken, type, view(current), body)),
  }));
  return answerOf(kind, entry, subresource);
}

/** Server-side apply. Applying an object that does not exist creates it. */
async function applyPatch(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  body: unknown,
  options: WriteOptions,
  finish: (result: unknown) => Resource,
): Promise<Entry> {
  const { subresource = '', force = false } = options;
  const writer = writerOf(kind, caller, options, context.env.now());
  const next = (current: Resource): Asked => {
    if (subresource !== 'scale') {
      const { object, owners } = appliedTo(kind, current, body, writer, force);
      return { object: finish(object), owners };
    }
    const { config, resourceVersion } = configOfScale(kind, ref, body);
    const { object, owners } = appliedTo(kind, current, config, writer, force, scaleType.apiVersion);
    const scale = scaleOf(kind, object as Resource);
    if (resourceVersion) scale.metadata.resourceVersion = resourceVersion;
    return { object: finish(scale), owners };
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const { entry } = await write(context, caller, kind, ref, options, next);
      return answerOf(kind, entry, subresource);
    } catch (error) {
      if (subresource !== '' || !isReason(error, 'NotFound')) throw error;
    }
    const { object, owners } = appliedTo(kind, undefined, body, writer, force);
    const draft = finish(object);
    if (draft.metadata.uid) {
      const mismatch = `uid mismatch: the provided object specified uid ${draft.metadata.uid}, and no existing object was found`;
      throw conflict(kind, ref.name, mismatch);
    }
    try {
      return await createAt(context, caller, kind, ref, draft, options, owners);
    } catch (error) {
      // Someone else was faster: it is applied to what they made.
      if (!isReason(error, 'AlreadyExists') || attempt === applyAttempts) throw error;
    }
  }
}

function answerOf(kind: Kind, entry: Entry, subresource: string): Entry {
  return subresource === 'scale' ? transientEntry(scaleOf(kind, entry.object), entry.revision) : entry;
}

/** Changes an object to what `make` makes of it. For `scale`, `make` gives a Scale. */
async function write(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  options: WriteOptions,
  make: (current: Resource) => Asked,
): Promise<Written> {
  const { env } = context;
  const { dryRun = false, subresource = '' } = options;
  const attachment = subresource === '' ? context.attachments.get(kind) : undefined;
  let claim: Claim | undefined;
  let done = false;
  try {
    const written = await context.writer.change(kind, ref, dryRun, async (before): Promise<Change> => {
      await claim?.settle(false);
      claim = undefined;
      const asked = make(before);
      checkPreconditions(kind, asked.object, before, options);
      const { next, owners } = owned(kind, asked, before, writerOf(kind, caller, options, env.now()), (object) =>
        merged(kind, object, before, subresource, writeContext(context, caller)),
      );
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
        annotate: options.notes?.annotate,
      };
      const object = await admitted(context, request);
      const faults = faultsOf(kind, object, before, subresource);
      if (faults.length > 0) throw invalidObject(kind, ref.name, faults);
      if (subresource === '') for (const warning of kind.warnings?.(object, before) ?? []) request.warn(warning);
      await judged(context, { ...request, object });
      setOwners(object, owners, before);
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

/**
 * The object to store, without its owners, and these. Writes to the object itself and to `status` own what they ask for, whatever is kept of
 * it; those to other parts own what they have changed.
 */
function owned(
  kind: Kind,
  asked: Asked,
  before: Resource,
  writer: Writer,
  mergedWith: (object: Resource) => Resource,
): { next: Resource; owners: Entries } {
  const { object, given } = detached(asked.object);
  if (asked.owners) return { next: mergedWith(object), owners: asked.owners };
  if (writer.subresource === '' || writer.subresource === 'status') {
    const owners = ownersOfUpdate(kind, before, object, asked.given ?? given, writer);
    return { next: mergedWith(object), owners };
  }
  const next = mergedWith(object);
  return { next, owners: ownersOfUpdate(kind, before, next, undefined, writer) };
}

/** The object to store: what was asked for, confined to the part that this subresource may change. */
function merged(kind: Kind, asked: Resource, before: Resource, subresource: string, writing: WriteContext): Resource {
  if (subresource === '' || subresource === 'status') {
    return prepareUpdate(kind, asked, before, subresource, writing);
  }
  if (subresource === 'scale') {
    const next = setScale(kind, copy(detached(before).object), asked);
    return prepareUpdate(kind, next, before, '', writing);
  }
  const part = partOf(kind, subresource);
  if (!part) throw badRequest(`Cannot update ${kind.plural}: no subresource "${subresource}"`);
  const next = part(asked, before);
  const metadata = { ...next.metadata };
  const framed = prepareUpdate(kind, { ...next, metadata }, before, 'status', writing);
  const object = { ...next, metadata: framed.metadata };
  kind.prepareStatus?.(object, before, writing, subresource);
  return object;
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
  const { name, namespace = '', uid, resourceVersion } = before.metadata;
  const check = options.subresource === 'scale' ? checkMeantBy.bind(undefined, 'scale') : checkMeant;
  check(kind, { namespace, name }, { uid: options.uid }, { uid });
  const wantedVersion = options.resourceVersion || asked.metadata.resourceVersion;
  if (wantedVersion && !/^\d+$/.test(wantedVersion)) {
    throw plainError(`strconv.ParseUint: parsing ${JSON.stringify(wantedVersion)}: invalid syntax`);
  }
  if (wantedVersion && wantedVersion !== '0') {
    if (wantedVersion !== resourceVersion) throw conflict(kind, name);
  } else if (kind.namesVersion) {
    // Upstream names the resource here where all else names the kind.
    throw invalidObject({ group: kind.group, kind: kind.plural }, name, [
      {
        ...invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
        message: 'Invalid value: 0x0: must be specified for an update',
      },
    ]);
  }
}

/** The object must be where the URL says. */
function checkAddress(kind: Kind, { metadata }: Resource, { namespace, name }: Ref): void {
  if (kind.namespaced && metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (!metadata.name) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
}
