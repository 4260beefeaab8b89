/** Discovery: what the API serves, as the older one-document-a-group form and as the aggregated form that needs two requests for all. */
import { createHash } from 'node:crypto';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { compareVersions } from '#lib/meta/versions.ts';
import type { Typed } from '../rest/protobuf.ts';

/** Groups in the order clients try them: a short name that two groups know means the first one's. */
const groupOrder: readonly string[] = [
  '',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
];

interface GroupVersions {
  group: string;
  /** Newest first; the first is preferred. */
  versions: { version: string; kinds: Kind[] }[];
}

/** The served kinds by group and version, in the order of discovery. */
export function groupKinds(kinds: readonly Kind[]): GroupVersions[] {
  const rank = (group: string) => (groupOrder.includes(group) ? groupOrder.indexOf(group) : groupOrder.length);
  return [...Map.groupBy(kinds, ({ group }) => group)]
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([group, members]) => ({
      group,
      versions: [...Map.groupBy(members, ({ version }) => version)]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, list]) => ({ version, kinds: list.toSorted((a, b) => (a.plural < b.plural ? -1 : 1)) })),
    }));
}

export interface Subresource {
  name: string;
  verbs: readonly string[];
  kind: string;
  group: string;
  version: string;
}

/** All subresources of a kind, `status` and `scale` among them, by name. */
export function subresourcesOf(kind: Kind): Subresource[] {
  const own = { kind: kind.kind, group: kind.group, version: kind.version };
  const readAndWrite = ['get', 'patch', 'update'];
  const declared = Object.entries(kind.subresources ?? {}).map(([name, { verbs, ...type }]) => ({
    name,
    verbs,
    kind: type.kind,
    group: type.group ?? kind.group,
    version: type.version ?? kind.version,
  }));
  return [
    ...declared,
    ...(kind.status ? [{ name: 'status', verbs: readAndWrite, ...own }] : []),
    ...(kind.scale ? [{ name: 'scale', verbs: readAndWrite, kind: 'Scale', group: 'autoscaling', version: 'v1' }] : []),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `GET /api`: the versions of the core group. */
export function coreVersions(kinds: readonly Kind[], serverAddress: string): object {
  const core = groupKinds(kinds).find(({ group }) => group === '');
  return {
    kind: 'APIVersions',
    versions: (core?.versions ?? []).map(({ version }) => version),
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `GET /apis`: every other group. */
export function groupList(kinds: readonly Kind[]): object {
  const groups = groupKinds(kinds).filter(({ group }) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(describeGroup) };
}

/** `GET /apis/<group>`. */
export function groupDocument(group: GroupVersions): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group) };
}

function describeGroup({ group, versions }: GroupVersions): {
  name: string;
  versions: object[];
  preferredVersion: object;
} {
  const described = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: described, preferredVersion: described[0]! };
}

/** `GET /api/v1`, `GET /apis/<group>/<version>`: the resources of one version. */
export function resourceList(group: string, version: string, kinds: readonly Kind[]): object {
  return {
    kind: 'APIResourceList',
    ...(group && { apiVersion: 'v1' }),
    groupVersion: group ? `${group}/${version}` : version,
    resources: kinds.flatMap((kind) => [
      {
        name: kind.plural,
        singularName: kind.singular,
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs: kind.verbs,
        ...(kind.short.length > 0 && { shortNames: kind.short }),
        ...(kind.categories.length > 0 && { categories: kind.categories }),
        ...(kind.verbs.includes('list') && kind.verbs.includes('watch') && { storageVersionHash: storageHash(kind) }),
      },
      ...subresourcesOf(kind).map((sub) => ({
        name: `${kind.plural}/${sub.name}`,
        singularName: '',
        namespaced: kind.namespaced,
        ...((sub.group !== group || sub.version !== version) && { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ]),
  };
}

/** A short hash of the form in which a kind is stored, which storage migrators compare. */
function storageHash(kind: Kind): string {
  const { group, version, kind: name } = kind.conversion?.stored ?? kind;
  return createHash('sha256').update(`${group}/${version}/${name}`).digest().subarray(0, 8).toString('base64');
}

/** Everything under `/api` or everything under `/apis` in one document. */
export function aggregatedList(
  kinds: readonly Kind[],
  which: 'core' | 'groups',
  version: 'v2' | 'v2beta1',
): Typed & { metadata: object; items: object[] } {
  const groups = groupKinds(kinds).filter(({ group }) => (group === '') === (which === 'core'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { ...(group && { name: group }), creationTimestamp: null },
      versions: versions.map((served) => ({
        version: served.version,
        resources: served.kinds.map(describeResource),
        freshness: 'Current',
      })),
    })),
  };
}

function describeResource(kind: Kind): object {
  const subresources = subresourcesOf(kind).map(({ name, verbs, ...type }) => ({
    subresource: name,
    responseKind: responseKind(type, kind),
    verbs,
  }));
  return {
    resource: kind.plural,
    responseKind: responseKind(kind, kind),
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(kind.short.length > 0 && { shortNames: kind.short }),
    ...(kind.categories.length > 0 && { categories: kind.categories }),
    ...(subresources.length > 0 && { subresources }),
  };
}

/** Group and version are told where they are not those of the resource, as upstream does. */
function responseKind(
  { group, version, kind }: { group: string; version: string; kind: string },
  resource: Kind,
): object {
  const own = group === resource.group && version === resource.version;
  return { group: own ? '' : group, version: own ? '' : version, kind };
}
