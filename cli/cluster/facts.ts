/** What a cluster must remember of itself between `up`s: its slot and how many nodes it has. Kept in `cluster.json`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { makeBridge } from './host-network.ts';
import { run } from './run.ts';
import { layoutOf, maxNodes, slotCount } from './layout.ts';
import type { ClusterFacts, Folders } from './layout.ts';

/** The facts of a cluster, or undefined when there is none of this name. */
export function readFacts(name: string, folders: Folders): ClusterFacts | undefined {
  const file = factsFile(name, folders);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ClusterFacts) : undefined;
}

/** Names of the clusters on this machine. */
export function clusterNames(folders: Folders): string[] {
  if (!existsSync(folders.stateRoot)) return [];
  return readdirSync(folders.stateRoot).filter((name) => existsSync(factsFile(name, folders)));
}

/** The facts for `up`: those on disk, grown to `nodes`, or new ones in the first free slot, whose bridge is then made. */
export async function settleFacts(name: string, nodes: number | undefined, folders: Folders): Promise<ClusterFacts> {
  const known = readFacts(name, folders);
  const count = nodes ?? known?.nodes ?? 1;
  if (!Number.isInteger(count) || count < 1 || count > maxNodes)
    throw new Error(`Cannot make ${nodes} nodes: a cluster has 1 to ${maxNodes}`);
  if (known && count < known.nodes) {
    throw new Error(`Cannot shrink cluster "${name}" from ${known.nodes} to ${count} nodes: delete it and start anew`);
  }
  const facts = { name, slot: known?.slot ?? (await claimSlot(name, folders)), nodes: count };
  mkdirSync(layoutOf(facts, folders).stateDir, { recursive: true, mode: 0o755 });
  const file = factsFile(name, folders);
  writeFileSync(`${file}.tmp`, `${JSON.stringify(facts)}\n`);
  renameSync(`${file}.tmp`, file);
  return facts;
}

/**
 * Takes the first slot whose ports and addresses nobody on this machine uses. The kernel makes a bridge of one name only once, so of two clusters that
 * start at the same moment one gets the slot and the other goes on to the next.
 */
async function claimSlot(name: string, folders: Folders): Promise<number> {
  const taken = new Set(clusterNames(folders).map((other) => readFacts(other, folders)!.slot));
  const routes = await run('ip', ['-4', 'route', 'show', 'table', 'all']);
  const listening = await run('ss', ['-Hltn']);
  for (let slot = 0; slot < slotCount; slot++) {
    if (taken.has(slot) || isUsed(slot, routes, listening, folders)) continue;
    if (await makeBridge(layoutOf({ name, slot, nodes: 1 }, folders))) return slot;
  }
  throw new Error(`Cannot make another cluster: all ${slotCount} slots of addresses are in use on this machine`);
}

function isUsed(slot: number, routes: string, listening: string, folders: Folders): boolean {
  const layout = layoutOf({ name: 'probe', slot, nodes: 1 }, folders);
  const networks = [layout.subnet, layout.podCidr, layout.serviceCidr].map((cidr) =>
    cidr
      .split('.')
      .slice(0, cidr.endsWith('/16') ? 2 : 3)
      .join('.'),
  );
  const ports = [layout.apiPort, layout.grpcPort];
  return (
    networks.some((prefix) => new RegExp(`\\b${prefix.replaceAll('.', '\\.')}\\.`).test(routes)) ||
    ports.some((port) => new RegExp(`:${port}\\s`).test(listening))
  );
}

function factsFile(name: string, { stateRoot }: Folders): string {
  return `${stateRoot}/${name}/cluster.json`;
}
