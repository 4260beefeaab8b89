/** The cluster roles that every cluster has, but for those of controllers: the facts of upstream v1.32's bootstrap policy. */
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { allow, allowPaths, change, read, readAndChange, recordEvents } from './rule.ts';

export interface DefaultClusterRole {
  rules?: readonly PolicyRule[];
  /** Gathers the rules of all roles that are labelled to be a part of this one. */
  gathers?: AggregateName;
  /** The role that this one is a part of. */
  partOf?: AggregateName;
}

type AggregateName = 'admin' | 'edit' | 'view';

const reviewTokens = allow('create', 'authentication.k8s.io', 'tokenreviews');
const reviewAccess = allow('create', 'authorization.k8s.io', 'subjectaccessreviews');
const publicPaths = '/healthz /livez /readyz /version /version/';

/** What a node may do; which objects of a kind, the node authorizer says. */
export const nodeRules: readonly PolicyRule[] = [
  reviewTokens,
  allow('create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
  allow(read, 'core', 'services'),
  allow(`create ${read}`, 'core', 'nodes'),
  allow('patch update', 'core', 'nodes/status'),
  allow('patch update', 'core', 'nodes'),
  allow('create patch update', 'core', 'events'),
  allow(read, 'core', 'pods'),
  allow('create delete', 'core', 'pods'),
  allow('patch update', 'core', 'pods/status'),
  allow('create', 'core', 'pods/eviction'),
  allow(read, 'core', 'configmaps secrets'),
  allow('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  allow('get', 'core', 'endpoints'),
  allow(`create ${read}`, 'certificates.k8s.io', 'certificatesigningrequests'),
  allow('create delete get patch update', 'coordination.k8s.io', 'leases'),
  allow('get', 'storage.k8s.io', 'volumeattachments'),
  allow('create', 'core', 'serviceaccounts/token'),
  allow('get patch update', 'core', 'persistentvolumeclaims/status'),
  allow(read, 'storage.k8s.io', 'csidrivers'),
  allow('create delete get patch update', 'storage.k8s.io', 'csinodes'),
  allow(read, 'node.k8s.io', 'runtimeclasses'),
];

export const clusterRoles: Readonly<Record<string, DefaultClusterRole>> = {
  'cluster-admin': { rules: [allow('*', '*', '*'), allowPaths('*', '*')] },
  admin: { gathers: 'admin' },
  edit: { gathers: 'edit', partOf: 'admin' },
  view: { gathers: 'view', partOf: 'edit' },

  'system:aggregate-to-admin': {
    partOf: 'admin',
    rules: [
      allow('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
      allow(readAndChange, 'rbac.authorization.k8s.io', 'rolebindings roles'),
    ],
  },
  'system:aggregate-to-edit': {
    partOf: 'edit',
    rules: [
      allow(read, 'core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
      allow('impersonate', 'core', 'serviceaccounts'),
      allow(change, 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
      allow('create', 'core', 'pods/eviction'),
      allow(
        change,
        'core',
        'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
      ),
      allow('create', 'core', 'serviceaccounts/token'),
      allow(
        change,
        'apps',
        'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
      ),
      allow(change, 'autoscaling', 'horizontalpodautoscalers'),
      allow(change, 'batch', 'cronjobs jobs'),
      allow(
        change,
        'extensions',
        'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
      ),
      allow(change, 'policy', 'poddisruptionbudgets'),
      allow(change, 'networking.k8s.io', 'ingresses networkpolicies'),
      allow(readAndChange, 'coordination.k8s.io', 'leases'),
    ],
  },
  'system:aggregate-to-view': {
    partOf: 'view',
    rules: [
      allow(
        read,
        'core',
        'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      ),
      allow(
        read,
        'core',
        'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      ),
      allow(read, 'core', 'namespaces'),
      allow(read, 'discovery.k8s.io', 'endpointslices'),
      allow(
        read,
        'apps',
        'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
      ),
      allow(read, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
      allow(read, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
      allow(
        read,
        'extensions',
        'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
      ),
      allow(read, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
      allow(read, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
    ],
  },

  'system:basic-user': {
    rules: [
      allow('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      allow('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  'system:discovery': {
    rules: [allowPaths('get', `/api /api/* /apis /apis/* /openapi /openapi/* ${publicPaths}`)],
  },
  'system:public-info-viewer': { rules: [allowPaths('get', publicPaths)] },
  'system:monitoring': {
    rules: [allowPaths('get', '/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*')],
  },
  'system:service-account-issuer-discovery': {
    rules: [
      allowPaths(
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },

  'system:auth-delegator': { rules: [reviewTokens, reviewAccess] },
  'system:heapster': {
    rules: [allow(read, 'core', 'events namespaces nodes pods'), allow(read, 'extensions', 'deployments')],
  },
  'system:kube-aggregator': { rules: [allow(read, 'core', 'endpoints services')] },
  'system:kube-dns': { rules: [allow('list watch', 'core', 'endpoints services')] },
  'system:kubelet-api-admin': {
    rules: [
      allow(read, 'core', 'nodes'),
      allow('proxy', 'core', 'nodes'),
      allow('*', 'core', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
    ],
  },
  'system:persistent-volume-provisioner': {
    rules: [
      allow(`create delete ${read}`, 'core', 'persistentvolumes'),
      allow(`${read} update`, 'core', 'persistentvolumeclaims'),
      allow(read, 'storage.k8s.io', 'storageclasses'),
      allow('watch', 'core', 'events'),
      recordEvents,
    ],
  },

  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': {
    rules: [allow('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  },
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': {
    rules: [allow('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  },
  'system:certificates.k8s.io:kube-apiserver-client-approver': { rules: [approves('kube-apiserver-client')] },
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': {
    rules: [approves('kube-apiserver-client-kubelet')],
  },
  'system:certificates.k8s.io:kubelet-serving-approver': { rules: [approves('kubelet-serving')] },
  'system:certificates.k8s.io:legacy-unknown-approver': { rules: [approves('legacy-unknown')] },

  'system:node': { rules: nodeRules },
  'system:node-bootstrapper': {
    rules: [allow(`create ${read}`, 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  'system:node-problem-detector': {
    rules: [allow('get', 'core', 'nodes'), allow('patch', 'core', 'nodes/status'), recordEvents],
  },
  'system:node-proxier': {
    rules: [
      allow('list watch', 'core', 'endpoints services'),
      allow(read, 'core', 'nodes'),
      recordEvents,
      allow('list watch', 'discovery.k8s.io', 'endpointslices'),
    ],
  },

  'system:kube-controller-manager': {
    rules: [
      recordEvents,
      allow('create', 'coordination.k8s.io', 'leases'),
      allow('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
      allow('create', 'core', 'secrets serviceaccounts'),
      allow('delete', 'core', 'secrets'),
      allow('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
      allow('update', 'core', 'secrets serviceaccounts'),
      reviewTokens,
      reviewAccess,
      allow('list watch', '*', '*'),
      allow('create', 'core', 'serviceaccounts/token'),
    ],
  },
  'system:kube-scheduler': {
    rules: [
      recordEvents,
      allow('create', 'coordination.k8s.io', 'leases'),
      allow('get update', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      allow(read, 'core', 'nodes'),
      allow(`delete ${read}`, 'core', 'pods'),
      allow('create', 'core', 'bindings pods/binding'),
      allow('patch update', 'core', 'pods/status'),
      allow(read, 'core', 'replicationcontrollers services'),
      allow(read, 'apps extensions', 'replicasets'),
      allow(read, 'apps', 'statefulsets'),
      allow(read, 'policy', 'poddisruptionbudgets'),
      allow(read, 'core', 'persistentvolumeclaims persistentvolumes'),
      reviewTokens,
      reviewAccess,
      allow(read, 'storage.k8s.io', 'csinodes'),
      allow(read, 'core', 'namespaces'),
      allow(read, 'storage.k8s.io', 'csidrivers'),
      allow(read, 'storage.k8s.io', 'csistoragecapacities'),
    ],
  },
  'system:volume-scheduler': {
    rules: [
      allow(`${read} patch update`, 'core', 'persistentvolumes'),
      allow(read, 'storage.k8s.io', 'storageclasses'),
      allow(`${read} patch update`, 'core', 'persistentvolumeclaims'),
    ],
  },

  // Our own: agents lay routes to the pods of other nodes, so they look at those nodes, which a kubelet must not. Whoever takes a node's key over
  // reads the addresses, labels and conditions of all nodes; no rule tells an agent's route follower from the agent.
  'wherry:node-network': { rules: [allow(read, 'core', 'nodes')] },
};

function approves(signer: string): PolicyRule {
  return allow('approve', 'certificates.k8s.io', 'signers', `kubernetes.io/${signer}`);
}
