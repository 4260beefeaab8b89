/** What every cluster has from its first start: namespaces, the API's own Service, priorities of pods and of requests, a storage class. */
import type { Env } from '#lib/env/env.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { priorityClass } from '#lib/kinds/priority-class.ts';
import { service } from '#lib/kinds/service.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { isReason } from '#lib/meta/errors.ts';
import { systemPriorities } from './admission/priority.ts';
import type { Lookup } from './admission/types.ts';
import { ensureFlowObjects } from './flow/ensure.ts';
import { ensure } from './ensure.ts';
import type { Body } from './ensure.ts';
import type { Verbs } from './verbs/types.ts';

export interface Place {
  /** Where the API is reached from within the cluster's network. */
  advertise: { host: string; port: number };
  /** The cluster IP of the `kubernetes` Service. */
  serviceIp: string;
  /** The authority of client certificates, in PEM. */
  clientCa: string;
}

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

/** Creates what is missing. Idempotent, and fine beside another server that does the same. */
export async function bootstrap(verbs: Verbs, look: Lookup, place: Place, env: Env): Promise<void> {
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
    ensureOwnService(verbs, look, place, env),
    publishClientCa(verbs, look, place.clientCa),
  ]);
}

/** Tells servers that extend the API whose certificates to believe. */
export async function publishClientCa(verbs: Verbs, look: Lookup, clientCa: string): Promise<void> {
  const metadata = { name: 'extension-apiserver-authentication' };
  await ensure(verbs, look, configMap, 'kube-system', { metadata, data: { 'client-ca-file': clientCa } }, ['data']);
}

/** Another server that starts at the same time may have claimed the address, and be about to make the Service. */
async function ensureOwnService(verbs: Verbs, look: Lookup, place: Place, env: Env): Promise<void> {
  const giveUpAt = env.monotonic() + ownServiceWithinMs;
  for (;;) {
    try {
      return await ensure(verbs, look, service, 'default', ownService(place));
    } catch (error) {
      if (!isReason(error, 'Invalid') || env.monotonic() > giveUpAt) throw error;
    }
    await env.sleep(50);
  }
}

/** How long another server may take between claiming the address and making the Service. */
const ownServiceWithinMs = 5000;

/** The `kubernetes` Service. Its endpoints are for the servers to announce. */
function ownService({ advertise: { port }, serviceIp }: Place): Body {
  return {
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: serviceIp,
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
      sessionAffinity: 'None',
    },
  };
}
