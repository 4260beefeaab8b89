/** How objects of a custom resource are read: their metadata as that of every object, all else by the schema of their definition. */
import { badRequest } from '#lib/meta/errors.ts';
import type { Json } from '#lib/meta/json-map.ts';
import { isMap } from '#lib/meta/json-map.ts';
import type { CustomType, Kind } from '../define-kind.ts';
import { decodeMember } from '../structure.ts';
import { dropNulls, fill } from './fill.ts';
import { ownedFieldsOf } from './owned-fields.ts';
import { prune } from './prune.ts';
import type { Structural } from './structural.ts';

/** `versions` gives the kinds of all versions of the resource. */
export function customType(structural: Structural, versions: () => readonly Kind[]): CustomType {
  return {
    schema: structural.source,
    versions,
    fields: ownedFieldsOf(structural),
    decode(body) {
      const object = body as Json;
      object['metadata'] ??= {};
      if (!isMap(object['metadata'])) throw badRequest('metadata: must be an object');
      const ofMetadata = decodeMember('metadata', metadataSchema, object['metadata']);
      const pruned = prune(object, structural).map((path) => `unknown field ${JSON.stringify(path)}`);
      dropNulls(object, structural);
      fill(object, structural);
      return [...ofMetadata, ...pruned];
    },
  };
}

const metadataSchema = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
