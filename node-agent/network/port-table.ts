/** The nftables table of a node's pods: host ports and masquerading. Text for `nft -f -`. */

export interface PublishedPort {
  hostPort: number;
  containerPort: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  /** '' or '0.0.0.0' for every address of the node. */
  hostIP: string;
}

/** A pod with host ports. */
export interface PublishedPod {
  address: string;
  ports: readonly PublishedPort[];
}

export interface TableOptions {
  bridge: string;
  podCidr: string;
  /** Traffic within this range keeps its source address; defaults to the node's own range. */
  clusterCidr: string;
}

const table = 'wherry_pods';

/** The whole table, replacing what stood: one transaction. */
export function renderTable(options: TableOptions, pods: readonly PublishedPod[]): string {
  const { bridge, podCidr, clusterCidr } = options;
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  map ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
  }
  map ports_at {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
  }
  set loops {
    type ipv4_addr . ipv4_addr
  }
  chain guard {
    type filter hook prerouting priority raw
    iifname "${bridge}" ip daddr 127.0.0.0/8 drop
  }
  chain published {
    meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @ports_at
    meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @ports
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    fib daddr type local jump published
  }
  chain output {
    type nat hook output priority -100
    fib daddr type local jump published
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade
    ip saddr . ip daddr @loops masquerade
    ip saddr ${podCidr} ip daddr != { ${clusterCidr}, 224.0.0.0/4 } oifname != "${bridge}" masquerade
  }
}
${pods.map((pod) => renderPublish(pod)).join('')}`;
}

/** Adds one pod's ports; doing it again changes nothing, a port that another pod holds makes the transaction fail. */
export function renderPublish(pod: PublishedPod): string {
  return renderElements('add', pod);
}

/** Takes one pod's ports away; fails when they are not there. */
export function renderUnpublish(pod: PublishedPod): string {
  return renderElements('delete', pod);
}

function renderElements(verb: 'add' | 'delete', pod: PublishedPod): string {
  const lines = pod.ports.map((port) => {
    const key = `${port.protocol.toLowerCase()} . ${port.hostPort}`;
    const value = verb === 'add' ? ` : ${pod.address} . ${port.containerPort}` : '';
    return isEveryAddress(port.hostIP)
      ? `${verb} element ip ${table} ports { ${key}${value} }\n`
      : `${verb} element ip ${table} ports_at { ${port.hostIP} . ${key}${value} }\n`;
  });
  if (lines.length > 0) lines.push(`${verb} element ip ${table} loops { ${pod.address} . ${pod.address} }\n`);
  return lines.join('');
}

function isEveryAddress(hostIP: string): boolean {
  return hostIP === '' || hostIP === '0.0.0.0' || hostIP === '::';
}
