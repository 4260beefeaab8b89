import assert from 'node:assert/strict';
import { makeKeyring, readDockerConfig, readDockercfg } from './keyring.ts';
import type { DockerAuths } from './keyring.ts';

const login = (username: string) => ({ username, password: 'p' });

suite('keyring', () => {
  for (const [address, repository, fits] of [
    ['registry.example', 'registry.example/team/app', true],
    ['https://registry.example', 'registry.example/team/app', true],
    ['http://registry.example/', 'registry.example/team/app', true],
    ['https://registry.example/v1/', 'registry.example/team/app', true],
    ['registry.example/v2/team', 'registry.example/team/app', true],
    ['registry.example/team', 'registry.example/team/app', true],
    ['registry.example/te', 'registry.example/team/app', true],
    ['registry.example/team/app/more', 'registry.example/team/app', false],
    ['registry.example/other', 'registry.example/team/app', false],
    ['registry.example:5000', 'registry.example/team/app', false],
    ['registry.example', 'registry.example:5000/team/app', false],
    ['registry.example:5000', 'registry.example:5000/app', true],
    ['*.example', 'registry.example/app', true],
    ['*.example', 'a.registry.example/app', false],
    ['*.registry.example', 'registry.example/app', false],
    ['reg*.example', 'registry.example/app', true],
    ['r?gistry.example', 'registry.example/app', true],
    ['[q-s]egistry.example', 'registry.example/app', true],
    ['[^q-s]egistry.example', 'registry.example/app', false],
    ['[.example', 'registry.example/app', false],
    ['registry.example/*', 'registry.example/app', false],
    ['registryXexample', 'registry.example/app', false],
    ['https://index.docker.io/v1/', 'docker.io/library/nginx', true],
    ['index.docker.io', 'docker.io/user/app', true],
    ['docker.io', 'docker.io/library/nginx', true],
    ['index.docker.io', 'registry.example/app', false],
    ['[::1]:5000', '[::1]:5000/app', true],
  ] as const)
    test(`a login for ${address} is ${fits ? '' : 'not '}for ${repository}`, () =>
      assert.equal(makeKeyring([{ [address]: login('me') }])(repository).length, fits ? 1 : 0));

  test('all that fit are given, those of the longest address first, then in the order of the configs', () => {
    const lookup = makeKeyring([
      { 'quay.example': login('host'), 'quay.example/team': login('team') },
      { 'https://quay.example': login('second'), '*.example': login('glob') },
    ]);
    assert.deepEqual(
      lookup('quay.example/team/app').map(({ username }) => username),
      ['team', 'host', 'second', 'glob'],
    );
  });

  test('the old address of Docker Hub serves only when nothing else fits', () => {
    const lookup = makeKeyring([{ 'https://index.docker.io/v1/': login('old'), 'docker.io/team': login('team') }]);
    assert.deepEqual(
      ['docker.io/team/app', 'docker.io/library/app'].map((repository) => lookup(repository)[0]?.username),
      ['team', 'old'],
    );
  });

  test('auth is base64 of name and password, and wins; what is none gives nothing', () => {
    const auth = Buffer.from('me:se:cret').toString('base64');
    const lookup = (auths: DockerAuths) => makeKeyring([auths])('a.example/x');
    assert.deepEqual(lookup({ 'a.example': { ...login('other'), auth } }), [{ username: 'me', password: 'se:cret' }]);
    assert.deepEqual(lookup({ 'a.example': { auth: '*' } }), []);
    assert.deepEqual(lookup({ 'a.example': { auth: Buffer.from('no colon').toString('base64') } }), []);
    assert.deepEqual(lookup({ 'a.example': { username: 'me' }, '': login('x') }), []);
  });

  test('readDockerConfig() looks under auths, readDockercfg() has no level above the addresses', () => {
    const auths = { 'a.example': login('me') };
    assert.deepEqual(readDockerConfig(JSON.stringify({ auths, credsStore: 'x' })), auths);
    assert.deepEqual(readDockercfg(JSON.stringify(auths)), auths);
    assert.deepEqual(readDockerConfig('{}'), {});
    assert.throws(() => readDockerConfig('auths'), SyntaxError);
  });
});
