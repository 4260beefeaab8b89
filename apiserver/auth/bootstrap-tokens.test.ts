import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { Lookup } from '../admission/types.ts';
import { makeBootstrapTokenReader } from './bootstrap-tokens.ts';

const token = 'abcdef.0123456789abcdef';

suite('makeBootstrapTokenReader()', () => {
  const env = makeFakeEnv();
  const hour = 3_600_000;
  const inHours = (hours: number) => new Date(env.now() + hours * hour).toISOString();

  async function read(data: Record<string, string> = {}, presented = token, type = 'bootstrap.kubernetes.io/token') {
    const all = {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      ...data,
    };
    const encoded = Object.entries(all).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    const secret = { type, metadata: { name: 'bootstrap-token-abcdef' }, data: Object.fromEntries(encoded) };
    const look: Lookup = {
      get: (_kind, { name }) => (name === secret.metadata.name ? (secret as never) : undefined),
      list: () => [],
    };
    return makeBootstrapTokenReader(look, env)(presented);
  }

  test('tells who a token in force stands for', async () => {
    const groups = ['system:bootstrappers'];
    assert.deepEqual(await read(), { name: 'system:bootstrap:abcdef', groups });
    assert.deepEqual(await read({ expiration: inHours(1), 'auth-extra-groups': 'system:bootstrappers:x' }), {
      name: 'system:bootstrap:abcdef',
      groups: [...groups, 'system:bootstrappers:x'],
    });
  });

  const refused: [title: string, data: () => Record<string, string>, presented?: string, type?: string][] = [
    ['another secret', () => ({}), 'abcdef.0123456789abcdeX'.toLowerCase()],
    ['another shape', () => ({}), 'abcdef'],
    ['an unknown id', () => ({}), 'fedcba.0123456789abcdef'],
    ['one that is over', () => ({ expiration: inHours(-1) })],
    ['one whose end cannot be read', () => ({ expiration: 'soon' })],
    ['one for signing only', () => ({ 'usage-bootstrap-authentication': 'false' })],
    ['one that claims power', () => ({ 'auth-extra-groups': 'system:masters' })],
    ['a Secret of another type', () => ({}), token, 'Opaque'],
  ];
  for (const [title, data, presented, type] of refused) {
    test(`refuses ${title}`, async () => assert.equal(await read(data(), presented, type), undefined));
  }
});
