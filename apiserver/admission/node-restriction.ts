/**
 * A node's agent acts for its own node alone: its Node, its lease, the pods bound to it. A machine that was taken over must not reach
 * further, and must not label itself so that pods come to it that were meant for others.
 */
import { csiNode } from '#lib/kinds/csi-node.ts';
import type { Node, PersistentVolumeClaim, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { TokenRequest } from '#lib/kinds/gen/authentication-v1.ts';
import { lease } from '#lib/kinds/lease.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { equal } from '#lib/meta/equal.ts';
import { notFound } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';
import { refusal } from './types.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

const userPrefix = 'system:node:';
const nodesGroup = 'system:nodes';
const leaseNamespace = 'kube-node-lease';
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Decides on one request of the node `self`; answers why it is refused. */
type Rule = (request: AdmissionRequest, self: string, look: Lookup) => string | undefined;

const rules = new Map<unknown, Rule>([
  [podKind, podRule],
  [nodeKind, nodeRule],
  [persistentVolumeClaim, claimRule],
  [serviceAccount, tokenRule],
  [lease, leaseRule],
  [csiNode, csiNodeRule],
]);

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  admit(request, look) {
    const self = nodeOf(request.caller);
    if (self === undefined) return;
    if (self === '') throw refusal(request, `could not determine node from user "${request.caller.name}"`);
    const because = rules.get(request.kind)?.(request, self, look);
    if (because !== undefined) throw refusal(request, because);
  },
};

/** The node whose agent the caller is; '' for one that does not say, undefined for others. */
function nodeOf({ name, groups }: Caller): string | undefined {
  return groups.includes(nodesGroup) && name.startsWith(userPrefix) ? name.slice(userPrefix.length) : undefined;
}

function podRule(request: AdmissionRequest, self: string, look: Lookup): string | undefined {
  const { operation, subresource, object, before } = request;
  switch (subresource) {
    case '':
      if (operation === 'CREATE') return mirrorPodFault(object as Pod, self, look);
      if (operation === 'DELETE') {
        return isOn(object, self) ? undefined : `node "${self}" can only delete pods with spec.nodeName set to itself`;
      }
      return `unexpected operation "${operation}", node "${self}" can only create and delete mirror pods`;
    case 'status':
      if (!isOn(before, self)) {
        return `node "${self}" can only update pod status for pods with spec.nodeName set to itself`;
      }
      return equal(object.metadata.labels ?? {}, before?.metadata.labels ?? {})
        ? undefined
        : `node "${self}" cannot update labels through pod status`;
    case 'eviction':
      return isOn(look.get(podKind, request), self)
        ? undefined
        : `node ${self} can only evict pods with spec.nodeName set to itself`;
    default:
      return `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`;
  }
}

function isOn(pod: unknown, self: string): boolean {
  return (pod as Pod | undefined)?.spec.nodeName === self;
}

/** A node creates nothing but the images of pods that it runs of its own accord, which use no API objects. */
function mirrorPodFault({ metadata, spec }: Pod, self: string, look: Lookup): string | undefined {
  if (metadata.annotations?.[mirrorAnnotation] === undefined) {
    return `pod does not have "${mirrorAnnotation}" annotation, node "${self}" can only create mirror pods`;
  }
  const only = `node "${self}" can only create pods with`;
  if (spec.nodeName !== self) return `${only} spec.nodeName set to itself`;
  const [owner, ...others] = metadata.ownerReferences ?? [];
  if (others.length > 0) return `${only} a single owner reference set to itself`;
  if (!owner || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== self) {
    return `${only} an owner reference set to itself`;
  }
  if (owner.controller !== true) return `${only} a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true) {
    return `node "${self}" must not set blockOwnerDeletion on an owner reference`;
  }
  const node = look.get(nodeKind, { namespace: '', name: self });
  if (!node) throw notFound(nodeKind, self);
  if (owner.uid !== node.metadata.uid) {
    return `node ${self} UID mismatch: expected ${owner.uid} got ${node.metadata.uid}`;
  }
  const used = usedObjects(spec);
  return used && `node "${self}" can not create pods that reference ${used}`;
}

/** Which sort of API objects the pod uses, if any. */
function usedObjects(spec: Pod['spec']): string | undefined {
  if (spec.serviceAccountName) return 'a service account';
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  const volumes = spec.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  const variables = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef, configMap: configMapRef })),
    ...env.map(({ valueFrom }) => ({ secret: valueFrom?.secretKeyRef, configMap: valueFrom?.configMapKeyRef })),
  ]);
  const usesSecrets =
    (spec.imagePullSecrets?.length ?? 0) > 0 ||
    volumes.some(({ secret }) => secret) ||
    sources.some(({ secret }) => secret) ||
    variables.some(({ secret }) => secret);
  if (usesSecrets) return 'secrets';
  const usesConfigMaps =
    volumes.some(({ configMap }) => configMap) ||
    sources.some(({ configMap }) => configMap) ||
    variables.some(({ configMap }) => configMap);
  if (usesConfigMaps) return 'configmaps';
  if (sources.some(({ clusterTrustBundle }) => clusterTrustBundle)) return 'clustertrustbundles';
  return volumes.some((volume) => volume.persistentVolumeClaim) ? 'persistentvolumeclaims' : undefined;
}

function nodeRule({ operation, name, object, before }: AdmissionRequest, self: string): string | undefined {
  if (name !== self) return `node "${self}" is not allowed to modify node "${name}"`;
  const [now, was] = [object as Node, before as Node | undefined];
  if (operation === 'CREATE') {
    const labels = forbiddenLabels(now.metadata.labels ?? {}, {});
    return labels.length > 0
      ? `node "${self}" is not allowed to set the following labels: ${labels.join(', ')}`
      : undefined;
  }
  if (operation !== 'UPDATE') return undefined;
  if (!equal(now.spec.taints ?? [], was?.spec.taints ?? [])) return `node "${self}" is not allowed to modify taints`;
  if (!equal(now.metadata.ownerReferences ?? [], was?.metadata.ownerReferences ?? [])) {
    return `node "${self}" is not allowed to modify ownerReferences`;
  }
  const labels = forbiddenLabels(now.metadata.labels ?? {}, was?.metadata.labels ?? {});
  return labels.length > 0 ? `node "${self}" is not allowed to modify labels: ${labels.join(', ')}` : undefined;
}

type Labels = Readonly<Record<string, string>>;

const ownLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);

/** Labels that differ and that no node may set on itself, in order. */
function forbiddenLabels(now: Labels, before: Labels): string[] {
  return [...new Set([...Object.keys(now), ...Object.keys(before)])]
    .filter((key) => now[key] !== before[key] && !mayLabel(key))
    .sort();
}

function mayLabel(key: string): boolean {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  const isWithin = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (isWithin('node-restriction.kubernetes.io')) return false;
  if (!isWithin('kubernetes.io') && !isWithin('k8s.io')) return true;
  return ownLabels.has(key) || isWithin('kubelet.kubernetes.io') || isWithin('node.kubernetes.io');
}

function claimRule({ subresource, object, before }: AdmissionRequest, self: string): string | undefined {
  if (subresource !== 'status') return 'may only update PVC status';
  const fixed = ({ metadata, status, ...rest }: PersistentVolumeClaim) => {
    const { resourceVersion: _r, managedFields: _m, ...kept } = metadata;
    const {
      capacity: _c,
      conditions: _o,
      allocatedResources: _a,
      allocatedResourceStatuses: _s,
      ...state
    } = status ?? {};
    return { ...rest, metadata: kept, status: state };
  };
  return equal(fixed(object as PersistentVolumeClaim), fixed(before as PersistentVolumeClaim))
    ? undefined
    : `node "${self}" is not allowed to update fields other than status.capacity and status.conditions`;
}

/** A node gets tokens for the pods it runs, and for nothing else. */
function tokenRule(request: AdmissionRequest, self: string, look: Lookup): string | undefined {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return undefined;
  const { boundObjectRef: bound } = (request.object as unknown as TokenRequest).spec ?? {};
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name) {
    return 'node requested token not bound to a pod';
  }
  if (!bound.uid) return 'node requested token with a pod binding without a uid';
  const pod = look.get(podKind, { namespace: request.namespace, name: bound.name });
  if (!pod) throw notFound(podKind, bound.name);
  if (bound.uid !== pod.metadata.uid) {
    return `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  }
  return isOn(pod, self) ? undefined : 'node requested token bound to a pod scheduled on a different node';
}

function leaseRule({ namespace, name }: AdmissionRequest, self: string): string | undefined {
  if (namespace !== leaseNamespace) return `can only access leases in the "${leaseNamespace}" system namespace`;
  return name === self ? undefined : 'can only access node lease with the same name as the requesting node';
}

function csiNodeRule({ name }: AdmissionRequest, self: string): string | undefined {
  return name === self ? undefined : 'can only access CSINode with the same name as the requesting node';
}
