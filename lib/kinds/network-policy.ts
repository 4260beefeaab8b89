import { isWithin } from '#lib/meta/blocks.ts';
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { formatLabelSelector } from '#lib/meta/selectors.ts';
import { checkLabelSelector } from './checks/selectors.ts';
import { cidr, optionalOneOf, portNumberOrName, withoutZeros } from './checks/values.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from './gen/networking-v1.ts';

const policyTypes = ['Ingress', 'Egress'];

export const networkPolicy = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  description: 'Which traffic to and from some pods is allowed.',
  plural: 'networkpolicies',
  short: ['netpol'],
  namespaced: true,
  schema: 'io.k8s.api.networking.v1.NetworkPolicy',
  generation: true,
  defaults: ({ spec }) => {
    for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of ports ?? []) port.protocol ??= 'TCP';
    }
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  check: ({ spec }) => checkSpec(spec),
  columns: [nameColumn, text('Pod-Selector', ({ spec }) => formatLabelSelector(spec.podSelector)), ageColumn],
});

function checkSpec(spec: NetworkPolicySpec): FieldError[] {
  const faults = checkLabelSelector('spec.podSelector', spec.podSelector);
  for (const [i, { ports, from }] of (spec.ingress ?? []).entries()) {
    faults.push(...checkPorts(`spec.ingress[${i}].ports`, ports), ...checkPeers(`spec.ingress[${i}].from`, from));
  }
  for (const [i, { ports, to }] of (spec.egress ?? []).entries()) {
    faults.push(...checkPorts(`spec.egress[${i}].ports`, ports), ...checkPeers(`spec.egress[${i}].to`, to));
  }
  const types: readonly string[] = spec.policyTypes ?? [];
  const path = 'spec.policyTypes';
  if (types.length > policyTypes.length) {
    const shown = goList('networking.PolicyType', types);
    return [...faults, invalid(path, shown, 'may not specify more than two policyTypes')];
  }
  return [
    ...faults,
    ...types.flatMap((type, i) =>
      policyTypes.includes(type) ? [] : [notSupported(`${path}[${i}]`, type, policyTypes)],
    ),
  ];
}

function checkPorts(path: string, ports: readonly NetworkPolicyPort[] | undefined): FieldError[] {
  return (ports ?? []).flatMap(({ protocol, port, endPort }, i) => {
    const at = `${path}[${i}]`;
    const end = `${at}.endPort`;
    const faults = optionalOneOf(`${at}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']);
    if (typeof port === 'number') {
      faults.push(...portNumberOrName(`${at}.port`, port));
      if (endPort === undefined) return faults;
      if (endPort < port) faults.push(invalid(end, endPort, 'must be greater than or equal to `port`'));
      return [...faults, ...portNumberOrName(end, endPort)];
    }
    if (endPort !== undefined) {
      const why = port === undefined ? 'not specified' : 'non-numeric';
      faults.push(invalid(end, endPort, `may not be specified when \`port\` is ${why}`));
    }
    return port === undefined ? faults : [...faults, ...portNumberOrName(`${at}.port`, port)];
  });
}

function checkPeers(path: string, peers: readonly NetworkPolicyPeer[] | undefined): FieldError[] {
  return (peers ?? []).flatMap(({ podSelector, namespaceSelector, ipBlock }, i) => {
    const at = `${path}[${i}]`;
    if (!podSelector && !namespaceSelector && !ipBlock) return [required(at, 'must specify a peer')];
    const faults: FieldError[] = [];
    if (podSelector) faults.push(...checkLabelSelector(`${at}.podSelector`, podSelector));
    if (namespaceSelector) faults.push(...checkLabelSelector(`${at}.namespaceSelector`, namespaceSelector));
    if (!ipBlock) return faults;
    faults.push(...checkBlock(`${at}.ipBlock`, ipBlock));
    return podSelector || namespaceSelector
      ? [...faults, fieldForbidden(at, 'may not specify both ipBlock and another peer')]
      : faults;
  });
}

function checkBlock(path: string, { cidr: block, except = [] }: IPBlock): FieldError[] {
  if (!block) return [required(`${path}.cidr`)];
  const faults = cidr(`${path}.cidr`, block);
  if (faults.length > 0) return faults;
  return except.flatMap((hole, i) => {
    const at = `${path}.except[${i}]`;
    const bad = cidr(at, hole);
    if (bad.length > 0 || isWithin(withoutZeros(hole), withoutZeros(block))) return bad;
    return [invalid(at, hole, 'must be a strict subset of `cidr`')];
  });
}
