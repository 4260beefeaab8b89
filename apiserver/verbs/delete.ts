/** Delete, one object or a selection of them. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { AdmissionRequest } from '../admission/types.ts';
import { demand } from '../auth/authorize.ts';
import type { Entry } from '../store/world-types.ts';
import { admitted, judged, warner } from './context.ts';
import type { VerbsContext } from './context.ts';
import { decideDeletion } from './deletion.ts';
import type { Caller, DeleteOptions, ListOptions, ListResult } from './types.ts';

/** Deletions of one collection that are under way at a time. */
const parallel = 16;

export async function remove(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  options: DeleteOptions = {},
): Promise<{ entry: Entry; removed: boolean }> {
  demand(context.authorize, caller, 'delete', kind, ref);
  return removeAuthorized(context, caller, kind, ref, options);
}

/** Deletes for a caller who has been found to be allowed. `note` is what is written of the deletion into an object that stays for now. */
export async function removeAuthorized(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  ref: Ref,
  options: DeleteOptions,
  note: (object: Resource) => Resource = (object) => object,
): Promise<{ entry: Entry; removed: boolean }> {
  const { dryRun = false } = options;
  const { entry, removed } = await context.writer.change(kind, ref, dryRun, async (current: Resource) => {
    const request: AdmissionRequest = {
      operation: 'DELETE',
      kind,
      namespace: ref.namespace,
      name: ref.name,
      subresource: '',
      object: current,
      before: current,
      caller,
      dryRun,
      warn: warner(undefined),
    };
    await admitted(context, request);
    await judged(context, request);
    const noted = note(current);
    const deletion = decideDeletion(kind, noted, options, context.env.now());
    if (deletion.do === 'nothing') return { do: 'store', object: noted };
    return deletion.do === 'mark' ? { do: 'store', object: deletion.object } : deletion;
  });
  if (removed && !dryRun) await context.attachments.get(kind)?.release(entry.object);
  return { entry, removed };
}

/** Deletes what the list options select, page by page as they say; answers what was selected. */
export async function removeCollection(
  context: VerbsContext,
  caller: Caller,
  kind: Kind,
  list: ListOptions,
  options: DeleteOptions = {},
): Promise<ListResult> {
  demand(context.authorize, caller, 'deletecollection', kind, list);
  const found = await context.reader.list(kind, list);
  const queue = found.entries.values();
  const worker = async () => {
    for (const { object } of queue) {
      const ref = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
      try {
        await removeAuthorized(context, caller, kind, ref, options);
      } catch (error) {
        // Someone else was faster, which is as good.
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, found.entries.length) }, worker));
  return found;
}
