import 'reflect-metadata';
import assert from 'node:assert/strict';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { certificateSigningRequest as kind } from '#lib/kinds/certificate-signing-request.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { organizationsOf } from './certificate-subject.ts';
import { certificateSubjectRestriction, makeCertificateApproval, makeCertificateSigning } from './certificates.ts';
import { objectOf, refusalBy, requestOf } from './fixture.ts';

const clientSigner = 'kubernetes.io/kube-apiserver-client';
const caller = { name: 'ann', groups: [] };

async function requestPem(subject: string): Promise<string> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const made = await Pkcs10CertificateRequestGenerator.create(
    { name: subject, keys, signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' } },
    webcrypto,
  );
  return made.toString('pem');
}

/** May do these things with signers: `verb name`. */
const allowing =
  (...allowed: string[]): Authorizer =>
  (_caller, attempt) => ({
    allowed: 'plural' in attempt && attempt.plural === 'signers' && allowed.includes(`${attempt.verb} ${attempt.name}`),
    reason: '',
  });

const asking = (signerName: string, more: object = {}) => objectOf(kind, 'r', { spec: { signerName }, ...more });

suite('admission of certificate signing requests', () => {
  test('organizationsOf() reads the subject of a request', async () => {
    assert.deepEqual(organizationsOf(await requestPem('CN=ann, O=dev, O=system:masters')), ['dev', 'system:masters']);
    assert.deepEqual(organizationsOf(await requestPem('CN=ann')), []);
    assert.throws(
      () => organizationsOf('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----'),
      {
        name: 'RequestSyntaxError',
      },
    );
    const { publicKey } = generateKeyPairSync('ed25519');
    assert.throws(() => organizationsOf(publicKey.export({ type: 'spki', format: 'pem' })), {
      name: 'RequestSyntaxError',
    });
  });

  test('nobody gets a client certificate of the masters', async () => {
    const ask = async (signerName: string, subject: string) => {
      const request = Buffer.from(await requestPem(subject)).toString('base64');
      const object = objectOf(kind, 'r', { spec: { signerName, request } });
      return refusalBy(certificateSubjectRestriction, requestOf(kind, object));
    };
    assert.equal(
      await ask(clientSigner, 'CN=ann, O=system:masters'),
      `certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of ${clientSigner} signer with system:masters group is not allowed`,
    );
    assert.equal(await ask(clientSigner, 'CN=ann, O=dev'), '');
    assert.equal(await ask('example.com/own', 'CN=ann, O=system:masters'), '');
  });

  test('approving takes the right to approve for the signer, or for its domain', () => {
    const approve = (authorize: Authorizer) => {
      const request = requestOf(kind, asking(clientSigner), {
        before: asking(clientSigner),
        subresource: 'approval',
        caller,
      });
      return refusalBy(makeCertificateApproval(authorize), request);
    };
    assert.match(
      approve(allowing()),
      /user not permitted to approve requests with signerName "kubernetes.io\/kube-api/,
    );
    assert.equal(approve(allowing(`approve ${clientSigner}`)), '');
    assert.equal(approve(allowing('approve kubernetes.io/*')), '');
  });

  test('signing takes the right to sign, where a certificate is written', () => {
    const sign = (authorize: Authorizer, status: object) => {
      const before = asking(clientSigner, { status: {} });
      const request = requestOf(kind, asking(clientSigner, { status }), { before, subresource: 'status', caller });
      return refusalBy(makeCertificateSigning(authorize), request);
    };
    assert.equal(sign(allowing(), {}), '');
    assert.match(sign(allowing(), { certificate: 'eA==' }), /user not permitted to sign requests with signerName "/);
    assert.equal(sign(allowing(`sign ${clientSigner}`), { certificate: 'eA==' }), '');
  });
});
