/** The whole nftables table as one script, which replaces what is there in one transaction. Pure. */
import type { Collection, Element, Fragment } from './fragment.ts';
import { masqueradeMark } from './fragment.ts';

export interface TableOptions {
  table: string;
  /** Pods' addresses: traffic to Services from elsewhere is masqueraded. */
  clusterCidr: string;
  serviceCidr: string;
  /** Node ports are taken on these. */
  nodeAddresses: readonly string[];
  /** Addresses of the Service range that this node answers itself, such as the cluster's DNS. */
  ownAddresses: readonly string[];
}

const collections: Readonly<Record<Collection, { sort: 'map' | 'set'; type: string }>> = {
  service_ips: { sort: 'map', type: 'ipv4_addr . inet_proto . inet_service : verdict' },
  node_ports: { sort: 'map', type: 'inet_proto . inet_service : verdict' },
  refused: { sort: 'map', type: 'ipv4_addr . inet_proto . inet_service : verdict' },
  refused_node_ports: { sort: 'map', type: 'inet_proto . inet_service : verdict' },
  hairpin: { sort: 'set', type: 'ipv4_addr . ipv4_addr' },
};

/** The script of the full table. */
export function fullScript(fragments: Iterable<Fragment>, options: TableOptions): string {
  const lines: string[] = [];
  const elements = new Map<Collection, Map<string, string>>();
  for (const { chains, clients, elements: own } of fragments) {
    for (const [name, seconds] of clients) lines.push(`  set ${name} {`, `    ${clientsSpec(seconds)}`, '  }');
    for (const [name, rules] of chains) lines.push(...chainBlock(name, rules));
    for (const element of own) {
      let list = elements.get(element.collection);
      if (!list) elements.set(element.collection, (list = new Map()));
      list.set(element.key, elementText(element));
    }
  }
  const { table } = options;
  return [
    // Adding first makes the deletion of a table that is not there harmless.
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    ...Object.entries(collections).flatMap(([name, { sort, type }]) => {
      const list = elements.get(name as Collection);
      return [
        `  ${sort} ${name} {`,
        `    type ${type}`,
        ...(list ? [`    elements = { ${[...list.values()].join(', ')} }`] : []),
        '  }',
      ];
    }),
    ...baseChains(options).flatMap(([name, rules]) => chainBlock(name, rules)),
    ...lines,
    '}',
    '',
  ].join('\n');
}

/** The script that leaves nothing behind, whether the table is there or not. */
export function removalScript(table: string): string {
  return `add table ip ${table}\ndelete table ip ${table}\n`;
}

export function elementText({ key, value }: Element): string {
  return value === undefined ? key : `${key} : ${value}`;
}

/** A set of clients that forgets each after a time, and takes no more when it is full. */
export function clientsSpec(seconds: number): string {
  return `type ipv4_addr; size 65535; flags dynamic,timeout; timeout ${seconds}s;`;
}

function chainBlock(name: string, rules: readonly string[]): string[] {
  return [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), '  }'];
}

function baseChains({ clusterCidr, serviceCidr, nodeAddresses, ownAddresses }: TableOptions): [string, string[]][] {
  const onNode = nodeAddresses.length > 0 ? `ip daddr { ${nodeAddresses.join(', ')} } ` : undefined;
  const services = [
    'ip daddr . meta l4proto . th dport vmap @service_ips',
    ...(onNode ? [`${onNode}meta l4proto . th dport vmap @node_ports`] : []),
  ];
  const refusals = [
    'ip daddr . meta l4proto . th dport vmap @refused',
    ...(onNode ? [`${onNode}meta l4proto . th dport vmap @refused_node_ports`] : []),
    ...(ownAddresses.length > 0 ? [`ip daddr { ${ownAddresses.join(', ')} } return`] : []),
    `ip daddr ${serviceCidr} goto refuse`,
  ];
  return [
    ['refuse', ['meta l4proto tcp reject with tcp reset', 'reject']],
    ['refusals', refusals],
    ['services', services],
    ['prerouting', ['type nat hook prerouting priority dstnat;', 'jump services']],
    ['output', ['type nat hook output priority -100;', 'jump services']],
    [
      'postrouting',
      [
        'type nat hook postrouting priority srcnat;',
        `meta mark & ${masqueradeMark} != 0 meta mark set meta mark & 0xffffbfff masquerade fully-random`,
        'ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random',
        `ct status dnat ct original ip daddr ${serviceCidr} ip saddr != ${clusterCidr} masquerade fully-random`,
      ],
    ],
    ...['input', 'forward'].map((hook): [string, string[]] => [
      `filter_${hook}`,
      [`type filter hook ${hook} priority filter;`, 'ct state new jump refusals'],
    ]),
  ];
}
