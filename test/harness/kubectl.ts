/** Which kubectl this machine has: any serves, a test of what a newer one can do says so, and some tests run with each. */
import { execFileSync } from 'node:child_process';
import { readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AsyncFunc } from 'mocha';
import type { TestApi } from './api.ts';

/** A kubectl of this machine. */
export interface Kubectl {
  command: string;
  /** `v1.32.5` */
  version: string;
  /** 32 for 1.32. */
  minor: number;
}

let usual: Kubectl | undefined;

/** A test that needs at least kubectl 1.`since`; with an older one it is skipped, and its title says why. */
export function testSinceKubectl(since: number, title: string, run: AsyncFunc): void {
  usual ??= askVersion('kubectl');
  if (!usual) throw new Error('There is no kubectl: deploy/setup.sh brings one');
  const known = usual.minor;
  if (known >= since) test(title, run);
  else test.skip(`${title} (needs kubectl 1.${since}; this machine has 1.${known})`, run);
}

/** Every kubectl in the folders of PATH, and beside where its links lead: one of each version, oldest first. */
export function installedKubectls(): readonly Kubectl[] {
  return (installed ??= findKubectls());
}

let installed: Kubectl[] | undefined;

function findKubectls(): Kubectl[] {
  const found = foldersOfPath().flatMap(kubectlsIn);
  const folders = new Set(found.map((command) => dirname(realpathSync(command))));
  const commands = new Set([...found, ...[...folders].flatMap(kubectlsIn)].map((command) => realpathSync(command)));
  const all = [...commands].flatMap((command) => askVersion(command) ?? []);
  // A dispatcher starts the others, and is none itself.
  const real = all.filter(({ version }) => !version.includes('dispatcher'));
  const byVersion = new Map((real.length > 0 ? real : all).map((kubectl) => [kubectl.version, kubectl]));
  return [...byVersion.values()].sort((a, b) => a.minor - b.minor);
}

/** Writes a kubeconfig with the admin's certificate into the server's folder, and answers where it is. */
export function writeKubeconfig({ folder, url }: Pick<TestApi, 'folder' | 'url'>): string {
  const file = (name: string) => join(folder, name);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority': file('ca.crt') } }],
    users: [{ name: 'u', user: { 'client-certificate': file('admin.crt'), 'client-key': file('admin.key') } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file('kubeconfig'), JSON.stringify(config), { mode: 0o600 });
  return file('kubeconfig');
}

function foldersOfPath(): string[] {
  return (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
}

function kubectlsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^kubectl(\.[\d.]+)?$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Undefined for what is no kubectl that runs. */
function askVersion(command: string): Kubectl | undefined {
  try {
    const text = execFileSync(command, ['version', '--client', '-o', 'json'], { encoding: 'utf8', stdio: 'pipe' });
    const { clientVersion } = JSON.parse(text) as { clientVersion: { minor: string; gitVersion: string } };
    return { command, version: clientVersion.gitVersion, minor: Number.parseInt(clientVersion.minor, 10) };
  } catch {
    return undefined;
  }
}
