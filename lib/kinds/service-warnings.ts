/** Warnings of services: fields that mean nothing where they are, and addresses in unusual forms. */
import { addressWarnings, blockWarnings } from './checks/address-warnings.ts';
import type { Service } from './gen/core-v1.ts';

const topologyMode = 'service.kubernetes.io/topology-mode';
const topologyHints = 'service.kubernetes.io/topology-aware-hints';

export function serviceWarnings({ metadata, spec }: Service): string[] {
  const isNamed = spec.type === 'ExternalName';
  const hints = metadata.annotations?.[topologyHints] !== undefined;
  const ips = (field: 'clusterIPs' | 'externalIPs') =>
    (spec[field] ?? []).flatMap((ip, i) => (ip === 'None' ? [] : addressWarnings(`spec.${field}[${i}]`, ip)));
  return [
    ...(hints ? [`annotation ${topologyHints} is deprecated, please use ${topologyMode} instead`] : []),
    ...ips('clusterIPs'),
    ...ips('externalIPs'),
    ...(spec.loadBalancerIP ? addressWarnings('spec.loadBalancerIP', spec.loadBalancerIP) : []),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, i) =>
      blockWarnings(`spec.loadBalancerSourceRanges[${i}]`, range.trim()),
    ),
    ...(isNamed && spec.externalIPs?.length ? ['spec.externalIPs is ignored when spec.type is "ExternalName"'] : []),
    ...(!isNamed && spec.externalName ? ['spec.externalName is ignored when spec.type is not "ExternalName"'] : []),
  ];
}
