/** Writes what is missing or wrong of the objects that flow control starts with. */
import { isReason } from '#lib/meta/errors.ts';
import type { Lookup } from '../admission/types.ts';
import { mastersGroup } from '../auth/authorize.ts';
import type { Caller, Verbs } from '../verbs/types.ts';
import { corrections } from './reconcile.ts';
import type { Correction } from './reconcile.ts';

const self: Caller = { name: 'system:apiserver', groups: [mastersGroup] };
const fieldManager = 'api-priority-and-fairness-config-producer-v1';

/** Idempotent, and fine beside another server that does the same: who is later finds the work done. */
export async function ensureFlowObjects(verbs: Verbs, look: Lookup): Promise<void> {
  await Promise.all(corrections((kind) => look.list(kind, '')).map((correction) => correct(verbs, correction)));
}

async function correct(verbs: Verbs, correction: Correction): Promise<void> {
  const { kind, object } = correction;
  const ref = { namespace: '', name: object.metadata.name };
  try {
    if (correction.do === 'create') await verbs.create(self, kind, '', object, { fieldManager });
    else if (correction.do === 'update') await verbs.update(self, kind, ref, object, { fieldManager });
    else await verbs.delete(self, kind, ref, { preconditions: { uid: correction.object.metadata.uid } });
  } catch (error) {
    // Somebody else was faster: another server has done the same, or the next round sees what is to be done now.
    if (!isReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error;
  }
}
