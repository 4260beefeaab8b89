import assert from 'node:assert/strict';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import { decideApproval, groundsFor, mayBeApproved } from './approve.ts';

const node = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  others: [],
};

const requestOf = (spec: object = {}, status: object = {}) =>
  ({
    metadata: { name: 'r', uid: 'u' },
    spec: {
      request: '',
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
      username: 'system:bootstrap:a1b2c3',
      ...spec,
    },
    status,
  }) as unknown as CertificateSigningRequest;

suite('certificate approver', () => {
  test('groundsFor() tells an agent that renews from one that is new, and knows nobody else', () => {
    const kinds = (request: CertificateSigningRequest, subject = node) =>
      groundsFor(request, subject).map(({ subresource }) => subresource);
    assert.deepEqual(kinds(requestOf()), ['nodeclient']);
    assert.deepEqual(kinds(requestOf({ username: 'system:node:n1' })), ['selfnodeclient', 'nodeclient']);
    assert.deepEqual(kinds(requestOf(), { ...node, commonName: 'jane' }), []);
    assert.deepEqual(kinds(requestOf(), { ...node, organizations: ['system:masters'] }), []);
    assert.deepEqual(kinds(requestOf({ usages: ['digital signature', 'server auth'] })), []);
  });

  test('mayBeApproved() lets alone what is decided, signed, going, or another signer’s', () => {
    assert.ok(mayBeApproved(requestOf()));
    for (const type of ['Approved', 'Denied'])
      assert.equal(mayBeApproved(requestOf({}, { conditions: [{ type, status: 'True' }] })), false);
    assert.equal(mayBeApproved(requestOf({}, { certificate: 'x' })), false);
    assert.equal(mayBeApproved(requestOf({ signerName: 'kubernetes.io/kube-apiserver-client' })), false);
  });

  test('decideApproval() approves on a ground, and else looks again later', () => {
    const [ground] = groundsFor(requestOf(), node);
    const [action, ...others] = decideApproval({ request: requestOf(), ground });
    assert.ok(action?.do === 'put' && others.length === 0);
    assert.equal(action.subresource, 'approval');
    assert.deepEqual((action.body as CertificateSigningRequest).status?.conditions, [
      {
        type: 'Approved',
        status: 'True',
        reason: 'AutoApproved',
        message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
      },
    ]);
    assert.deepEqual(decideApproval({ request: requestOf(), ground: undefined }), [{ do: 'wake', afterMs: 60_000 }]);
  });
});
