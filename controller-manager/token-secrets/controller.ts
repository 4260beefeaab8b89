/** Wires decide() to Secrets and accounts; signs where a token is missing. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import type { JwtSigner } from '#lib/pki/jwt.ts';
import { makeLegacyToken } from '#lib/pki/legacy-tokens.ts';
import { accountNameOf, decide, lacksToken } from './decide.ts';
import type { Seen } from './decide.ts';

/** Makes the controller that signs with `signer` and hands out `ca`, in PEM. */
export function makeTokenSecretsController(signer: JwtSigner, ca: string): Controller<Seen> {
  return {
    name: 'tokens-controller',
    watches: [
      watch(secretKind, (secret) => (accountNameOf(secret) === undefined ? [] : [keyOf(secret.metadata)])),
      watch(serviceAccount, ({ metadata }, view) =>
        view.indexed(secretKind, 'tokenSecretsByAccount', keyOf(metadata)).map((secret) => keyOf(secret.metadata)),
      ),
    ],
    see(key, { view }) {
      const secret = view.get(secretKind, refOf(key));
      const name = secret && accountNameOf(secret);
      if (!secret || name === undefined) return undefined;
      const { namespace = '', name: secretName } = secret.metadata;
      const account = view.get(serviceAccount, { namespace, name });
      const token = lacksToken(secret, account)
        ? makeLegacyToken({ namespace, account: { name, uid: account.metadata.uid }, secretName }, signer)
        : undefined;
      return { secret, account, token, ca };
    },
    decide,
  };
}
