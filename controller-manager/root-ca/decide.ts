/** Every namespace has a ConfigMap with the certificate that pods check the API server by. */
import type { Action } from '#lib/control/types.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import type { ConfigMap, Namespace } from '#lib/kinds/gen/core-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { isGoing } from '../namespace/going.ts';

export const rootCaName = 'kube-root-ca.crt';

/** As upstream annotates it. */
const annotations = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

export interface Seen {
  namespace: Namespace;
  configMap: ConfigMap | undefined;
  /** PEM. */
  ca: string;
}

export function decide({ namespace, configMap: current, ca }: Seen): Action[] {
  if (isGoing(namespace)) return [];
  const data = { 'ca.crt': ca };
  if (!current) {
    const metadata = { name: rootCaName, namespace: namespace.metadata.name, annotations };
    const object = { metadata, data };
    return [{ do: 'create', kind: configMap, object }];
  }
  const noted = { ...current.metadata.annotations, ...annotations };
  if (equal(current.data, data) && equal(current.metadata.annotations, noted)) return [];
  const object: ConfigMap = { ...current, metadata: { ...current.metadata, annotations: noted }, data };
  return [{ do: 'update', kind: configMap, object }];
}
