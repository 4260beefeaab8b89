/** What every cluster has from its first start: namespaces, the API's own Service, priorities of pods and of requests, a storage class. */
import { configMap } from '#lib/kinds/config-map.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { priorityClass } from '#lib/kinds/priority-class.ts';
import { service } from '#lib/kinds/service.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { equal } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import { systemPriorities } from './admission/priority.ts';
import { mastersGroup } from './auth/authorize.ts';
import type { Lookup } from './admission/types.ts';
import { ensureFlowObjects } from './flow/ensure.ts';
import type { Caller, Verbs } from './verbs/types.ts';

export interface Place {
  /** Where the API is reached from within the cluster's network. */
  advertise: { host: string; port: number };
  /** The cluster IP of the `kubernetes` Service. */
  serviceIp: string;
  /** The authority of client certificates, in PEM. */
  clientCa: string;
}

const self: Caller = { name: 'system:apiserver', groups: [mastersGroup] };

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const priorityTexts = {
  'system-cluster-critical':
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  'system-node-critical': 'Used for system critical pods that must not be moved from their current node.',
};

/** Claims that name no class get a folder on the node of their first pod; the controller of volumes makes it. */
const folderClass = {
  metadata: { name: 'folder', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'wherry.local/folder',
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** Creates what is missing and corrects where the API is. Idempotent, and fine beside another server that does the same. */
export async function bootstrap(verbs: Verbs, look: Lookup, place: Place): Promise<void> {
  // Whoever deletes the class means it, so only a new cluster gets it: before the namespaces, which tell that a cluster is not new.
  const isNew = namespaces.every((name) => !look.get(namespace, { namespace: '', name }));
  if (isNew) await ensure(verbs, look, storageClass, '', folderClass);
  await Promise.all(namespaces.map((name) => ensure(verbs, look, namespace, '', { metadata: { name } })));
  await Promise.all([
    ensureFlowObjects(verbs, look),
    ...Object.entries(systemPriorities).map(([name, value]) =>
      ensure(verbs, look, priorityClass, '', {
        metadata: { name },
        value,
        globalDefault: false,
        description: priorityTexts[name as keyof typeof priorityTexts],
        preemptionPolicy: 'PreemptLowerPriority',
      }),
    ),
    ...ownService(place).map(([kind, body, content]) => ensure(verbs, look, kind, 'default', body, content)),
    // Servers that extend the API learn here whose certificates to believe.
    ensure(
      verbs,
      look,
      configMap,
      'kube-system',
      { metadata: { name: 'extension-apiserver-authentication' }, data: { 'client-ca-file': place.clientCa } },
      ['data'],
    ),
  ]);
}

interface Body {
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** The `kubernetes` Service and its endpoints; of the latter, the fields that follow the configuration. */
function ownService({
  advertise: { host, port },
  serviceIp,
}: Place): [kind: unknown, body: Body, content?: string[]][] {
  const metadata = (labels: Record<string, string>) => ({ name: 'kubernetes', labels });
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  return [
    [
      service,
      {
        metadata: metadata({ component: 'apiserver', provider: 'kubernetes' }),
        spec: {
          type: 'ClusterIP',
          clusterIP: serviceIp,
          ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
          sessionAffinity: 'None',
        },
      },
    ],
    [
      endpoints,
      {
        metadata: metadata({ 'endpointslice.kubernetes.io/skip-mirror': 'true' }),
        subsets: [{ addresses: [{ ip: host }], ports }],
      },
      ['subsets'],
    ],
    [
      endpointSlice,
      {
        metadata: metadata({ 'kubernetes.io/service-name': 'kubernetes' }),
        addressType: 'IPv4',
        endpoints: [{ addresses: [host], conditions: { ready: true } }],
        ports,
      },
      ['endpoints', 'ports'],
    ],
  ];
}

/** Creates the object if it is missing; else brings the named fields to what they should be. */
async function ensure(
  verbs: Verbs,
  look: Lookup,
  kind: unknown,
  space: string,
  body: Body,
  content: readonly string[] = [],
): Promise<void> {
  const typed = kind as Kind;
  const ref = { namespace: space, name: body.metadata.name };
  const present = look.get(typed, ref) as Record<string, unknown> | undefined;
  if (!present) {
    try {
      await verbs.create(self, typed, space, body);
    } catch (error) {
      // Another server was faster.
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    return;
  }
  const wanted = Object.fromEntries(content.map((field) => [field, body[field]]));
  if (content.every((field) => equal(present[field], wanted[field]))) return;
  await verbs.patch(self, typed, ref, 'application/merge-patch+json', wanted);
}
