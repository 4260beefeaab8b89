import assert from 'node:assert/strict';
import { attemptAt } from './path-attempt.ts';

suite('attemptAt()', () => {
  const resource = (verb: string, group: string, plural: string, extra: object = {}) => ({
    verb,
    group,
    plural,
    subresource: '',
    namespace: '',
    name: '',
    ...extra,
  });
  const cases: [method: string, path: string, attempt: object][] = [
    ['GET', '/', { verb: 'get', path: '/' }],
    ['HEAD', '/apis', { verb: 'head', path: '/apis' }],
    ['GET', '/apis/apps/v1', { verb: 'get', path: '/apis/apps/v1' }],
    ['GET', '/api/v1/', { verb: 'get', path: '/api/v1/' }],
    ['GET', '/api/v1/things', resource('list', '', 'things')],
    ['POST', '/apis/x.io/v1/namespaces/a/things', resource('create', 'x.io', 'things', { namespace: 'a' })],
    [
      'DELETE',
      '/apis/x.io/v1/namespaces/a/things/t',
      resource('delete', 'x.io', 'things', { namespace: 'a', name: 't' }),
    ],
    ['DELETE', '/apis/x.io/v1/things', resource('deletecollection', 'x.io', 'things')],
    [
      'PUT',
      '/api/v1/namespaces/a/status',
      resource('update', '', 'namespaces', { namespace: 'a', name: 'a', subresource: 'status' }),
    ],
    [
      'GET',
      '/api/v1/namespaces/a/things/t/sub',
      resource('get', '', 'things', { namespace: 'a', name: 't', subresource: 'sub' }),
    ],
  ];
  for (const [method, path, attempt] of cases) {
    test(`${method} ${path}`, () => assert.deepEqual(attemptAt(method, path), attempt));
  }
});
