import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { signJwt } from '#lib/pki/jwt.ts';
import { makeLegacyToken } from '#lib/pki/legacy-tokens.ts';
import type { Lookup } from '../admission/types.ts';
import { makeServiceAccountTokens } from './service-account-tokens.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { readTokenKeys } from './signing-keys.ts';

const pem = (type: 'ec' | 'rsa' | 'P-256' | 'P-384' | 'P-521'): string => {
  const { privateKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: type === 'ec' ? 'P-256' : type });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
};

suite('service account tokens', () => {
  const account = { name: 'robot', uid: 'u1' };
  let env: FakeEnv;
  let present: Record<
    string,
    { metadata: { uid: string; deletionTimestamp?: string; labels?: object }; data?: object }
  >;
  let tokens: ServiceAccountTokens;
  const look = {
    get: (kind: { plural: string }, { name }: { name: string }) => present[`${kind.plural}/${name}`],
    *list() {},
  } as unknown as Lookup;

  const make = (...pems: string[]): ServiceAccountTokens => {
    const keys = readTokenKeys(pems[0]!, pems.slice(1));
    return makeServiceAccountTokens({ keys: () => keys, issuers: ['https://issuer'] }, look, env);
  };

  setup(() => {
    env = makeFakeEnv();
    present = { 'serviceaccounts/robot': { metadata: { uid: 'u1' } } };
    tokens = make(pem('ec'));
  });

  const issue = (more: object = {}) =>
    tokens.issue({ namespace: 'n', account, audiences: ['https://issuer'], lifeSeconds: 600, ...more });

  test('read() knows whose token it is', () => {
    assert.deepEqual(tokens.read(issue())?.groups, ['system:serviceaccounts', 'system:serviceaccounts:n']);
    assert.equal(tokens.read(issue())?.name, 'system:serviceaccount:n:robot');
  });

  test('read() refuses tokens that have expired, are for others, or were changed', async () => {
    const token = issue();
    assert.equal(tokens.read(issue({ audiences: ['other'] })), undefined);
    const verdict = tokens.judge(issue({ audiences: ['other', 'x'] }), ['x', 'y']);
    assert.deepEqual(verdict && 'caller' in verdict ? verdict.audiences : verdict, ['x']);
    assert.deepEqual(tokens.judge(issue({ audiences: ['other'] })), {
      refusedBecause: 'token audiences ["other"] is invalid for the target audiences ["https://issuer"]',
    });
    const [head, body, tail] = token.split('.') as [string, string, string];
    const forged = Buffer.from(body, 'base64url').toString().replace('robot', 'admin');
    assert.equal(tokens.read(`${head}.${Buffer.from(forged).toString('base64url')}.${tail}`), undefined);
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    assert.equal(tokens.read(`${none}.${body}.`), undefined);
    assert.equal(tokens.read(`${none}.${body}.${tail}`), undefined);
    assert.equal(tokens.read('x.y.z'), undefined);
    assert.equal(make(pem('ec')).read(token), undefined);
    await env.advance(601_000);
    assert.deepEqual(tokens.judge(token), { refusedBecause: 'service account token has expired' });
  });

  test('read() refuses tokens whose account or pod is gone, or is another by now', async () => {
    const bound = { kind: 'Pod', name: 'p', uid: 'p1' };
    present['pods/p'] = { metadata: { uid: 'p1' } };
    const token = issue({ bound });
    assert.deepEqual(tokens.read(token)?.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
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

  for (const type of ['rsa', 'P-256', 'P-384', 'P-521'] as const)
    test(`keys of type ${type} sign`, () => {
      const made = make(pem(type));
      const token = made.issue({ namespace: 'n', account, audiences: ['https://issuer'], lifeSeconds: 600 });
      assert.deepEqual(made.algorithms(), [
        { rsa: 'RS256', 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }[type],
      ]);
      assert.ok(made.read(token));
    });

  test('tokens of keys that have been replaced are believed while their keys are, and of several issuers', () => {
    const [old, next] = [pem('ec'), pem('rsa')];
    const ofOld = make(old).issue({ namespace: 'n', account, audiences: ['https://issuer'], lifeSeconds: 600 });
    let keys = readTokenKeys(next, [old]);
    const both = makeServiceAccountTokens({ keys: () => keys, issuers: ['https://new', 'https://issuer'] }, look, env);
    assert.ok(both.read(ofOld));
    assert.deepEqual(both.algorithms(), ['RS256', 'ES256']);
    assert.equal((both.keySet() as { keys: object[] }).keys.length, 2);
    assert.ok(both.read(both.issue({ namespace: 'n', account, audiences: ['https://new'], lifeSeconds: 600 })));
    keys = readTokenKeys(next);
    assert.equal(both.read(ofOld), undefined, 'a signature that was found good is judged anew by other keys');
    assert.equal(
      make(old).read(both.issue({ namespace: 'n', account, audiences: ['https://new'], lifeSeconds: 600 })),
      undefined,
    );
  });

  test('what the key has signed without being a token of an account is refused', () => {
    const key = pem('ec');
    const { signer } = readTokenKeys(key);
    const made = make(key);
    const iss = 'https://issuer';
    const times = { exp: env.now() / 1000 + 60, nbf: 0, jti: 'j' };
    const own = { namespace: 'n', serviceaccount: account };
    const good = { iss, ...times, aud: iss, 'kubernetes.io': own };
    assert.equal(made.read(signJwt(good, signer))?.name, 'system:serviceaccount:n:robot');
    for (const bad of [
      { iss },
      { ...good, aud: undefined },
      { ...good, exp: undefined },
      { ...good, 'kubernetes.io': {} },
      { ...good, 'kubernetes.io': { namespace: 'n' } },
      { ...good, 'kubernetes.io': null },
    ])
      assert.equal(made.read(signJwt(bad, signer)), undefined, JSON.stringify(bad));
    assert.equal(made.judge(signJwt({ ...good, iss: 'https://other' }, signer)), undefined);
  });

  test('a token of the old sort is good while its Secret holds it and its account lives', () => {
    const key = pem('ec');
    const signer = readTokenKeys(key).signer;
    const token = makeLegacyToken({ namespace: 'n', account, secretName: 's' }, signer);
    const made = make(key);
    const because = () => {
      const verdict = made.judge(token);
      return verdict && ('caller' in verdict ? verdict.caller.name : verdict.refusedBecause);
    };
    assert.equal(because(), 'service account token has been invalidated');
    const data = { token: Buffer.from(token).toString('base64') };
    present['secrets/s'] = { metadata: { uid: 's1' }, data };
    assert.equal(because(), 'system:serviceaccount:n:robot');
    assert.ok('refusedBecause' in made.judge(token, ['elsewhere'])!);
    present['secrets/s'] = {
      metadata: { uid: 's1', labels: { 'kubernetes.io/legacy-token-invalid-since': 'x' } },
      data,
    };
    assert.match(String(because()), /^the token in secret n\/s for service account n\/robot has been marked invalid/);
    present['secrets/s'] = { metadata: { uid: 's1' }, data: { token: 'b3RoZXI=' } };
    assert.equal(because(), "service account token does not match server's copy");
    present['secrets/s'] = { metadata: { uid: 's1' }, data };
    present['serviceaccounts/robot'] = { metadata: { uid: 'u2' } };
    assert.equal(because(), 'service account UID (u2) does not match claim (u1)');
    delete present['serviceaccounts/robot'];
    assert.equal(because(), 'service account n/robot has been deleted');
  });
});
