import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import type { Lookup } from '../admission/types.ts';
import { makeServiceAccountTokens } from './service-account-tokens.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

const pem = (type: 'ec' | 'rsa') => {
  const { privateKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
};

suite('service account tokens', () => {
  const account = { name: 'robot', uid: 'u1' };
  let env: FakeEnv;
  let present: Record<string, { metadata: { uid: string; deletionTimestamp?: string } }>;
  let tokens: ServiceAccountTokens;
  const look = {
    get: (kind: { plural: string }, { name }: { name: string }) => present[`${kind.plural}/${name}`],
    *list() {},
  } as unknown as Lookup;

  setup(() => {
    env = makeFakeEnv();
    present = { 'serviceaccounts/robot': { metadata: { uid: 'u1' } } };
    tokens = makeServiceAccountTokens({ keyPem: pem('ec'), issuer: 'https://issuer' }, look, env);
  });

  const issue = (more: object = {}) =>
    tokens.issue({ namespace: 'n', account, audiences: ['https://issuer'], lifeSeconds: 600, ...more }).token;

  test('read() knows whose token it is', () => {
    assert.deepEqual(tokens.read(issue())?.caller.groups, ['system:serviceaccounts', 'system:serviceaccounts:n']);
    assert.equal(tokens.read(issue())?.caller.name, 'system:serviceaccount:n:robot');
  });

  test('read() refuses tokens that have expired, are for others, or were changed', async () => {
    const token = issue();
    assert.equal(tokens.read(issue({ audiences: ['other'] })), undefined);
    assert.deepEqual(tokens.read(issue({ audiences: ['other', 'x'] }), ['x', 'y'])?.audiences, ['x']);
    const [head, body, tail] = token.split('.') as [string, string, string];
    const forged = Buffer.from(body, 'base64url').toString().replace('robot', 'admin');
    assert.equal(tokens.read(`${head}.${Buffer.from(forged).toString('base64url')}.${tail}`), undefined);
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    assert.equal(tokens.read(`${none}.${body}.`), undefined);
    assert.equal(tokens.read(`${none}.${body}.${tail}`), undefined);
    assert.equal(tokens.read('x.y.z'), undefined);
    const stranger = makeServiceAccountTokens({ keyPem: pem('ec'), issuer: 'https://issuer' }, look, env);
    assert.equal(stranger.read(token), undefined);
    await env.advance(601_000);
    assert.equal(tokens.read(token), undefined);
  });

  test('read() refuses tokens whose account or pod is gone, or is another by now', async () => {
    const bound = { kind: 'Pod', name: 'p', uid: 'p1' };
    present['pods/p'] = { metadata: { uid: 'p1' } };
    const token = issue({ bound });
    assert.deepEqual(tokens.read(token)?.caller.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
    present['pods/p'] = { metadata: { uid: 'p1', deletionTimestamp: new Date(env.now()).toISOString() } };
    assert.ok(tokens.read(token), 'a pod that is ending still speaks');
    await env.advance(61_000);
    assert.equal(tokens.read(token), undefined);
    present['pods/p'] = { metadata: { uid: 'p2' } };
    assert.equal(tokens.read(token), undefined);
    const plain = issue();
    present = {};
    assert.equal(tokens.read(plain), undefined);
  });

  test('RSA keys sign too', () => {
    const rsa = makeServiceAccountTokens({ keyPem: pem('rsa'), issuer: 'https://issuer' }, look, env);
    const { token } = rsa.issue({ namespace: 'n', account, audiences: ['https://issuer'], lifeSeconds: 600 });
    assert.equal(rsa.algorithm, 'RS256');
    assert.ok(rsa.read(token));
  });
});
