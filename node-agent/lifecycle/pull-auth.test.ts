import assert from 'node:assert/strict';
import type { Secret } from '#lib/kinds/gen/core-v1.ts';
import { pullAuth } from './pull-auth.ts';

const base64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
const auths = (username: string, address = 'a.example') => ({ [address]: { username, password: 'p' } });
const secret = (type: string, data: Record<string, string>) => ({ type, data }) as unknown as Secret;
const json = (value: unknown) => secret('kubernetes.io/dockerconfigjson', { '.dockerconfigjson': base64(value) });

suite('pull-auth', () => {
  const users = (secrets: (Secret | undefined)[], repository = 'a.example/x') =>
    pullAuth(secrets)(repository).map(({ username }) => username);

  test('pullAuth() tries all that fit, in the order of the secrets', () => {
    const old = secret('kubernetes.io/dockercfg', { '.dockercfg': base64(auths('old')) });
    assert.deepEqual(users([json({ auths: auths('one') }), undefined, old, json({ auths: auths('two') })]), [
      'one',
      'old',
      'two',
    ]);
    assert.deepEqual(users([json({ auths: auths('one', 'b.example') }), old]), ['old']);
  });

  test('pullAuth() finds nothing in secrets of other types, or that hold something else', () => {
    const data = { '.dockerconfigjson': base64({ auths: auths('me') }) };
    assert.deepEqual(
      users([secret('Opaque', data), json('no JSON'), json([]), json({ auths: { 'a.example': 7 } })]),
      [],
    );
  });
});
