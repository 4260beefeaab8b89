/** The cluster's kubeconfig, and its place in the user's own. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import type { ClusterLayout } from './layout.ts';

interface Named {
  name: string;
}

interface Kubeconfig {
  apiVersion?: string;
  kind?: string;
  clusters?: Named[] | null;
  users?: Named[] | null;
  contexts?: Named[] | null;
  'current-context'?: string;
}

/** The context's name: `wherry` for the default cluster, else `wherry-<name>`. */
function contextOf(cluster: ClusterLayout): string {
  return cluster.name === 'default' ? 'wherry' : `wherry-${cluster.name}`;
}

/** Writes the cluster's kubeconfig with the administrator's certificate. */
export function writeKubeconfig(cluster: ClusterLayout): void {
  writeWhole(cluster.kubeconfig, stringify(kubeconfigOf(cluster)));
}

/** Adds the cluster to the user's kubeconfig and makes it current; other entries stay as they are. Refuses a file it cannot read. */
export function addToUserKubeconfig(cluster: ClusterLayout, file: string): void {
  const own = kubeconfigOf(cluster);
  const theirs = readUserKubeconfig(file);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeWhole(file, stringify({ ...theirs, ...merge(theirs, own), 'current-context': contextOf(cluster) }));
}

/** Removes the cluster from the user's kubeconfig. */
export function removeFromUserKubeconfig(cluster: ClusterLayout, file: string): void {
  if (!existsSync(file)) return;
  const theirs = readUserKubeconfig(file);
  const name = contextOf(cluster);
  const without = (list: Named[] | null | undefined) => (list ?? []).filter((entry) => entry.name !== name);
  const next = {
    ...theirs,
    clusters: without(theirs.clusters),
    users: without(theirs.users),
    contexts: without(theirs.contexts),
  };
  if (next['current-context'] === name) next['current-context'] = '';
  writeWhole(file, stringify(next));
}

function merge(theirs: Kubeconfig, own: Kubeconfig): Kubeconfig {
  const join = (before: Named[] | null | undefined, after: Named[] | null | undefined) => [
    ...(before ?? []).filter((entry) => !(after ?? []).some((other) => other.name === entry.name)),
    ...(after ?? []),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: join(theirs.clusters, own.clusters),
    users: join(theirs.users, own.users),
    contexts: join(theirs.contexts, own.contexts),
  };
}

function readUserKubeconfig(file: string): Kubeconfig {
  if (!existsSync(file)) return {};
  const content: unknown = parse(readFileSync(file, 'utf8'));
  if (content === null) return {};
  if (typeof content !== 'object') throw new Error(`Cannot add to ${file}: it is not a kubeconfig`);
  return content;
}

function kubeconfigOf(cluster: ClusterLayout): Kubeconfig & { preferences: object } {
  const name = contextOf(cluster);
  const data = (file: string) => readFileSync(`${cluster.pkiDir}/${file}`).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    clusters: [
      {
        name,
        cluster: { server: `https://127.0.0.1:${cluster.apiPort}`, 'certificate-authority-data': data('ca.crt') },
      } as Named,
    ],
    users: [
      { name, user: { 'client-certificate-data': data('admin.crt'), 'client-key-data': data('admin.key') } } as Named,
    ],
    contexts: [{ name, context: { cluster: name, user: name } } as Named],
    'current-context': name,
  };
}

function writeWhole(file: string, text: string): void {
  const temporary = `${file}.wherry-tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}
