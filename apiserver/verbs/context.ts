/** What the verbs share: the parts they are built from, and the steps every write takes. */
import type { Env } from '#lib/env/env.ts';
import type { Kind, WriteContext } from '#lib/kinds/define-kind.ts';
import { copy } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { NotYetError } from '../admission/types.ts';
import type { Admission, AdmissionRequest, Lookup } from '../admission/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { World } from '../store/world-types.ts';
import type { Reader } from './reader.ts';
import type { Policies } from '../policies/policies.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import type { Caller, WriteNotes } from './types.ts';
import { prefixOf, storageKey } from './selection.ts';
import type { Writer } from './writer.ts';

/** Something taken for an object before it is written: kept once that has happened, given back when it has not. */
export interface Claim {
  settle(stored: boolean): Promise<void>;
}

/** What a kind needs done around its writes, beyond the object itself. */
export interface Attachment {
  /** Completes `next` with what it claims; `before` is there on updates. */
  claim(next: Resource, before: Resource | undefined, dryRun: boolean): Promise<Claim>;
  /** Gives back what a removed object held. */
  release(object: Resource): Promise<void>;
}

export interface VerbsContext {
  env: Env;
  world: World;
  reader: Reader;
  writer: Writer;
  authorize: Authorizer;
  admission: Admission;
  policies?: Policies | undefined;
  webhooks?: Webhooks | undefined;
  /** Counts what is about to be stored against quotas; undefined when there is nothing to count. */
  charge: (request: AdmissionRequest) => Promise<void> | undefined;
  look: Lookup;
  /** By kind. */
  attachments: ReadonlyMap<Kind, Attachment>;
}

/** What kinds may know while they prepare an object. */
export function writeContext({ env }: VerbsContext, caller: Caller, warn?: (text: string) => void): WriteContext {
  return { now: env.now(), uuid: env.uuid, caller, ...(warn && { warn }) };
}

/** A lookup in the state in memory. */
export function makeLookup(world: World): Lookup {
  return {
    get: <T extends Resource>(kind: Kind<T>, ref: { namespace: string; name: string }) =>
      world.get(storageKey(kind, ref))?.object as T | undefined,
    *list<T extends Resource>(kind: Kind<T>, namespace: string) {
      for (const entry of world.list(prefixOf(kind, namespace))) yield entry.object as T;
    },
  };
}

/** Attempts, with pauses between them, where a controller is about to make what is missing. */
const patienceForMissing = 10;
const missingPauseMs = 100;

/** More warnings than fit into an answer. */
const mostWarnings = 1000;

/** What the user is told goes to the notes, if anyone wants them. */
export function warner(notes: WriteNotes | undefined): (text: string) => void {
  return (text) => {
    if (!notes || notes.warnings.length >= mostWarnings || notes.warnings.includes(text)) return;
    notes.warnings.push(text);
  };
}

/** The object as admission completes it. */
export async function admitted(context: VerbsContext, request: AdmissionRequest): Promise<Resource> {
  let object = request.object;
  await settled(context, (look) => {
    object = copy(request.object);
    context.admission.admit({ ...request, object }, look);
  });
  return (await context.webhooks?.mutate({ ...request, object })) ?? object;
}

/** Lets admission judge the object that is about to be stored, and quotas count it: the last step before it is. */
export async function judged(context: VerbsContext, request: AdmissionRequest): Promise<void> {
  await settled(context, (look) => context.admission.validate(request, look));
  context.policies?.(request);
  await context.webhooks?.validate(request);
  await context.charge(request);
}

/** Runs a phase of admission. A refusal from memory that may be behind is tried again on the latest state. */
async function settled(context: VerbsContext, attempt: (look: Lookup) => void): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    try {
      return attempt(context.look);
    } catch (error) {
      const patience = error instanceof NotYetError ? patienceForMissing : 2;
      if (!isReason(error, 'NotFound', 'Forbidden') || attempts >= patience) throw error;
      if (attempts > 1) await context.env.sleep(missingPauseMs * (1 + context.env.random()));
      await context.world.sync();
    }
  }
}
