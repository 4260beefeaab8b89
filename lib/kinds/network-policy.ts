import { isCidr } from '#lib/meta/addresses.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { formatLabelSelector } from '#lib/meta/selectors.ts';
import { checkLabelSelector } from './checks/selectors.ts';
import { oneOf, portNumberOrName } from './checks/values.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from './gen/networking-v1.ts';

const maxPolicyTypes = 2;
const cidrSentence = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

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
    spec.policyTypes ??= spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  check: ({ spec }) => checkSpec(spec),
  columns: [nameColumn, text('Pod-Selector', ({ spec }) => formatLabelSelector(spec.podSelector)), ageColumn],
});

function checkSpec(spec: NetworkPolicySpec): FieldError[] {
  const faults = checkLabelSelector('spec.podSelector', spec.podSelector);
  for (const [i, rule] of (spec.ingress ?? []).entries()) {
    faults.push(
      ...checkPorts(`spec.ingress[${i}].ports`, rule.ports),
      ...checkPeers(`spec.ingress[${i}].from`, rule.from),
    );
  }
  for (const [i, rule] of (spec.egress ?? []).entries()) {
    faults.push(...checkPorts(`spec.egress[${i}].ports`, rule.ports), ...checkPeers(`spec.egress[${i}].to`, rule.to));
  }
  const types = spec.policyTypes ?? [];
  if (types.length > maxPolicyTypes) {
    return [...faults, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  }
  return [...faults, ...types.flatMap((type, i) => oneOf(`spec.policyTypes[${i}]`, type, ['Ingress', 'Egress']))];
}

function checkPorts(path: string, ports: readonly NetworkPolicyPort[] | undefined): FieldError[] {
  return (ports ?? []).flatMap(({ protocol, port, endPort }, i) => {
    const at = `${path}[${i}]`;
    const faults = oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']);
    if (port === undefined) {
      if (endPort !== undefined)
        faults.push(invalid(`${at}.endPort`, endPort, 'may not be specified when `port` is not specified'));
      return faults;
    }
    faults.push(...portNumberOrName(`${at}.port`, port));
    if (endPort === undefined) return faults;
    if (typeof port === 'string')
      faults.push(invalid(`${at}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
    else if (endPort < port) faults.push(invalid(`${at}.endPort`, endPort, 'must be greater than or equal to `port`'));
    else faults.push(...portNumberOrName(`${at}.endPort`, endPort));
    return faults;
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
    if (podSelector || namespaceSelector)
      faults.push(fieldForbidden(at, 'may not specify both ipBlock and another peer'));
    return [...faults, ...checkBlock(`${at}.ipBlock`, ipBlock)];
  });
}

function checkBlock(path: string, { cidr, except = [] }: IPBlock): FieldError[] {
  if (!cidr) return [required(`${path}.cidr`)];
  if (!isCidr(cidr)) return [invalid(`${path}.cidr`, cidr, cidrSentence)];
  return except
    .map((hole, i) => [hole, i] as const)
    .filter(([hole]) => !isCidr(hole))
    .map(([hole, i]) => invalid(`${path}.except[${i}]`, hole, cidrSentence));
}
