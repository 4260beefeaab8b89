/** Writes what is missing of the default roles and bindings. */
import { ourselves } from '../../ourselves.ts';
import type { Lookup } from '../../../admission/types.ts';
import type { Verbs } from '../../../verbs/types.ts';
import { isReason } from '#lib/meta/errors.ts';
import { correction, defaults } from './reconcile.ts';
import type { Wanted } from './reconcile.ts';

/** Attempts at one object, each after somebody else wrote it first, or the store did not say in time what became of it. */
const attempts = 5;

/** Idempotent, and fine beside another server that does the same. The namespaces must be there. */
export async function ensureDefaultRoles(verbs: Verbs, look: Lookup): Promise<void> {
  await Promise.all(defaults().map((wanted) => ensure(verbs, look, wanted)));
}

async function ensure(verbs: Verbs, look: Lookup, wanted: Wanted): Promise<void> {
  const { kind, object } = wanted;
  const { namespace = '', name = '' } = object.metadata;
  const ref = { namespace, name };
  for (let attempt = 1; ; attempt++) {
    try {
      const present = attempt === 1 ? look.get(kind, ref) : await read(verbs, wanted);
      const next = correction(wanted, present);
      if (!next) return;
      if (next.do === 'update') await verbs.update(ourselves, kind, ref, next.object);
      else {
        if (next.do === 'replace') await verbs.delete(ourselves, kind, ref);
        await verbs.create(ourselves, kind, namespace, object);
      }
      return;
    } catch (error) {
      const mayEndWell = isReason(error, 'AlreadyExists', 'Conflict', 'NotFound', 'ServiceUnavailable');
      if (!mayEndWell || attempt === attempts) throw error;
    }
  }
}

async function read(verbs: Verbs, { kind, object }: Wanted) {
  const { namespace = '', name = '' } = object.metadata;
  try {
    return (await verbs.get(ourselves, kind, { namespace, name })).object;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
