import assert from 'node:assert/strict';
import { builtIn } from '#lib/kinds/index.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { seatsOf } from './width.ts';

suite('seatsOf()', () => {
  const stored = new Map([
    ['/registry/pods/', 5000],
    ['/registry/pods/a/', 250],
  ]);
  const seats = (method: string, url: string, { bodyBytes = 0, widest = 80 } = {}) => {
    const { pathname, searchParams } = new URL(url, 'https://x');
    const info = requestInfoOf(method, pathname, searchParams);
    return seatsOf(info, searchParams, bodyBytes, widest, { count: (prefix) => stored.get(prefix) ?? 0 }, builtIn);
  };

  test('a list takes a seat for every hundred objects that are looked at', () => {
    assert.equal(seats('GET', '/api/v1/namespaces/a/pods'), 3);
    assert.equal(seats('GET', '/api/v1/pods'), 50);
    assert.equal(seats('GET', '/api/v1/pods', { widest: 4 }), 4);
    assert.equal(seats('GET', '/api/v1/pods?limit=150'), 2);
    assert.equal(seats('GET', '/api/v1/pods?limit=150&labelSelector=a'), 50);
    assert.equal(seats('GET', '/api/v1/namespaces/b/pods'), 1);
    assert.equal(seats('GET', '/api/v1/pods?fieldSelector=metadata.name%3Dx'), 1);
    assert.equal(seats('GET', '/apis/unknown/v1/things'), 1);
  });

  test('a watch takes as many only if it begins with what there is', () => {
    assert.equal(seats('GET', '/api/v1/namespaces/a/pods?watch=true'), 3);
    assert.equal(seats('GET', '/api/v1/namespaces/a/pods?watch=true&resourceVersion=7'), 1);
    assert.equal(seats('GET', '/api/v1/namespaces/a/pods?watch=true&resourceVersion=7&sendInitialEvents=true'), 3);
    assert.equal(seats('GET', '/api/v1/namespaces/a/pods?watch=true&sendInitialEvents=false'), 1);
  });

  test('a deletion of a collection takes as many as its list, a large body one for every 64 KiB', () => {
    assert.equal(seats('DELETE', '/api/v1/namespaces/a/pods'), 3);
    assert.equal(seats('POST', '/api/v1/namespaces/a/configmaps', { bodyBytes: 1000 }), 1);
    assert.equal(seats('POST', '/api/v1/namespaces/a/configmaps', { bodyBytes: 1024 * 1024 }), 17);
  });

  test('everything else takes one', () => {
    assert.equal(seats('POST', '/api/v1/namespaces/a/pods'), 1);
    assert.equal(seats('GET', '/api/v1/namespaces/a/pods/p'), 1);
    assert.equal(seats('GET', '/version'), 1);
  });
});
