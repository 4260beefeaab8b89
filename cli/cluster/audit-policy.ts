/** The policy of a cluster's audit log, kept with its state. The API server takes it over while it runs. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readPolicy } from '../../apiserver/audit/policy.ts';
import type { ClusterLayout } from './layout.ts';

/** Makes `file` the policy; `none` ends the log. Throws for a file that is no policy, and leaves things as they are. */
export function layAuditPolicy({ auditPolicy: place }: ClusterLayout, file: string): void {
  if (file === 'none') return rmSync(place, { force: true });
  const text = readFileSync(file, 'utf8');
  readPolicy(text);
  writeFileSync(`${place}.tmp`, text, { mode: 0o600 });
  renameSync(`${place}.tmp`, place);
}
