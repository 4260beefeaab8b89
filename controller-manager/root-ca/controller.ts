/** Wires decide() to namespaces. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { decide, rootCaName } from './decide.ts';
import type { Seen } from './decide.ts';

/** Makes the controller that publishes `ca`, in PEM. */
export function makeRootCaController(ca: string): Controller<Seen> {
  return {
    name: 'root-ca-cert-publisher',
    watches: [
      watch(namespace, ({ metadata }) => [metadata.name]),
      watch(configMap, ({ metadata }) => (metadata.name === rootCaName ? [metadata.namespace!] : [])),
    ],
    see(key, { view }) {
      const object = view.get(namespace, { namespace: '', name: key });
      if (!object) return undefined;
      return { namespace: object, configMap: view.get(configMap, { namespace: key, name: rootCaName }), ca };
    },
    decide,
  };
}
