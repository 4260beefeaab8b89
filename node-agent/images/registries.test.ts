import assert from 'node:assert/strict';
import { parseReference } from './reference.ts';
import { endpointsFor, noRegistries, readRegistries } from './registries.ts';

suite('registries', () => {
  const ends = (name: string, document: unknown) =>
    endpointsFor(parseReference(name), readRegistries(document)).map(({ url, path }) => `${url} ${path}`);

  test('endpointsFor() asks mirrors in order, then the registry itself', () => {
    const mirrors = {
      'docker.io': { endpoint: ['https://one.example:5000', 'http://two.example/v2/hub/', 'three.example'] },
    };
    assert.deepEqual(ends('nginx', { mirrors }), [
      'https://one.example:5000/v2 library/nginx',
      'http://two.example/v2/hub library/nginx',
      'https://three.example/v2 library/nginx',
      'https://registry-1.docker.io/v2 library/nginx',
    ]);
    assert.deepEqual(ends('quay.example/app', { mirrors }), ['https://quay.example/v2 app']);
  });

  test('endpointsFor() takes "*" for registries without mirrors of their own', () => {
    const mirrors = { '*': { endpoint: ['https://all.example'] }, 'quay.example': { endpoint: 'https://own.example' } };
    assert.equal(ends('quay.example/app', { mirrors })[0], 'https://own.example/v2 app');
    assert.equal(ends('other.example/app', { mirrors })[0], 'https://all.example/v2 app');
  });

  test('endpointsFor() rewrites paths for mirrors, never for the registry itself', () => {
    const rewrite = { '^never$': 'x', '^library/(.*)': 'hub/${1}-$1', '^.*$': 'last' };
    const mirrors = { 'docker.io': { endpoint: ['https://one.example'], rewrite } };
    assert.deepEqual(ends('nginx', { mirrors }), [
      'https://one.example/v2 hub/nginx-nginx',
      'https://registry-1.docker.io/v2 library/nginx',
    ]);
  });

  test('endpointsFor() speaks plain HTTP with loopback addresses', () => {
    for (const host of ['localhost:5000', '127.0.0.1:5000'])
      assert.deepEqual(ends(`${host}/app`, {}), [`http://${host}/v2 app`]);
  });

  test('endpointsFor() gives each endpoint the login and the TLS of its host', () => {
    const configs = {
      'one.example:5000': {
        auth: { username: 'u', password: 'p' },
        tls: { ca_file: '/ca', insecure_skip_verify: true },
      },
      'registry-1.docker.io': { auth: { auth: Buffer.from('a:b').toString('base64') } },
      '*': { tls: { cert_file: '/c', key_file: '/k' } },
    };
    const mirrors = { 'docker.io': { endpoint: ['https://one.example:5000', 'https://two.example'] } };
    const found = endpointsFor(parseReference('nginx'), readRegistries({ mirrors, configs }));
    assert.deepEqual(
      found.map(({ auth, tls }) => [auth, tls]),
      [
        [
          { username: 'u', password: 'p' },
          { caFile: '/ca', isUnchecked: true },
        ],
        [undefined, { certFile: '/c', keyFile: '/k', isUnchecked: false }],
        [{ username: 'a', password: 'b' }, undefined],
      ],
    );
  });

  test('readRegistries() takes an empty file', () => assert.deepEqual(readRegistries(null), noRegistries));

  for (const [document, because] of [
    ['text', /the file wants fields/],
    [{ mirror: {} }, /the file has the unknown field "mirror"/],
    [{ mirrors: { a: { endpoint: ['ftp://x'] } } }, /mirrors\.a\.endpoint: ftp:\/\/x is neither http nor https/],
    [{ mirrors: { a: { endpoint: [7] } } }, /mirrors\.a\.endpoint: 7 is no address/],
    [{ mirrors: { a: { endpoints: [] } } }, /mirrors\.a has the unknown field "endpoints"/],
    [{ mirrors: { a: { rewrite: { '(': 'x' } } } }, /mirrors\.a\.rewrite: \( is no regular expression/],
    [{ configs: { a: { auth: { username: 'u' } } } }, /configs\.a\.auth wants a username and a password/],
    [
      { configs: { a: { auth: { identity_token: 'secret' } } } },
      /configs\.a\.auth has the unknown field "identity_token"/,
    ],
    [{ configs: { a: { tls: { ca_file: 'relative' } } } }, /configs\.a\.tls\.ca_file wants a full path/],
    [{ configs: { a: { tls: { cert_file: '/c' } } } }, /wants cert_file and key_file together/],
  ] as const)
    test(`readRegistries() refuses ${JSON.stringify(document)}`, () =>
      assert.throws(() => readRegistries(document), because));
});
