import { equal } from '#lib/meta/equal.ts';
import { dns1035Faults } from '#lib/meta/names.ts';
import { formatLabels, ageColumn, nameColumn, none, text, wide } from './columns.ts';
import { serviceWarnings } from './service-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { Service } from './gen/core-v1.ts';
import { checkService, checkServiceChange, checkServiceStatus } from './service-check.ts';
import { checkFamiliesChange } from './service-families-check.ts';

/** Seconds that a client stays with one endpoint under ClientIP affinity. */
const affinitySeconds = 10_800;

export const service = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  description: 'A stable name and address for a changing set of pods.',
  plural: 'services',
  short: ['svc'],
  categories: ['all'],
  namespaced: true,
  createdByUpdate: true,
  schema: 'io.k8s.api.core.v1.Service',
  returnsDeleted: true,
  status: true,
  subresources: {
    proxy: { verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'ServiceProxyOptions' },
  },
  nameFaults: dns1035Faults,
  defaults: (object) => {
    const { spec } = object;
    spec.sessionAffinity ||= 'None';
    spec.type ||= 'ClusterIP';
    if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
    else ((spec.sessionAffinityConfig ??= {}).clientIP ??= {}).timeoutSeconds ??= affinitySeconds;
    for (const port of spec.ports ?? []) {
      port.protocol ||= 'TCP';
      if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
    }
    const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0;
    if (isExternal && spec.type !== 'ExternalName') spec.externalTrafficPolicy ||= 'Cluster';
    if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ||= 'Cluster';
    if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
    // The plural field is the newer one; the singular always shows its first.
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    if (spec.type === 'LoadBalancer') {
      for (const ingress of object.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
    }
  },
  prepareCreate: (object) => {
    object.status = { loadBalancer: {} };
  },
  prepareUpdate: (object, before) => {
    const { spec } = object;
    dropWithType(spec, before.spec);
    if (before.spec.type === 'ExternalName' || spec.type === 'ExternalName') return;
    // What the server assigned stays when the update leaves it out, as `kubectl replace` of the original manifest does.
    spec.clusterIP ||= before.spec.clusterIP;
    if (!spec.clusterIPs?.length && spec.clusterIP === before.spec.clusterIP) spec.clusterIPs = before.spec.clusterIPs;
    // A change of the singular alone is meant for both.
    const isAlone = spec.clusterIP !== before.spec.clusterIP && equal(spec.clusterIPs, before.spec.clusterIPs);
    if (isAlone && spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
    spec.ipFamilies ??= before.spec.ipFamilies;
    spec.ipFamilyPolicy ??= before.spec.ipFamilyPolicy;
    if (needsNodePorts(spec.type) && needsNodePorts(before.spec.type)) {
      for (const port of spec.ports ?? []) {
        port.nodePort ||= before.spec.ports?.find(
          (old) => old.port === port.port && old.protocol === port.protocol,
        )?.nodePort;
      }
    } else if (!needsNodePorts(spec.type)) {
      for (const port of spec.ports ?? []) {
        const old = before.spec.ports?.find((other) => other.port === port.port && other.protocol === port.protocol);
        if (port.nodePort === old?.nodePort) delete port.nodePort;
      }
    }
  },
  check: (object, before) => [
    ...(before
      ? [...checkFamiliesChange(object.spec, before.spec), ...checkServiceChange(object.spec, before.spec)]
      : []),
    ...checkService(object),
  ],
  warnings: serviceWarnings,
  checkStatus: checkServiceStatus,
  columns: [
    nameColumn,
    text('Type', ({ spec }) => spec.type ?? ''),
    text('Cluster-IP', ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || none),
    text('External-IP', externalOf),
    text('Port(s)', portsOf),
    ageColumn,
    wide(text('Selector', ({ spec }) => formatLabels(spec.selector))),
  ],
  fields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
});

function needsNodePorts(type: string | undefined): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

type Spec = Service['spec'];

const isBalanced = (spec: Spec) => spec.type === 'LoadBalancer';
const isExternal = (spec: Spec) => needsNodePorts(spec.type) || (spec.externalIPs?.length ?? 0) > 0;
const isInternal = (spec: Spec) => spec.type !== 'ExternalName';

/** Fields that a Service has while this holds of it. */
const fieldsWhile: readonly (readonly [(spec: Spec) => boolean, readonly (keyof Spec)[]])[] = [
  [isInternal, ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']],
  [isExternal, ['externalTrafficPolicy']],
  [isBalanced, ['allocateLoadBalancerNodePorts', 'loadBalancerClass']],
  [(spec) => isBalanced(spec) && spec.externalTrafficPolicy === 'Local', ['healthCheckNodePort']],
];

/** An update to a type that does not know a field takes it away, unless the writer changed the field too. */
function dropWithType(spec: Spec, before: Spec): void {
  for (const [holds, fields] of fieldsWhile) {
    if (!holds(before) || holds(spec)) continue;
    for (const field of fields) if (equal(spec[field], before[field])) delete spec[field];
  }
}

function externalOf({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return external.join(',') || none;
  const balancers = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...balancers.filter(Boolean), ...external].join(',') || '<pending>';
}

function portsOf({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return ports.join(',') || none;
}
