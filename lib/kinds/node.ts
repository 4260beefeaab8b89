import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { labelValueFaults, qualifiedNameFaults } from '#lib/meta/names.ts';
import { goStruct } from './checks/go-value.ts';
import { cidr, grammar } from './checks/values.ts';
import { ageColumn, nameColumn, none, text, unknown, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { Node, NodeSpec, Taint } from './gen/core-v1.ts';
import { checkAmount } from './pod-spec/check-resources.ts';
import { checkTaintEffect } from './pod-spec/check-scheduling.ts';

const roleLabel = 'node-role.kubernetes.io/';

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
    // Who knows the one field only means it.
    if (spec.podCIDR && spec.podCIDR !== spec.podCIDRs?.[0]) spec.podCIDRs = [spec.podCIDR];
    else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  // A node registers itself with its status, so creation keeps it.
  prepareCreate: () => {},
  check: (object, before) => [
    ...(before ? [] : checkTaints('metadata.taints', object.spec.taints)),
    ...checkAmounts(object),
    ...(before ? checkChange(object, before) : checkRanges(object.spec)),
  ],
  warnings: ({ spec }) => [
    ...(spec.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
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

/** Upstream looks for taints in the metadata. */
function checkTaints(path: string, taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return (taints ?? []).flatMap((taint, i) => {
    const at = `${path}[${i}]`;
    const { key, value = '', effect } = taint;
    const faults = grammar(`${at}.key`, key, qualifiedNameFaults);
    const bad = labelValueFaults(value);
    if (bad.length > 0) faults.push(invalid(`${at}.value`, value, bad.join(';')));
    faults.push(...checkTaintEffect(`${at}.effect`, effect));
    const identity = `${key}:${effect}`;
    if (seen.has(identity)) {
      const shown = goStruct('io.k8s.api.core.v1.Taint', taint);
      faults.push(duplicate(at, shown, 'taints must be unique by key and effect pair'));
    }
    seen.add(identity);
    return faults;
  });
}

function checkAmounts({ status = {} }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status[list] ?? {}).flatMap(([name, amount]) => checkAmount(`status.${list}.${name}`, name, amount)),
  );
}

function checkRanges({ podCIDRs: ranges = [] }: NodeSpec): FieldError[] {
  const path = 'spec.podCIDRs';
  const faults = ranges.flatMap((range, i) => cidr(`${path}[${i}]`, range));
  if (ranges.length < 2) return faults;
  const sixes = ranges.filter((range) => range.includes(':')).length;
  if (ranges.length > 2 || sixes !== 1) {
    faults.push(invalid(path, goList('string', ranges), 'may specify no more than one CIDR for each IP family'));
  }
  for (const [i, range] of ranges.entries()) {
    if (ranges.indexOf(range) < i) faults.push(duplicate(`${path}[${i}]`, range));
  }
  return faults;
}

function checkChange({ spec, status }: Node, { spec: before }: Node): FieldError[] {
  const faults: FieldError[] = [];
  const addresses = status?.addresses ?? [];
  for (const [i, address] of addresses.entries()) {
    if (addresses.findIndex((other) => equal(other, address)) < i) {
      faults.push(duplicate(`status.addresses[${i}]`, goStruct('io.k8s.api.core.v1.NodeAddress', address)));
    }
  }
  if (before.podCIDRs?.length) {
    const fixed = fieldForbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
    if (spec.podCIDRs?.length !== before.podCIDRs.length) faults.push(fixed);
    else for (const [i, range] of before.podCIDRs.entries()) if (spec.podCIDRs[i] !== range) faults.push(fixed);
  }
  if (before.providerID && before.providerID !== spec.providerID) {
    faults.push(fieldForbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  faults.push(...checkTaints('metadata.taints', spec.taints));
  if (spec.externalID !== before.externalID) faults.push(fieldForbidden('spec.externalID', 'may not be updated'));
  return faults;
}
