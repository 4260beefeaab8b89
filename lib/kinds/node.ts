import { isCidr } from '#lib/meta/addresses.ts';
import { duplicate, fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { labelValueFaults, qualifiedNameFaults } from '#lib/meta/names.ts';
import { grammar, oneOf } from './checks/values.ts';
import { ageColumn, nameColumn, none, text, unknown, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { Node, Taint } from './gen/core-v1.ts';

const roleLabel = 'node-role.kubernetes.io/';
const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export const node = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  description: 'A machine of the cluster, and what it can run.',
  plural: 'nodes',
  short: ['no'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.Node',
  status: true,
  subresources: {
    proxy: { verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'NodeProxyOptions' },
  },
  defaults: ({ spec, status }) => {
    if (spec.podCIDR && !spec.podCIDRs) spec.podCIDRs = [spec.podCIDR];
    else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  // A node registers itself with its status, so creation keeps it.
  prepareCreate: () => {},
  check: (object, before) => [
    ...checkTaints('spec.taints', object.spec.taints),
    ...checkRanges(object),
    ...(before ? checkChange(object, before) : []),
  ],
  columns: [
    nameColumn,
    text('Status', stateOf),
    text('Roles', rolesOf),
    ageColumn,
    text('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
    wide(text('Internal-IP', (object) => addressOf(object, 'InternalIP'))),
    wide(text('External-IP', (object) => addressOf(object, 'ExternalIP'))),
    wide(text('OS-Image', ({ status }) => status?.nodeInfo?.osImage || unknown)),
    wide(text('Kernel-Version', ({ status }) => status?.nodeInfo?.kernelVersion || unknown)),
    wide(text('Container-Runtime', ({ status }) => status?.nodeInfo?.containerRuntimeVersion || unknown)),
  ],
  fields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
});

function stateOf({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable ? `${state},SchedulingDisabled` : state;
}

function rolesOf({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(roleLabel) && key.length > roleLabel.length) return [key.slice(roleLabel.length)];
    return key === 'kubernetes.io/role' && value ? [value] : [];
  });
  return [...new Set(roles)].sort().join(',') || none;
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? none;
}

function checkTaints(path: string, taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return (taints ?? []).flatMap(({ key, value = '', effect }, i) => {
    const at = `${path}[${i}]`;
    const faults = grammar(`${at}.key`, key, qualifiedNameFaults);
    faults.push(...grammar(`${at}.value`, value, labelValueFaults), ...oneOf(`${at}.effect`, effect, taintEffects));
    const identity = `${key}:${effect}`;
    if (seen.has(identity)) faults.push({ ...duplicate(at, { key, value, effect }), field: at });
    seen.add(identity);
    return faults;
  });
}

function checkRanges({ spec }: Node): FieldError[] {
  const faults = (spec.podCIDRs ?? [])
    .map((range, i) => [range, i] as const)
    .filter(([range]) => !isCidr(range))
    .map(([range, i]) =>
      invalid(`spec.podCIDRs[${i}]`, range, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
    );
  if (spec.podCIDR && spec.podCIDRs && spec.podCIDRs[0] !== spec.podCIDR) {
    faults.push(invalid('spec.podCIDRs', spec.podCIDRs, 'first value must match `podCIDR`'));
  }
  return faults;
}

function checkChange({ spec }: Node, { spec: before }: Node): FieldError[] {
  const faults: FieldError[] = [];
  if (before.podCIDRs?.length && JSON.stringify(before.podCIDRs) !== JSON.stringify(spec.podCIDRs)) {
    faults.push(fieldForbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if (before.providerID && before.providerID !== spec.providerID) {
    faults.push(fieldForbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  return faults;
}
