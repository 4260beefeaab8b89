/**
 * The cables between the nodes of a cluster on one machine: a bridge, and for each node a network namespace with one end of a
 * veth pair, as if each were a machine on a switch. Scripts are rendered by pure functions; every step may be repeated.
 */
import { existsSync } from 'node:fs';
import { run } from './run.ts';
import type { ClusterLayout, NodeLayout } from './layout.ts';

/** Makes the cluster's bridge and marks it as this cluster's. False when there is one of this name already: the kernel makes it only once. */
export async function makeBridge({ bridge, stateDir }: ClusterLayout): Promise<boolean> {
  try {
    await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
  } catch (error) {
    if (String(error).includes('File exists')) return false;
    throw error;
  }
  await run('ip', ['link', 'set', bridge, 'alias', stateDir]);
  return true;
}

/** Makes sure that the bridge is there and this cluster's own; nothing of the cluster may start before. */
export async function claimBridge(cluster: ClusterLayout): Promise<void> {
  if (!(await makeBridge(cluster))) await demandOwnBridge(cluster);
}

/** Makes or completes namespaces, cables, addresses and outbound NAT around the cluster's bridge. */
export async function connectNodes(cluster: ClusterLayout): Promise<void> {
  const present = new Set((await run('ip', ['-brief', 'link'])).split('\n').map((line) => line.split(/[\s@]/)[0]!));
  const missing = cluster.nodes.filter((node) => !existsSync(`/run/netns/${node.netns}`));
  for (const node of missing) await run('ip', ['netns', 'add', node.netns]);
  await run('ip', ['-force', '-batch', '-'], { input: renderCables(cluster, present) });
  await Promise.all(
    cluster.nodes.map((node) =>
      run('ip', ['-n', node.netns, '-force', '-batch', '-'], { input: renderNodeAddresses(cluster, node) }),
    ),
  );
  await run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
  await run('nft', ['-f', '-'], { input: renderNat(cluster) });
}

/** While a cluster is down, one under another state root may take its slot; the addresses of its Services are in its objects, so it cannot move. */
async function demandOwnBridge(cluster: ClusterLayout): Promise<void> {
  const owner = await bridgeOwner(cluster);
  if (owner === undefined || owner === cluster.stateDir) return;
  throw new Error(
    `Cannot start cluster "${cluster.name}": the cluster in ${owner} runs with its addresses; bring that one down first`,
  );
}

/** The state folder of the cluster that has made the bridge of this name; undefined when there is none, or it says nothing. */
async function bridgeOwner({ bridge }: ClusterLayout): Promise<string | undefined> {
  const links = JSON.parse(await run('ip', ['-json', 'link'])) as { ifname: string; ifalias?: string }[];
  return links.find(({ ifname }) => ifname === bridge)?.ifalias;
}

/** `ip -batch` commands for the machine's side; links in `present` are there already. */
export function renderCables(cluster: ClusterLayout, present: ReadonlySet<string>): string {
  const lines = [`address replace ${cluster.gateway}/24 dev ${cluster.bridge}`, `link set ${cluster.bridge} up`];
  for (const node of cluster.nodes) {
    if (!present.has(node.cable)) lines.push(`link add ${node.cable} type veth peer name eth0 netns ${node.netns}`);
    lines.push(`link set ${node.cable} master ${cluster.bridge} up`);
  }
  return `${lines.join('\n')}\n`;
}

/** `ip -batch` commands for the node's side. */
export function renderNodeAddresses(cluster: ClusterLayout, node: NodeLayout): string {
  return `${['link set lo up', `address replace ${node.address}/24 dev eth0`, 'link set eth0 up', `route replace default via ${cluster.gateway}`].join('\n')}\n`;
}

/** Outbound NAT for nodes and pods, as one transaction that replaces the table. */
export function renderNat(cluster: ClusterLayout): string {
  const { table, subnet, podCidr, bridge } = cluster;
  return `table ip ${table} {}
delete table ip ${table}
table ip ${table} {
  chain outbound {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr { ${subnet}, ${podCidr} } oifname != "${bridge}" masquerade
  }
}
`;
}

/** Routes from the machine to the pods of each node, and to Services by way of the first node. */
export async function routeToPods(cluster: ClusterLayout, podCidrs: ReadonlyMap<string, string>): Promise<void> {
  const lines = cluster.nodes.flatMap((node) => {
    const podCidr = podCidrs.get(node.name);
    return podCidr === undefined ? [] : [`route replace ${podCidr} via ${node.address} dev ${cluster.bridge}`];
  });
  lines.push(`route replace ${cluster.serviceCidr} via ${cluster.nodes[0]!.address} dev ${cluster.bridge}`);
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Removes everything that connectNodes() and routeToPods() made; what is gone already is no fault. */
export async function disconnectNodes(cluster: ClusterLayout): Promise<void> {
  for (const node of cluster.nodes) {
    if (existsSync(`/run/netns/${node.netns}`)) await run('ip', ['netns', 'delete', node.netns]);
  }
  // While this cluster was down, another may have taken its slot: what carries these names is then not ours.
  const owner = await bridgeOwner(cluster);
  if (owner !== undefined && owner !== cluster.stateDir) return;
  const links = (await run('ip', ['-brief', 'link'])).split('\n').map((line) => line.split(/[\s@]/)[0]!);
  // Routes go with their device.
  for (const link of links) {
    if (link === cluster.bridge || cluster.nodes.some((node) => node.cable === link)) {
      await run('ip', ['link', 'delete', link]).catch((error: unknown) => {
        // The cable's end in a namespace may just have taken it along.
        if (!String(error).includes('Cannot find device')) throw error;
      });
    }
  }
  await run('nft', ['-f', '-'], { input: `table ip ${cluster.table} {}\ndelete table ip ${cluster.table}\n` });
}
