/** Wires decide() to namespaces. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { decide, defaultName } from './decide.ts';
import type { Seen } from './decide.ts';

export const serviceAccountController: Controller<Seen> = {
  name: 'service-account-controller',
  watches: [
    watch(namespace, ({ metadata }) => [metadata.name]),
    watch(serviceAccount, ({ metadata }) => (metadata.name === defaultName ? [metadata.namespace!] : [])),
  ],
  see(key, { view }) {
    const object = view.get(namespace, { namespace: '', name: key });
    if (!object) return undefined;
    return { namespace: object, account: view.get(serviceAccount, { namespace: key, name: defaultName }) };
  },
  decide,
};
