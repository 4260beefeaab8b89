/** Writes what is missing or wrong of the objects that flow control starts with. */
import { isReason } from '#lib/meta/errors.ts';
import type { Lookup } from '../admission/types.ts';
import { ourselves } from '../auth/ourselves.ts';
import type { Verbs } from '../verbs/types.ts';
import { corrections } from './reconcile.ts';
import type { Correction } from './reconcile.ts';

const fieldManager = 'api-priority-and-fairness-config-producer-v1';

/** Idempotent, and fine beside another server that does the same: who is later finds the work done. */
export async function ensureFlowObjects(verbs: Verbs, look: Lookup): Promise<void> {
  await Promise.all(corrections((kind) => look.list(kind, '')).map((correction) => correct(verbs, correction)));
}

async function correct(verbs: Verbs, correction: Correction): Promise<void> {
  const { kind, object } = correction;
  const ref = { namespace: '', name: object.metadata.name };
  try {
    if (correction.do === 'create') await verbs.create(ourselves, kind, '', object, { fieldManager });
    else if (correction.do === 'update') await verbs.update(ourselves, kind, ref, object, { fieldManager });
    else await verbs.delete(ourselves, kind, ref, { preconditions: { uid: correction.object.metadata.uid } });
  } catch (error) {
    // Somebody else was faster: another server has done the same, or the next round sees what is to be done now.
    if (!isReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error;
  }
}
