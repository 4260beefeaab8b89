/** Faults of services. */
import { isCidr, isIP } from '#lib/meta/addresses.ts';
import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { checkLabels } from './checks/metadata.ts';
import { between, grammar, oneOf, optionalOneOf, portNumber, portNumberOrName } from './checks/values.ts';
import type { Service, ServicePort, ServiceSpec } from './gen/core-v1.ts';

type Faults = FieldError[];

const maxAffinitySeconds = 86_400;

export function checkService({ spec }: Service): Faults {
  const faults: Faults = [];
  const headless = spec.clusterIP === 'None';
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') faults.push(required('spec.ports'));
  faults.push(...checkType(spec));
  faults.push(...checkPorts(spec));
  faults.push(...checkLabels('spec.selector', spec.selector));
  faults.push(...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (spec.sessionAffinity === 'ClientIP' && seconds !== undefined) {
    faults.push(...between('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 1, maxAffinitySeconds));
  }
  faults.push(...checkAddresses(spec));
  faults.push(...checkPolicies(spec));
  return faults;
}

function checkType(spec: ServiceSpec): Faults {
  const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
  const faults = oneOf('spec.type', spec.type, types);
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
    if (spec.clusterIP === 'None') {
      faults.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
    }
  }
  if (spec.type === 'ExternalName') {
    if (spec.clusterIP) faults.push(fieldForbidden('spec.clusterIPs', "may not be set when `type` is 'ExternalName'"));
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name) faults.push(...grammar('spec.externalName', name, subdomainFaults));
    else faults.push(required('spec.externalName'));
  }
  return faults;
}

function checkPorts(spec: ServiceSpec): Faults {
  const ports = spec.ports ?? [];
  const faults: Faults = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = `spec.ports[${i}]`;
    faults.push(...checkPort(at, port, ports.length > 1, names));
    const key = `${port.port}/${port.protocol}`;
    if (numbers.has(key)) faults.push(duplicate(at, { protocol: port.protocol, port: port.port }));
    numbers.add(key);
    if (!port.nodePort) continue;
    if (spec.type === 'ClusterIP' || spec.type === 'ExternalName') {
      faults.push(fieldForbidden(`${at}.nodePort`, `may not be used when \`type\` is '${spec.type}'`));
    }
    const node = `${port.protocol}/${port.nodePort}`;
    if (nodePorts.has(node)) faults.push(duplicate(`${at}.nodePort`, port.nodePort));
    nodePorts.add(node);
  }
  return faults;
}

function checkPort(path: string, port: ServicePort, needsName: boolean, names: Set<string>): Faults {
  const faults: Faults = [];
  const name = port.name ?? '';
  if (!name) {
    if (needsName) faults.push(required(`${path}.name`));
  } else {
    faults.push(...grammar(`${path}.name`, name, labelNameFaults));
    if (names.has(name)) faults.push(duplicate(`${path}.name`, name));
    names.add(name);
  }
  faults.push(...portNumber(`${path}.port`, port.port));
  faults.push(...oneOf(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
  faults.push(...portNumberOrName(`${path}.targetPort`, port.targetPort));
  if (port.appProtocol) faults.push(...grammar(`${path}.appProtocol`, port.appProtocol, qualifiedNameFaults));
  return faults;
}

function checkAddresses(spec: ServiceSpec): Faults {
  const faults: Faults = [];
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    const at = `spec.clusterIPs[${i}]`;
    if (ip === 'None') {
      if (i > 0) faults.push(invalid(at, ip, 'must be a valid IP'));
    } else if (!isIP(ip)) faults.push(invalid(at, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
  }
  if (spec.clusterIPs && spec.clusterIP !== undefined && (spec.clusterIPs[0] ?? '') !== spec.clusterIP) {
    faults.push(invalid('spec.clusterIPs', spec.clusterIPs, 'first value must match `clusterIP`'));
  }
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const at = `spec.externalIPs[${i}]`;
    if (!isIP(ip)) faults.push(invalid(at, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
    else if (/^(127\.|0\.0\.0\.0$|169\.254\.|::1?$|fe80:)/.test(ip)) {
      faults.push(invalid(at, ip, 'may not be a loopback, link-local or unspecified address'));
    }
  }
  if (spec.loadBalancerSourceRanges?.length) {
    if (spec.type !== 'LoadBalancer') {
      faults.push(fieldForbidden('spec.LoadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'"));
    }
    for (const range of spec.loadBalancerSourceRanges) {
      if (!isCidr(range.trim())) {
        faults.push(
          invalid(
            'spec.LoadBalancerSourceRanges',
            range,
            'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
          ),
        );
      }
    }
  }
  return faults;
}

function checkPolicies(spec: ServiceSpec): Faults {
  const faults: Faults = [];
  const external = spec.externalTrafficPolicy;
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0;
  if (external !== undefined) {
    if (!isExternal) {
      faults.push(
        invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'),
      );
    }
    faults.push(...oneOf('spec.externalTrafficPolicy', external, ['Cluster', 'Local']));
  }
  faults.push(...optionalOneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']));
  if (spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts !== undefined) {
      faults.push(
        fieldForbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"),
      );
    }
    if (spec.loadBalancerClass !== undefined) {
      faults.push(fieldForbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"));
    }
  }
  faults.push(
    ...optionalOneOf('spec.ipFamilyPolicy', spec.ipFamilyPolicy, [
      'SingleStack',
      'PreferDualStack',
      'RequireDualStack',
    ]),
  );
  faults.push(...optionalOneOf('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose']));
  return faults;
}

/** Faults of a change: an address once given stays, as long as the service stays one that has addresses. */
export function checkServiceChange(now: ServiceSpec, before: ServiceSpec): Faults {
  if (before.type === 'ExternalName' || now.type === 'ExternalName' || !before.clusterIP) return [];
  if ((before.clusterIPs?.length ?? 0) > (now.clusterIPs?.length ?? 0)) {
    const policy = now.ipFamilyPolicy;
    if (policy !== 'SingleStack') {
      return [invalid('spec.clusterIPs[0]', now.clusterIPs, 'may not remove primary cluster IP')];
    }
  }
  const [first] = now.clusterIPs ?? [];
  return equal(first, before.clusterIPs?.[0] ?? before.clusterIP)
    ? []
    : [invalid('spec.clusterIPs[0]', now.clusterIPs, 'may not change once set')];
}
