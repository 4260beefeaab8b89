/** The API server as a caller of its own verbs: for what it keeps, and for what it looks up on behalf of others who may not. */
import type { Caller } from '../verbs/types.ts';
import { mastersGroup } from './authorize.ts';

export const ourselves: Caller = { name: 'system:apiserver', groups: [mastersGroup] };
