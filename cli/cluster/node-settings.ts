/** The settings of a cluster's nodes, kept with its state as the file they came from: upstream's KubeletConfiguration. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { demandPossible } from '../../node-agent/settings/demand-possible.ts';
import type { NodeSettings } from '../../node-agent/settings/fields.ts';
import { readKubeletConfiguration } from '../../node-agent/settings/kubelet-configuration.ts';
import type { ClusterLayout } from './layout.ts';

/** The text of a file of settings; undefined for `none`. Throws for a file that says what nodes do not heed. */
export function readNodeSettings(file: string): string | undefined {
  if (file === 'none') return undefined;
  const text = readFileSync(file, 'utf8');
  readKubeletConfiguration(text);
  return text;
}

/**
 * Makes this the settings of all nodes, which hold from the next start of their agents; undefined forgets them. Rejects for what this machine cannot do, and leaves
 * things as they are.
 */
export async function layNodeSettings(
  { nodeSettings: place, stateDir }: ClusterLayout,
  text: string | undefined,
): Promise<void> {
  if (text === undefined) return rmSync(place, { force: true });
  await demandPossible(readKubeletConfiguration(text), stateDir);
  writeFileSync(`${place}.tmp`, text, { mode: 0o600 });
  renameSync(`${place}.tmp`, place);
}

/** The settings that were laid; none when there are none. */
export function nodeSettings({ nodeSettings: place }: ClusterLayout): NodeSettings {
  return existsSync(place) ? readKubeletConfiguration(readFileSync(place, 'utf8')) : {};
}
