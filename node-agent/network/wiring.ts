/**
 * The commands, one per line for `ip -batch`, that give a pod its interface. A pod's address is a /32 routed by way of the
 * bridge's own address, and bridge ports are isolated from each other: all traffic between pods passes the node's IP
 * layer, where services are translated back and network policies hold. br_netfilter is not needed, and turned off.
 */
import { macOf } from './address-pool.ts';
import type { AddressPool } from './address-pool.ts';

export interface PodWiring {
  /** The node's end of the pair. */
  nodeInterface: string;
  address: string;
}

/** Run inside the pod's network namespace. `nodeNamespace` is the path of the node's. */
export function podSideCommands(
  wiring: PodWiring,
  pool: AddressPool,
  options: { mtu: number; nodeNamespace: string },
): string[] {
  return [
    'link set lo up',
    `link add eth0 address ${macOf(wiring.address)} mtu ${options.mtu} type veth peer name ${wiring.nodeInterface} mtu ${options.mtu} netns ${options.nodeNamespace}`,
    `addr add ${wiring.address}/32 dev eth0`,
    'link set eth0 up',
    `route add ${pool.gateway} dev eth0 scope link`,
    `route add default via ${pool.gateway} src ${wiring.address}`,
    `neigh add ${pool.gateway} lladdr ${macOf(pool.gateway)} dev eth0 nud permanent`,
  ];
}

/** Run on the node after the pod's side. */
export function nodeSideCommands(wiring: PodWiring, bridge: string): string[] {
  return [
    `link set ${wiring.nodeInterface} addrgenmode none`,
    `link set ${wiring.nodeInterface} master ${bridge} up`,
    `link set ${wiring.nodeInterface} type bridge_slave isolated on`,
  ];
}

/** The node's own bridge. Its MAC address is fixed, or it would change with the ports and pods would lose their gateway. */
export function bridgeCommands(bridge: string, pool: AddressPool, mtu: number): string[] {
  return [
    `link add ${bridge} address ${macOf(pool.gateway)} mtu ${mtu} type bridge stp_state 0 forward_delay 0`,
    `link set ${bridge} mtu ${mtu}`,
    `addr replace ${pool.gateway}/${pool.prefixLength} dev ${bridge}`,
    `link set ${bridge} up`,
  ];
}

/** Kernel settings of the node's network namespace, as paths below /proc/sys; those of modules that are not loaded do not exist. */
export function nodeSettings(bridge: string): Record<string, string> {
  return {
    'net/ipv4/ip_forward': '1',
    // Pods reach each other through the interface they came from; without this the node would tell them of a shorter way that is closed.
    'net/ipv4/conf/all/send_redirects': '0',
    [`net/ipv4/conf/${bridge}/send_redirects`]: '0',
    // A host port asked for on 127.0.0.1 is translated to a pod's address behind the bridge.
    [`net/ipv4/conf/${bridge}/route_localnet`]: '1',
    // Where br_netfilter is loaded it would translate addresses within the bridge and send the packet on from port to port, which is closed.
    'net/bridge/bridge-nf-call-iptables': '0',
  };
}
