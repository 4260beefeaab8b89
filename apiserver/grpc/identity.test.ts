import assert from 'node:assert/strict';
import { Metadata } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import { byCertificate } from './identity.ts';

/** Calls on connections, and how often a certificate was read for them. */
function makeCalls() {
  let reads = 0;
  const call = (session: object | undefined, name: string | undefined) => ({
    metadata: new Metadata(),
    getAuthContext() {
      reads++;
      return name === undefined ? {} : { sslPeerCertificate: { subject: { CN: name, O: 'group' } } as PeerCertificate };
    },
    ...(session && { call: { stream: { session } } }),
  });
  return { call, reads: () => reads };
}

suite('apiserver/grpc/identity', () => {
  test('byCertificate() reads the certificate of a connection once, and of each connection its own', () => {
    const { call, reads } = makeCalls();
    const [one, two] = [{}, {}];
    assert.deepEqual(
      [call(one, 'a'), call(one, 'a'), call(two, 'b'), call(one, 'a')].map((each) => byCertificate(each).name),
      ['a', 'a', 'b', 'a'],
    );
    assert.equal(reads(), 2);
    assert.deepEqual(byCertificate(call(one, 'a')).groups, ['group', 'system:authenticated']);
  });

  test('byCertificate() remembers nothing of calls whose connection it cannot see', () => {
    const { call, reads } = makeCalls();
    for (const name of ['a', 'b']) assert.equal(byCertificate(call(undefined, name)).name, name);
    assert.equal(reads(), 2);
  });

  test('byCertificate() refuses who shows none, again and again', () => {
    const { call } = makeCalls();
    const connection = {};
    for (let i = 0; i < 2; i++)
      assert.throws(() => byCertificate(call(connection, undefined)), { reason: 'Unauthorized' });
  });
});
