/** A write as it comes over gRPC, carried out by the verbs. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { wellFormed } from '#lib/meta/well-formed.ts';
import { WriteRequestVerb } from '#protos/gen/cluster.ts';
import type { Target, WriteReply, WriteRequest } from '#protos/gen/cluster.ts';
import type { Caller, DeleteOptions, Verbs, WriteOptions } from '../verbs/types.ts';

export type KindAt = (group: string, version: string, plural: string) => Kind | undefined;

/** Resolves to the reply; rejects with ApiError. */
export async function performWrite(
  verbs: Verbs,
  kindAt: KindAt,
  caller: Caller,
  request: WriteRequest,
): Promise<Omit<WriteReply, 'id' | 'status'>> {
  const kind = kindOf(kindAt, request.target);
  const { name, subresource } = request;
  const ref = { namespace: request.target?.namespace ?? '', name };
  const body = parse(request.body);
  const options = optionsOf(request);
  switch (request.verb) {
    case WriteRequestVerb.CREATE:
      return subresource === ''
        ? replyOf(await verbs.create(caller, kind, ref.namespace, body, options))
        : answerOf(await verbs.createSubresource(caller, kind, ref, subresource, body, options));
    case WriteRequestVerb.UPDATE:
      return replyOf(await verbs.update(caller, kind, ref, body, options));
    case WriteRequestVerb.PATCH:
      return replyOf(await verbs.patch(caller, kind, ref, request.patchType, body, options));
    case WriteRequestVerb.DELETE:
      return replyOf((await verbs.delete(caller, kind, ref, deleteOptionsOf(request, body))).entry);
    default:
      throw badRequest(`unknown verb ${request.verb}`);
  }
}

/** The kind that a target names; throws NotFound. */
export function kindOf(kindAt: KindAt, target: Target | undefined): Kind {
  const kind = target && kindAt(target.group, target.version, target.plural);
  if (!kind) throw new ApiError('NotFound', 'the server could not find the requested resource');
  return kind;
}

function optionsOf({ subresource, uid, resourceVersion, fieldManager, dryRun }: WriteRequest): WriteOptions {
  return {
    ...(dryRun && { dryRun }),
    ...(subresource && { subresource }),
    ...(fieldManager && { fieldManager }),
    ...(uid && { uid }),
    ...(resourceVersion && { resourceVersion }),
  };
}

function deleteOptionsOf({ uid, resourceVersion, dryRun }: WriteRequest, body: unknown): DeleteOptions {
  const { preconditions, ...rest } = (body ?? {}) as DeleteOptions;
  return {
    ...rest,
    ...(dryRun && { dryRun }),
    preconditions: { ...preconditions, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) },
  };
}

function replyOf({ bytes, revision }: { bytes: Buffer; revision: bigint }) {
  return { object: bytes, revision: revision === 0n ? '' : String(revision) };
}

function answerOf(answer: Resource) {
  return { object: Buffer.from(JSON.stringify(answer)), revision: answer.metadata?.resourceVersion ?? '' };
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    const text = bytes.toString();
    return wellFormed(JSON.parse(text) as unknown, text);
  } catch (error) {
    throw badRequest(`the body is not JSON: ${(error as Error).message}`);
  }
}
