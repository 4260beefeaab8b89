/** One more API server, for the suites about what its operator gives it: files that change while it runs, and that others' tests must not meet. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestApi } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';

let started: Promise<TestApi> | undefined;

const keyOf = (byte: number) => Buffer.alloc(32, byte).toString('base64');

/** An EncryptionConfiguration by which Secrets come under the first of these keys; each is named `k<number>`. */
export function encryptionBy(...keys: number[]): string {
  const list = keys.map((key) => `{name: k${key}, secret: ${keyOf(key)}}`).join(', ');
  return `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers: [{aesgcm: {keys: [${list}]}}]
`;
}

/**
 * The server. Secrets are encrypted by key 1; there is a place for an audit policy, and none in it; `former.key` is believed in tokens; owners are
 * named by those only who may delete what they own.
 */
export function operatedApi(): Promise<TestApi> {
  started ??= startTestApi((config, folder) => {
    config.encryptionConfigFile = join(folder, 'encryption.yaml');
    writeFileSync(config.encryptionConfigFile, encryptionBy(1));
    config.pki.serviceAccountOtherKeyFiles = [join(folder, 'former.key')];
    writeFileSync(join(folder, 'former.key'), readFileSync(config.pki.serviceAccountKeyFile));
    config.admission = { enable: ['OwnerReferencesPermissionEnforcement'] };
    config.audit = { policyFile: join(folder, 'audit-policy.yaml'), logFile: join(folder, 'log/audit.log') };
  });
  return started;
}

/** Replaces a file as a careful operator does. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** Resolves when the condition holds; rejects after ten seconds. */
export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await holds()); await sleep(20))
    if (Date.now() > deadline) throw new Error(`Not in time: ${what}`);
}

// At the root of the run: after all suites.
suiteTeardown(async () => {
  const api = await started?.catch(() => undefined);
  await api?.stop();
});
