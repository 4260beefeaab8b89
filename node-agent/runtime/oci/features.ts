/** What the node's runtime can do for pods beyond the ordinary, found out by trying once. */
import { mkdirSync } from 'node:fs';
import os from 'node:os';
import { runCommand } from '#lib/env/command.ts';
import type { RuntimeFeatures } from '../types.ts';
import { userNamespaceProgram } from './folders.ts';
import { probeScript } from './scripts.ts';

/** Tries it out in namespaces that are gone afterwards. Never rejects: what cannot be tried cannot be done. */
export async function probeFeatures(stateDir: string, runDir: string): Promise<RuntimeFeatures> {
  return {
    noUserNamespaces: await probeUserNamespaces(stateDir, runDir).catch(String),
    recursiveReadOnly: canSetMountsBelow(os.release()),
  };
}

/** Since Linux 5.12 attributes of mounts may be set for a whole tree. */
export function canSetMountsBelow(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 12);
}

async function probeUserNamespaces(stateDir: string, runDir: string): Promise<string | undefined> {
  for (const folder of [stateDir, runDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const apart = ['--mount', '--propagation', 'private', 'sh', '-c', probeScript, 'sh'];
  const { exitCode, stderr } = await runCommand('unshare', [...apart, userNamespaceProgram, stateDir, runDir]);
  return exitCode === 0 ? undefined : stderr.trim() || `the attempt ended with exit code ${exitCode}`;
}
