/** The pods' network on this node: bridge, addresses, host ports. Acts in the network namespace this process lives in. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { openAddressClaims } from './address-claims.ts';
import { parsePool } from './address-pool.ts';
import { demandCommand, runCommand } from '#lib/env/command.ts';
import { renderPublish, renderTable, renderUnpublish } from './port-table.ts';
import type { PublishedPod, PublishedPort } from './port-table.ts';
import { bridgeCommands, nodeSettings, nodeSideCommands, podSideCommands } from './wiring.ts';

export interface NetworkOptions {
  bridge: string;
  /** The node's own range, IPv4. */
  podCidr: string;
  /** Traffic of pods within this range is not masqueraded; by default the node's own. */
  clusterCidr?: string;
  mtu?: number;
  /** Where the addresses in use are kept. */
  ipamDir: string;
}

/** What wires one pod: `ip -batch` text for inside its network namespace and, after that, for the node. */
export interface PodCommands {
  address: string;
  nodeInterface: string;
  inside: string;
  outside: string;
}

export interface PodNetwork {
  /** Makes the bridge, and sees that it and the node's settings stand. */
  prepareNode(): Promise<void>;
  /** Claims the pod's address, the same again for the same pod. */
  wire(uid: string): PodCommands;
  /** Opens host ports. Rejects when another pod holds one of them. */
  publish(uid: string, ports: readonly PublishedPort[]): Promise<void>;
  /** Gives everything of the pod back, whatever of it there is. */
  release(uid: string): Promise<void>;
  /** Makes addresses, host ports and interfaces be those of these pods and no others: after a start. */
  reconcile(live: ReadonlyMap<string, readonly PublishedPort[]>): Promise<void>;
}

const defaultMtu = 1500;

/** Opens the node's network; nothing is made before it is needed. */
export function makePodNetwork(options: NetworkOptions): PodNetwork {
  const { bridge, podCidr, clusterCidr = podCidr, mtu = defaultMtu } = options;
  const pool = parsePool(podCidr);
  const claims = openAddressClaims(options.ipamDir, pool);
  const published = new Map<string, PublishedPod>();
  let preparing: Promise<void> | undefined;

  const loadTable = () =>
    demandCommand(
      'set up host ports',
      'nft',
      ['-f', '-'],
      renderTable({ bridge, podCidr, clusterCidr }, [...published.values()]),
    );
  const bridgeStands = () =>
    new RegExp(`^\\s*${bridge}:`, 'm').test(readFileSync('/proc/self/net/dev', 'utf8')) &&
    readFileSync('/proc/self/net/fib_trie', 'utf8').includes(`-- ${pool.gateway}\n`);

  async function makeNode(): Promise<void> {
    if (!bridgeStands()) {
      // `-force` goes on after the first command has found the bridge already made.
      const { stderr } = await runCommand(
        'ip',
        ['-force', '-batch', '-'],
        `${bridgeCommands(bridge, pool, mtu).join('\n')}\n`,
      );
      if (!bridgeStands()) throw new Error(`Cannot make bridge "${bridge}": ${stderr.trim()}`);
    }
    await loadTable();
  }

  async function prepareNode(): Promise<void> {
    if (preparing && !bridgeStands()) preparing = undefined;
    preparing ??= makeNode();
    try {
      await preparing;
      // Again each time, since loading a module brings its defaults.
      for (const [path, value] of Object.entries(nodeSettings(bridge))) setSysctl(path, value);
    } catch (error) {
      preparing = undefined;
      throw error;
    }
  }

  return {
    prepareNode,
    wire(uid) {
      const wiring = { address: claims.claim(uid), nodeInterface: nodeInterfaceOf(uid) };
      const nodeNamespace = `/proc/${process.pid}/ns/net`;
      return {
        ...wiring,
        inside: `${podSideCommands(wiring, pool, { mtu, nodeNamespace }).join('\n')}\n`,
        outside: `${nodeSideCommands(wiring, bridge).join('\n')}\n`,
      };
    },
    async publish(uid, ports) {
      if (ports.length === 0 || published.has(uid)) return;
      const pod = { address: claims.claim(uid), ports };
      await demandCommand('open host ports', 'nft', ['-f', '-'], renderPublish(pod));
      published.set(uid, pod);
      await forgetFlows(ports);
    },
    async release(uid) {
      const pod = published.get(uid);
      if (pod) {
        published.delete(uid);
        const { exitCode } = await runCommand('nft', ['-f', '-'], renderUnpublish(pod));
        // Something was missing already, so the transaction as a whole was refused: load what should be there.
        if (exitCode !== 0) await loadTable();
        await forgetFlows(pod.ports);
      }
      claims.release(uid);
    },
    async reconcile(live) {
      claims.keepOnly(new Set(live.keys()));
      published.clear();
      for (const [uid, ports] of live) if (ports.length > 0) published.set(uid, { address: claims.claim(uid), ports });
      // Without pods nothing need be made, and without a bridge nothing is there to be cleared.
      if (live.size === 0 && !bridgeStands()) return;
      // Preparing the node for the first time loads the table; later it does not.
      const loaded = preparing === undefined;
      await prepareNode();
      if (!loaded) await loadTable();
      await removeStrangers(bridge, new Set([...live.keys()].map(nodeInterfaceOf)));
    },
  };
}

/** The name of the node's end: within Linux's 15 characters, and the same each time for a pod. */
function nodeInterfaceOf(uid: string): string {
  return `veth${createHash('sha256').update(uid).digest('hex').slice(0, 11)}`;
}

/** Deletes interfaces on the bridge that belong to no pod any more. */
async function removeStrangers(bridge: string, known: ReadonlySet<string>): Promise<void> {
  const text = await demandCommand('list interfaces', 'ip', ['-json', 'link', 'show', 'master', bridge]);
  const names = (JSON.parse(text || '[]') as { ifname: string }[]).map(({ ifname }) => ifname);
  const commands = names
    .filter((name) => /^veth[0-9a-f]{11}$/.test(name) && !known.has(name))
    .map((name) => `link delete ${name}\n`);
  // One that vanishes by itself meanwhile is no fault.
  if (commands.length > 0) await runCommand('ip', ['-force', '-batch', '-'], commands.join(''));
}

/**
 * The kernel translates a flow as it did its first packet. UDP has no end to a flow, so that clients who keep sending would go on reaching what was there
 * before. Finding no flow is the ordinary case.
 */
async function forgetFlows(ports: readonly PublishedPort[]): Promise<void> {
  for (const { protocol, hostPort } of ports)
    if (protocol === 'UDP')
      await runCommand('conntrack', ['--delete', '--proto', 'udp', '--orig-port-dst', String(hostPort)]);
}

function setSysctl(path: string, value: string): void {
  const file = `/proc/sys/${path}`;
  if (!existsSync(file)) return;
  if (readFileSync(file, 'utf8').trim() !== value) writeFileSync(file, value);
}
