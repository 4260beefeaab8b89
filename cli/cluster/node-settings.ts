/** The settings of a cluster's nodes, kept with its state as the file they came from. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { demandPossible } from '../../node-agent/settings/demand-possible.ts';
import type { NodeSettings } from '../../node-agent/settings/fields.ts';
import { readSettings } from '../../node-agent/settings/settings-file.ts';
import type { ClusterLayout } from './layout.ts';

/**
 * The text of a file of settings; undefined for `none`. Rejects for one that says what nodes do not heed, or what this machine cannot do. `stateDir` is where the state
 * of the nodes is, or will be.
 */
export async function readNodeSettings(file: string, stateDir: string): Promise<string | undefined> {
  if (file === 'none') return undefined;
  const text = readFileSync(file, 'utf8');
  await demandPossible(readSettings(text), nearestFolder(stateDir));
  return text;
}

/** Makes this the settings of all nodes, which hold from the next start of their agents; undefined forgets them. */
export function layNodeSettings({ nodeSettings: place }: ClusterLayout, text: string | undefined): void {
  if (text === undefined) return rmSync(place, { force: true });
  writeFileSync(`${place}.tmp`, text, { mode: 0o600 });
  renameSync(`${place}.tmp`, place);
}

/** The settings that were laid; none when there are none. */
export function nodeSettings({ nodeSettings: place }: ClusterLayout): NodeSettings {
  return existsSync(place) ? readSettings(readFileSync(place, 'utf8')) : {};
}

/** The folder, or the first above it that there is. */
function nearestFolder(folder: string): string {
  return existsSync(folder) ? folder : nearestFolder(path.dirname(folder));
}
