/** Faults of services (upstream's `ValidateService`). What the server gives a service itself is not there yet: it is claimed afterwards. */
import { isIP } from '#lib/meta/addresses.ts';
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { goStruct } from './checks/go-value.ts';
import { checkLabels } from './checks/metadata.ts';
import {
  address,
  cidr,
  grammar,
  needed,
  oneOf,
  optionalOneOf,
  portNumber,
  portNumberOrName,
  reachable,
} from './checks/values.ts';
import type { Service, ServicePort, ServiceSpec } from './gen/core-v1.ts';
import { checkClusterIps } from './service-families-check.ts';

type Faults = FieldError[];

const maxAffinitySeconds = 86_400;
const ofBalancersAlone = "may only be used when `type` is 'LoadBalancer'";

export function checkService({ metadata, spec }: Service): Faults {
  const { ports = [], type } = spec;
  const isHeadless = spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
  const isNamed = type === 'ExternalName';
  const names = new Set<string>();
  return [
    ...checkTopology(metadata.annotations),
    ...(ports.length === 0 && !isHeadless && !isNamed ? [required('spec.ports')] : []),
    ...(isHeadless && (type === 'LoadBalancer' || type === 'NodePort')
      ? [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`)]
      : []),
    ...(isNamed ? checkNamed(spec) : []),
    ...ports.flatMap((port, i) => checkPort(`spec.ports[${i}]`, port, ports.length > 1, names)),
    ...checkLabels('spec.selector', spec.selector),
    ...checkAffinity(spec),
    ...(isNamed ? [] : checkClusterIps(spec)),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => checkExternalIp(`spec.externalIPs[${i}]`, ip)),
    ...oneOf('spec.type', type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...checkNodePorts(spec),
    ...checkSamePorts(ports),
    ...checkSources(spec, metadata.annotations),
    ...checkBalancer(spec),
    ...checkTraffic(spec),
  ];
}

const topologyMode = 'service.kubernetes.io/topology-mode';
const topologyHints = 'service.kubernetes.io/topology-aware-hints';

function checkTopology(annotations: Readonly<Record<string, string>> = {}): Faults {
  const { [topologyMode]: mode, [topologyHints]: hints } = annotations;
  if (mode === undefined || hints === undefined || mode === hints) return [];
  const detail = `must match annotations[${topologyHints}] when both are specified`;
  return [invalid(`metadata.annotations[${topologyMode}]`, mode, detail)];
}

/** A service that is another's name has no addresses of its own. */
function checkNamed(spec: ServiceSpec): Faults {
  const barred = 'may not be set for ExternalName services';
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  return [
    ...(spec.clusterIPs?.length ? [fieldForbidden('spec.clusterIPs', barred)] : []),
    ...(spec.ipFamilies?.length ? [fieldForbidden('spec.ipFamilies', barred)] : []),
    ...(spec.ipFamilyPolicy ? [fieldForbidden('spec.ipFamilyPolicy', barred)] : []),
    ...(name ? grammar('spec.externalName', name, subdomainFaults) : [required('spec.externalName')]),
  ];
}

function checkPort(path: string, port: ServicePort, needsName: boolean, names: Set<string>): Faults {
  const { name = '', appProtocol } = port;
  const faults: Faults = [];
  if (name) {
    faults.push(...grammar(`${path}.name`, name, labelNameFaults));
    if (names.has(name)) faults.push(duplicate(`${path}.name`, name));
    names.add(name);
  } else if (needsName) faults.push(required(`${path}.name`));
  return [
    ...faults,
    ...portNumber(`${path}.port`, port.port),
    ...oneOf(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
    ...portNumberOrName(`${path}.targetPort`, port.targetPort),
    ...(appProtocol === undefined ? [] : grammar(`${path}.appProtocol`, appProtocol, qualifiedNameFaults)),
  ];
}

function checkAffinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): Faults {
  const path = 'spec.sessionAffinityConfig';
  const faults = oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  if (sessionAffinity === 'None') {
    return config ? [...faults, fieldForbidden(path, 'must not be set when session affinity is None')] : faults;
  }
  if (sessionAffinity !== 'ClientIP') return faults;
  if (!config) return [...faults, required(path, 'when session affinity type is ClientIP')];
  const of = `${path}.clientIP`;
  if (!config.clientIP) return [...faults, required(of, 'when session affinity type is ClientIP')];
  const seconds = config.clientIP.timeoutSeconds;
  if (seconds === undefined) {
    return [...faults, required(`${of}.timeoutSeconds`, 'when session affinity type is ClientIP')];
  }
  return seconds > 0 && seconds <= maxAffinitySeconds
    ? faults
    : [
        ...faults,
        invalid(`${of}.timeoutSeconds`, seconds, `must be greater than 0 and less than ${maxAffinitySeconds}`),
      ];
}

function checkExternalIp(path: string, ip: string): Faults {
  const faults = address(path, ip);
  return faults.length > 0 ? faults : reachable(path, ip);
}

function checkNodePorts({ type, ports = [] }: ServiceSpec): Faults {
  const faults: Faults = [];
  for (const [i, { nodePort }] of ports.entries()) {
    if (type === 'ClusterIP' && nodePort) {
      faults.push(fieldForbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
  }
  const seen = new Set<string>();
  for (const [i, { nodePort, protocol }] of ports.entries()) {
    if (!nodePort) continue;
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) faults.push(duplicate(`spec.ports[${i}].nodePort`, nodePort));
    seen.add(key);
  }
  return faults;
}

function checkSamePorts(ports: readonly ServicePort[]): Faults {
  const seen = new Set<string>();
  return ports.flatMap(({ port, protocol }, i) => {
    const key = `${protocol}/${port}`;
    const isTaken = seen.has(key);
    seen.add(key);
    return isTaken
      ? [duplicate(`spec.ports[${i}]`, goStruct('io.k8s.api.core.v1.ServicePort', { port, protocol }))]
      : [];
  });
}

const sourceRanges = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** Who may come through a load balancer, by the field or by the annotation that came before it; values may be padded. */
function checkSources(
  { type, loadBalancerSourceRanges: ranges = [] }: ServiceSpec,
  annotations: Readonly<Record<string, string>> = {},
): Faults {
  const said = annotations[sourceRanges];
  const isField = ranges.length > 0;
  if (!isField && said === undefined) return [];
  const path = isField ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${sourceRanges}]`;
  const faults = type === 'LoadBalancer' ? [] : [fieldForbidden(path, ofBalancersAlone)];
  if (isField) return [...faults, ...ranges.flatMap((range, i) => cidr(`${path}[${i}]`, range.trim()))];
  if (!said?.trim()) return faults;
  return [...faults, ...said.split(',').flatMap((range) => cidr(path, range.trim()))];
}

function checkBalancer(spec: ServiceSpec): Faults {
  const { type, allocateLoadBalancerNodePorts: allocates, loadBalancerClass } = spec;
  if (type === 'LoadBalancer') {
    return [
      ...(allocates === undefined ? [required('allocateLoadBalancerNodePorts')] : []),
      ...(loadBalancerClass === undefined
        ? []
        : grammar('spec.loadBalancerClass', loadBalancerClass, qualifiedNameFaults)),
    ];
  }
  return [
    ...(allocates === undefined ? [] : [fieldForbidden('spec.allocateLoadBalancerNodePorts', ofBalancersAlone)]),
    ...(loadBalancerClass === undefined ? [] : [fieldForbidden('spec.loadBalancerClass', ofBalancersAlone)]),
  ];
}

function isExternal({ type, externalIPs = [] }: ServiceSpec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
}

function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

function checkTraffic(spec: ServiceSpec): Faults {
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort: health } = spec;
  const faults: Faults = [];
  const at = 'spec.externalTrafficPolicy';
  if (isExternal(spec)) faults.push(...oneOf(at, external, ['Cluster', 'Local']));
  else if (external) faults.push(invalid(at, external, 'may only be set for externally-accessible services'));
  if (health) {
    const when = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    const path = 'spec.healthCheckNodePort';
    faults.push(...(needsHealthCheck(spec) ? portNumber(path, health) : [invalid(path, health, when)]));
  }
  if (internal === undefined && spec.type !== 'ExternalName') faults.push(required('spec.internalTrafficPolicy'));
  return [
    ...faults,
    ...optionalOneOf('spec.internalTrafficPolicy', internal, ['Cluster', 'Local']),
    ...optionalOneOf('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose']),
  ];
}

/** Faults of a change besides those of addresses and families. */
export function checkServiceChange(now: ServiceSpec, before: ServiceSpec): Faults {
  const faults: Faults = [];
  const stayed = now.type === 'LoadBalancer' && before.type === 'LoadBalancer';
  if (stayed && now.loadBalancerClass !== before.loadBalancerClass) {
    faults.push(invalid('spec.loadBalancerClass', now.loadBalancerClass, 'may not change once set'));
  }
  const isChecked = needsHealthCheck(now) && needsHealthCheck(before);
  if (isChecked && now.healthCheckNodePort !== before.healthCheckNodePort) {
    faults.push(fieldForbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
  return faults;
}

/** Faults of what a load balancer says of itself. */
export function checkServiceStatus({ spec, status }: Service): Faults {
  const path = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    return [fieldForbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return ingress.flatMap(({ ip = '', ipMode, hostname = '' }, i) => {
    const at = `${path}[${i}]`;
    const faults = ip ? address(`${at}.ip`, ip) : [];
    if (ip) faults.push(...needed(`${at}.ipMode`, ipMode, 'must be specified when `ip` is set'));
    else if (ipMode) faults.push(fieldForbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    if (ip && ipMode && !['Proxy', 'VIP'].includes(ipMode)) {
      faults.push(notSupported(`${at}.ipMode`, ipMode, ['Proxy', 'VIP']));
    }
    if (hostname) faults.push(...grammar(`${at}.hostname`, hostname, subdomainFaults));
    if (isIP(hostname)) faults.push(invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    return faults;
  });
}
