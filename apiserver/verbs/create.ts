/** Create: decode, default, name, admit, prepare, check, claim, store. */
import { checkObject } from '#lib/kinds/checks/metadata.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, alreadyExists, badRequest, invalidObject, isReason, plainError } from '#lib/meta/errors.ts';
import { generatedName } from '#lib/meta/names.ts';
import type { ObjectMeta, Ref, Resource } from '#lib/meta/object.ts';
import type { AdmissionRequest } from '../admission/types.ts';
import { demand } from '../auth/authorize.ts';
import type { Entry } from '../store/world-types.ts';
import { admitted, judged, warner, writeContext } from './context.ts';
import type { VerbsContext } from './context.ts';
import { decodeObject } from './decode.ts';
import { ownersOfNew, setOwners, writerOf } from './ownership.ts';
import type { Entries } from './ownership.ts';
import { fillMetadata, prepareCreate } from './prepare.ts';
import type { Caller, WriteOptions } from './types.ts';
import { keepUniqueOwners } from './unique-owners.ts';

/** How often a generated name may meet one that is taken. */
const generatedNameAttempts = 8;

export async function create(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  namespace: string,
  body: unknown,
  options: WriteOptions = {},
): Promise<Entry> {
  demand(context.authorize, caller, 'create', kind, { namespace });
  const draft = decodeObject(kind, body, options);
  checkNamespaceOf(kind, draft, namespace);
  // Nothing but a number is a version.
  if (Number(draft.metadata.resourceVersion) > 0) {
    throw plainError('resourceVersion should not be set on objects to be created');
  }
  keepUniqueOwners(draft.metadata, warner(options.notes));
  kind.defaults?.(draft);
  return createDecoded(context, caller, kind, namespace, draft, options);
}

/** Creates what an update or an apply did not find, for which a caller must be allowed to create it. `draft` is decoded and has its defaults. */
export async function createAt(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  draft: Resource,
  options: WriteOptions,
  /** Of its fields, where they are known already. */
  owners?: Entries,
): Promise<Entry> {
  demand(context.authorize, caller, 'create', kind, ref);
  const { notes } = options;
  const entry = await createDecoded(context, caller, kind, ref.namespace, draft, options, owners);
  if (notes) notes.created = true;
  return entry;
}

async function createDecoded(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  namespace: string,
  draft: Resource,
  options: WriteOptions,
  owners?: Entries,
): Promise<Entry> {
  const owning = owners ?? ownersOfNew(kind, draft, writerOf(kind, caller, options, context.env.now()));
  delete draft.metadata.managedFields;
  const { name, generateName } = draft.metadata;
  // Kinds rely on there being a name, though it may be an empty one, which is refused with the rest.
  draft.metadata.name ??= '';
  if (name || !generateName) return createNamed(context, caller, kind, namespace, draft, owning, options);
  for (let attempt = 1; ; attempt++) {
    draft.metadata.name = generatedName(generateName, context.env.random);
    try {
      return await createNamed(context, caller, kind, namespace, draft, owning, options, generateName);
    } catch (error) {
      if (!isReason(error, 'AlreadyExists') || attempt === generatedNameAttempts) throw error;
    }
  }
}

/** The refusal of an object whose name another has. One with a prefix counts as named by the server, whoever named it. */
async function nameTaken({ reader }: VerbsContext, kind: Kind, ref: Ref, generateName?: string): Promise<ApiError> {
  const { message, details } = alreadyExists(kind, ref.name);
  // Whatever comes of reading it, the name is taken.
  const present = await reader.get(kind, ref).catch(() => undefined);
  const going = present?.object.metadata.deletionTimestamp === undefined ? '' : 'object is being deleted: ';
  if (!generateName) return new ApiError('AlreadyExists', going + message, details);
  const told = `${going}${message}, the server was not able to generate a unique name for the object`;
  return new ApiError('AlreadyExists', told, { ...details, retryAfterSeconds: 1 });
}

async function createNamed(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  namespace: string,
  draft: Resource,
  owners: Entries,
  { dryRun = false, notes }: WriteOptions,
  prefix?: string,
): Promise<Entry> {
  fillMetadata(kind, draft, namespace, writeContext(context, caller));
  const { metadata }: { metadata: Partial<ObjectMeta> } = draft;
  const name = metadata.name ?? '';
  const request: AdmissionRequest = {
    operation: 'CREATE',
    kind,
    namespace: kind.namespaced ? namespace : '',
    name,
    subresource: '',
    object: draft,
    before: undefined,
    caller,
    dryRun,
    warn: warner(notes),
    annotate: notes?.annotate,
  };
  // Upstream makes names up after this step, and looks at them later still: what refuses here knows the prefix alone, or none.
  const object = await admitted(context, { ...request, name: prefix ?? (name || 'Unknown') });
  prepareCreate(kind, object, writeContext(context, caller, warner(notes)));
  const faults = checkObject(kind, object, undefined);
  if (faults.length > 0) throw invalidObject(kind, name, faults);
  for (const warning of kind.warnings?.(object, undefined) ?? []) warner(notes)(warning);
  await judged(context, { ...request, object });
  setOwners(object, owners);
  const claim = await context.attachments.get(kind)?.claim(object, undefined, dryRun);
  let entry: Entry | undefined;
  try {
    entry = await context.writer.create(kind, { namespace, name }, object, dryRun);
  } finally {
    await claim?.settle(entry !== undefined);
  }
  if (!entry) throw await nameTaken(context, kind, { namespace, name }, metadata.generateName);
  return entry;
}

function checkNamespaceOf(kind: Kind, { metadata }: Resource, namespace: string): void {
  if (!kind.namespaced) return;
  if (!namespace) throw badRequest('an empty namespace may not be set during creation');
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}
