/** Gives each pod a service account and, unless declined, the account's token with the cluster's CA and the namespace's name. */
import type { Container, Pod, ServiceAccount, Volume } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { serviceAccount as accountKind } from '#lib/kinds/service-account.ts';
import { forbidden } from '#lib/meta/errors.ts';
import { generatedName } from '#lib/meta/names.ts';
import { referencesOf } from '../auth/node/references.ts';
import { secretFault } from './mountable-secrets.ts';
import { creates, NotYetError, refusal } from './types.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';

/** Marks a pod that mirrors a node's own manifest; it may use no API objects. */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Tokens last an hour and seven seconds: the extra tells these from tokens that were asked for, as upstream's do. */
const tokenLifeSeconds = 3607;

/** Makes the plugin; `random` names the volumes. */
export function makeServiceAccountAdmission(random: () => number): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    admit(request, look) {
      if (!creates(request, podKind)) return;
      const pod = request.object as Pod;
      const { spec } = pod;
      if (isMirror(pod)) return;
      spec.serviceAccountName ||= 'default';
      spec.serviceAccount = spec.serviceAccountName;
      const account = accountOf(request, spec.serviceAccountName, look);
      if (mountsToken(pod, account)) addToken(pod, random);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ ...secret }));
      }
    },
    validate(request, look) {
      const isDebugging = request.kind === podKind && request.subresource === 'ephemeralcontainers';
      if (!isDebugging && !creates(request, podKind)) return;
      const pod = request.object as Pod;
      if (isMirror(pod)) {
        const used = isDebugging ? undefined : usedByMirror(pod);
        if (used) throw refusal(request, `a mirror pod may not ${used}`);
        return;
      }
      const account = accountOf(request, pod.spec.serviceAccountName ?? '', look);
      const fault = secretFault(pod, account, isDebugging);
      if (fault) throw refusal(request, fault);
    },
  };
}

function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

function accountOf({ kind, name, namespace }: AdmissionRequest, accountName: string, look: Lookup): ServiceAccount {
  const account = look.get(accountKind, { namespace, name: accountName });
  if (account) return account;
  const refused = forbidden(
    kind,
    name,
    `error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`,
  );
  // A namespace gets its default account by a controller, just after it is made.
  throw accountName === 'default' ? new NotYetError(refused.reason, refused.message, refused.details) : refused;
}

/** What the pod that mirrors a node's own manifest does that it must not. */
function usedByMirror({ spec, metadata }: Pod): string | undefined {
  if (spec.serviceAccountName) return 'reference service accounts';
  const secrets = [...referencesOf({ spec, metadata } as Pod)].some((reference) => reference.startsWith('secrets/'));
  if (secrets) return 'reference secrets';
  const sources = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  return sources.some((source) => source.serviceAccountToken)
    ? 'use ServiceAccountToken volume projections'
    : undefined;
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
