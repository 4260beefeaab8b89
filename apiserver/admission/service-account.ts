/** Gives each pod a service account and, unless declined, the account's token with the cluster's CA and the namespace's name. */
import type { Container, Pod, ServiceAccount, Volume } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { serviceAccount as accountKind } from '#lib/kinds/service-account.ts';
import { forbidden } from '#lib/meta/errors.ts';
import { generatedName } from '#lib/meta/names.ts';
import { creates, NotYetError } from './types.ts';
import type { AdmissionPlugin, AdmissionRule } from './types.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';

/** Marks a pod that mirrors a node's own manifest; it may use no API objects. */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Tokens last an hour and seven seconds: the extra tells these from tokens that were asked for, as upstream's do. */
const tokenLifeSeconds = 3607;

/** Makes the plugin; `random` names the volumes. */
export function makeServiceAccountAdmission(random: () => number): AdmissionPlugin {
  const admit: AdmissionRule = (request, look) => {
    if (!creates(request, podKind)) return;
    const { kind, namespace, name, object } = request;
    const pod = object as Pod;
    const { spec } = pod;
    if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
    const accountName = spec.serviceAccountName || 'default';
    spec.serviceAccountName = accountName;
    spec.serviceAccount = accountName;
    const account = look.get(accountKind, { namespace, name: accountName });
    if (!account) {
      const refusal = forbidden(
        kind,
        name,
        `error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`,
      );
      // A namespace gets its default account by a controller, just after it is made.
      throw accountName === 'default' ? new NotYetError(refusal.reason, refusal.message, refusal.details) : refusal;
    }
    if (mountsToken(pod, account)) addToken(pod, random);
    if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
      spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ ...secret }));
    }
  };
  return { name: 'ServiceAccount', admit };
}

function mountsToken({ spec }: Pod, account: ServiceAccount): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

function addToken({ spec }: Pod, random: () => number): void {
  const existing = (spec.volumes ?? []).find((volume) => volume.name.startsWith(volumePrefix));
  const volumeName = existing?.name ?? generatedName(volumePrefix, random);
  const mount = (container: Container) => {
    if (container.volumeMounts?.some((item) => item.mountPath === mountPath)) return false;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name: volumeName, readOnly: true, mountPath }];
    return true;
  };
  const mounted = [...(spec.initContainers ?? []), ...spec.containers].map(mount);
  if (mounted.includes(true) && !existing) spec.volumes = [...(spec.volumes ?? []), tokenVolume(volumeName)];
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenLifeSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}
