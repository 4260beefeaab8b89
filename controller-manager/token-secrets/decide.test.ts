import assert from 'node:assert/strict';
import type { Secret, ServiceAccount } from '#lib/kinds/gen/core-v1.ts';
import { accountNameOf, decide, lacksToken } from './decide.ts';

const account = { metadata: { namespace: 'n', name: 'robot', uid: 'u1' } } as ServiceAccount;
const secret = (more: object = {}, annotations: object = {}) =>
  ({
    metadata: {
      namespace: 'n',
      name: 's',
      uid: 's1',
      annotations: { 'kubernetes.io/service-account.name': 'robot', ...annotations },
    },
    type: 'kubernetes.io/service-account-token',
    ...more,
  }) as unknown as Secret;

suite('token secrets', () => {
  test('decide() fills a Secret in, and is then content', () => {
    const [action, ...others] = decide({ secret: secret(), account, token: 'jwt', ca: 'PEM' });
    assert.ok(action?.do === 'update' && others.length === 0);
    const filled = action.object as Secret;
    assert.deepEqual(filled.data, { 'ca.crt': btoa('PEM'), namespace: btoa('n'), token: btoa('jwt') });
    assert.equal(filled.metadata.annotations?.['kubernetes.io/service-account.uid'], 'u1');
    assert.deepEqual(decide({ secret: filled, account, token: undefined, ca: 'PEM' }), []);
  });

  test('decide() renews the authority, and keeps what else is there', () => {
    const own = { token: 'kept', extra: 'kept', namespace: 'kept', 'ca.crt': 'old' };
    const uid = { 'kubernetes.io/service-account.uid': 'u1' };
    const [action] = decide({ secret: secret({ data: own }, uid), account, token: undefined, ca: 'PEM' });
    assert.ok(action?.do === 'update');
    assert.deepEqual((action.object as Secret).data, { ...own, 'ca.crt': btoa('PEM') });
  });

  test('decide() deletes the Secret of an account that is gone, or was another', () => {
    const gone = [{ do: 'delete', target: { namespace: 'n', name: 's' }, uid: 's1' }];
    const seen = { token: undefined, ca: 'PEM' };
    const plain = (actions: ReturnType<typeof decide>) =>
      actions.map(({ kind: _k, ...rest }: Record<string, unknown>) => rest);
    assert.deepEqual(plain(decide({ ...seen, secret: secret(), account: undefined })), gone);
    const former = secret({}, { 'kubernetes.io/service-account.uid': 'u0' });
    assert.deepEqual(plain(decide({ ...seen, secret: former, account })), gone);
    assert.equal(lacksToken(former, account), false);
  });

  test('accountNameOf() heeds no other type', () => {
    assert.equal(accountNameOf(secret()), 'robot');
    assert.equal(accountNameOf(secret({ type: 'Opaque' })), undefined);
  });
});
