import assert from 'node:assert/strict';
import { attemptOf } from '../auth/request-attempt.ts';
import { isLongRunning, requestInfoOf, scopeOf } from './request-info.ts';
import type { RequestInfo } from './request-info.ts';

const infoOf = (method: string, url: string): RequestInfo => {
  const [path = '', query = ''] = url.split('?');
  return requestInfoOf(method, path, new URLSearchParams(query));
};

/** What matters of an info, in one line. */
function text(info: RequestInfo): string {
  if (!info.isResource) return `${info.verb} ${info.path}`;
  const { verb, group, version, namespace, resource, name, subresource, rest } = info;
  const about = `${group || 'core'}/${version} ${resource}${subresource && `/${subresource}`}`;
  const more = [namespace && `ns=${namespace}`, name && `name=${name}`, rest && `rest=${rest}`];
  return [verb, about, ...more, `(${scopeOf(info)})`].filter(Boolean).join(' ');
}

suite('requestInfoOf()', () => {
  const cases: [method: string, url: string, wanted: string][] = [
    ['GET', '/', 'get /'],
    ['HEAD', '/apis', 'head /apis'],
    ['GET', '/api/v1', 'get /api/v1'],
    ['GET', '/api/v1/', 'get /api/v1/'],
    ['GET', '/apis/apps/v1', 'get /apis/apps/v1'],
    ['GET', '/apis//v1/pods', 'list core/v1 pods (cluster)'],
    ['POST', '/healthz/etcd', 'post /healthz/etcd'],
    ['GET', '/api/v1/pods', 'list core/v1 pods (cluster)'],
    ['HEAD', '/api/v1/pods', 'list core/v1 pods (cluster)'],
    ['GET', '/api/v1/pods/', 'list core/v1 pods (cluster)'],
    ['GET', '/api/v1/pods?watch', 'watch core/v1 pods (cluster)'],
    ['GET', '/api/v1/pods?watch=0', 'list core/v1 pods (cluster)'],
    ['GET', '/api/v1/watch/pods?watch=0', 'watch core/v1 pods (cluster)'],
    ['GET', '/api/v1/watch/namespaces/a/pods/b', 'watch core/v1 pods ns=a name=b (resource)'],
    ['GET', '/api/v1/proxy/nodes/n/x', 'proxy core/v1 nodes name=n (resource)'],
    ['GET', '/api/v1/namespaces/a/pods', 'list core/v1 pods ns=a (namespace)'],
    ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name=b', 'list core/v1 pods ns=a name=b (resource)'],
    ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name!=b', 'list core/v1 pods ns=a (namespace)'],
    ['GET', '/api/v1/namespaces/a/pods?fieldSelector=,,x', 'list core/v1 pods ns=a (namespace)'],
    ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name=..', 'list core/v1 pods ns=a (namespace)'],
    ['POST', '/api/v1/namespaces/a/pods', 'create core/v1 pods ns=a (resource)'],
    ['DELETE', '/api/v1/namespaces/a/pods', 'deletecollection core/v1 pods ns=a (namespace)'],
    ['GET', '/api/v1/namespaces/a/pods/b', 'get core/v1 pods ns=a name=b (resource)'],
    ['GET', '/api/v1/namespaces/a/pods/b?watch=1', 'get core/v1 pods ns=a name=b (resource)'],
    ['POST', '/api/v1/namespaces/a/pods/b/exec', 'create core/v1 pods/exec ns=a name=b (resource)'],
    ['OPTIONS', '/api/v1/namespaces/a/pods/b', 'core/v1 pods ns=a name=b (resource)'],
    ['GET', '/api/v1/namespaces/a/pods/b/proxy/x/y/', 'get core/v1 pods/proxy ns=a name=b rest=x/y (resource)'],
    ['GET', '/api/v1/namespaces', 'list core/v1 namespaces (cluster)'],
    ['GET', '/api/v1/namespaces/a', 'get core/v1 namespaces ns=a name=a (resource)'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update core/v1 namespaces/finalize ns=a name=a (resource)'],
    ['PUT', '/apis/x.io/v2/namespaces/a/things/t/sub', 'update x.io/v2 things/sub ns=a name=t (resource)'],
    ['DELETE', '/apis/x.io/v1/things', 'deletecollection x.io/v1 things (cluster)'],
    ['PATCH', '/apis/rbac.io/v1/roles/system%3Anode', 'patch rbac.io/v1 roles name=system:node (resource)'],
    ['GET', '/api/v1/namespaces/a%2Fpods%2Fb', 'get core/v1 pods ns=a name=b (resource)'],
    ['GET', '//api/v1/pods', 'list core/v1 pods (cluster)'],
    ['GET', '/api//v1/pods', 'get core/ v1 name=pods (resource)'],
  ];
  for (const [method, url, wanted] of cases)
    test(`${method} ${url}`, () => assert.equal(text(infoOf(method, url)), wanted));

  test('a path that cannot be decoded is told by a URIError', () => {
    assert.throws(() => infoOf('GET', '/api/v1/namespaces/%zz'), URIError);
    assert.throws(() => infoOf('GET', '/api/v1/namespaces/%ff'), URIError);
  });

  test('lists, watches and deletions of collections carry their selectors, unless the path says the verb', () => {
    const selectors = (method: string, path: string) => {
      const { labelSelector, fieldSelector } = infoOf(method, `${path}?labelSelector=a%3Db&fieldSelector=x%3Dy`);
      return [labelSelector, fieldSelector];
    };
    assert.deepEqual(selectors('GET', '/api/v1/pods'), ['a=b', 'x=y']);
    assert.deepEqual(selectors('DELETE', '/api/v1/pods'), ['a=b', 'x=y']);
    assert.deepEqual(selectors('GET', '/api/v1/watch/pods'), ['', '']);
    assert.deepEqual(selectors('GET', '/api/v1/namespaces/a/pods/b'), ['', '']);
    assert.deepEqual(selectors('GET', '/healthz'), ['', '']);
  });

  test('isLongRunning() tells watches and streams from requests that end', () => {
    const pod = '/api/v1/namespaces/a/pods/b';
    const long = ['/api/v1/pods?watch', '/api/v1/watch/pods', `${pod}/log`, `${pod}/exec`, `${pod}/proxy/x`];
    for (const url of long) assert.equal(isLongRunning(infoOf('GET', url)), true, url);
    for (const url of ['/api/v1/pods', pod, `${pod}/status`, '/apis', '/x/y/log'])
      assert.equal(isLongRunning(infoOf('GET', url)), false, url);
  });

  test('attemptOf() asks for the resource, or for the path', () => {
    assert.deepEqual(attemptOf(infoOf('GET', '/apis/apps/v1')), { verb: 'get', path: '/apis/apps/v1' });
    assert.deepEqual(attemptOf(infoOf('GET', '/apis/x.io/v1/things?fieldSelector=a%3Db')), {
      verb: 'list',
      group: 'x.io',
      plural: 'things',
      subresource: '',
      namespace: '',
      name: '',
      fieldSelector: 'a=b',
    });
  });
});
