/** From a file's text to a pod of this node: upstream's `pkg/kubelet/config/common.go`. */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { checkObject } from '#lib/kinds/checks/metadata.ts';
import type { Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { decodeObject } from '#lib/kinds/structure.ts';
import { hashAnnotation, sourceAnnotation } from '../lifecycle/static.ts';

export interface FileSource {
  nodeName: string;
  /** The file's path: part of the pod's identity. */
  file: string;
  /** When it was first seen, RFC 3339. */
  seenAt: string;
}

const everyTaint = { operator: 'Exists', effect: 'NoExecute' } as const;

/**
 * The pod in a file, YAML or JSON: complete with defaults, named after the node, with a uid that changes with the contents. Throws an Error with the sentence
 * for the log when it is no pod, breaks a rule, or uses objects of the API.
 */
export function decodeStaticPod(text: string, { nodeName, file, seenAt }: FileSource): Pod {
  const body: unknown = parse(text);
  if (!isPod(body)) throw new Error('invalid pod: the file holds no object of kind Pod and version v1');
  const { object } = decodeObject<Pod>(podKind, body, 'Ignore');
  const uid = object.metadata.uid || hashOf(nodeName, file, object);
  const { metadata } = object;
  object.metadata = {
    ...metadata,
    name: `${metadata.name}-${nodeName.toLowerCase()}`,
    namespace: metadata.namespace || 'default',
    uid,
    creationTimestamp: seenAt,
    resourceVersion: '0',
    annotations: {
      ...metadata.annotations,
      [hashAnnotation]: uid,
      'kubernetes.io/config.seen': seenAt,
      [sourceAnnotation]: 'file',
    },
  };
  object.spec.nodeName = nodeName;
  object.spec.tolerations = withToleration(object.spec);
  podKind.defaults?.(object);
  object.status = { phase: 'Pending' };
  const faults = [...checkObject(podKind, object, undefined)];
  if (faults.length > 0) {
    throw new Error(`invalid pod: [${faults.map(({ field, message }) => `${field}: ${message}`).join(', ')}]`);
  }
  const used = usedObjects(object.spec);
  if (used !== undefined) throw new Error(`static pods may not reference ${used}`);
  return object;
}

function isPod(body: unknown): body is object {
  const { apiVersion, kind } = (body ?? {}) as { apiVersion?: unknown; kind?: unknown };
  return apiVersion === 'v1' && kind === 'Pod';
}

function hashOf(nodeName: string, file: string, pod: Pod): string {
  return createHash('md5').update(`host:${nodeName}file:${file}`).update(JSON.stringify(pod)).digest('hex');
}

/** A pod from a file is nobody's to move: no taint ends it. */
function withToleration({ tolerations = [] }: PodSpec): NonNullable<PodSpec['tolerations']> {
  const has = tolerations.some(({ key, operator, effect }) => !key && operator === 'Exists' && effect === 'NoExecute');
  return has ? tolerations : [...tolerations, everyTaint];
}

/** Which objects of the API the pod names, if any; the API would not take its image. */
function usedObjects(spec: PodSpec): string | undefined {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const volumes = spec.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  const variables = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef, configMap: configMapRef })),
    ...env.map(({ valueFrom }) => ({ secret: valueFrom?.secretKeyRef, configMap: valueFrom?.configMapKeyRef })),
  ]);
  const any = (...lists: unknown[][]) => lists.flat().some((each) => each !== undefined);
  const uses: [string, boolean][] = [
    // Without an account a pod may have no tokens either.
    ['serviceaccounts', Boolean(spec.serviceAccountName)],
    [
      'secrets',
      any(
        spec.imagePullSecrets ?? [],
        volumes.map(({ secret }) => secret),
        sources.map(({ secret }) => secret),
        variables.map(({ secret }) => secret),
      ),
    ],
    [
      'configmaps',
      any(
        volumes.map(({ configMap }) => configMap),
        sources.map(({ configMap }) => configMap),
        variables.map(({ configMap }) => configMap),
      ),
    ],
    ['clustertrustbundles', any(sources.map(({ clusterTrustBundle }) => clusterTrustBundle))],
    [
      'persistentvolumeclaims',
      any(volumes.map(({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim ?? ephemeral)),
    ],
    ['resourceclaims', (spec.resourceClaims?.length ?? 0) > 0],
  ];
  return uses.find(([, is]) => is)?.[0];
}
