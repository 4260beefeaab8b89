import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import { formatTime } from '#lib/meta/time.ts';
import { makeAuthority } from '#lib/pki/certificates.ts';
import { readRequest, signRequest } from '#lib/pki/certificate-requests.ts';
import { awaitsSigning, decide } from './decide.ts';
import { signers } from './signers.ts';

suite('certificates controller', () => {
  const now = Date.UTC(2026, 0, 2);
  const nobody = { commonName: 'jane', organizations: ['dev'], dnsNames: [], ipAddresses: [], others: [] };
  const node = { ...nobody, commonName: 'system:node:n1', organizations: ['system:nodes'] };

  function requestOf(types: string[], status: object = {}, ageMs = 0): CertificateSigningRequest {
    const lastUpdateTime = formatTime(now - ageMs);
    const conditions = types.map((type) => ({ type, status: 'True', lastUpdateTime }));
    return {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'jane', uid: 'u', resourceVersion: '1', creationTimestamp: formatTime(now - ageMs) },
      spec: { request: '', signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
      status: { conditions, ...status },
    } as unknown as CertificateSigningRequest;
  }

  async function pemFor(extensions: x509.Extension[] = []): Promise<string> {
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      publicExponent: new Uint8Array([1, 0, 1]),
      modulusLength: 2048,
    };
    const keys = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create(
      { name: [{ O: ['dev'] }, { CN: ['jane'] }], keys, signingAlgorithm: algorithm, extensions },
      webcrypto,
    );
    return request.toString('pem');
  }

  test('signers demand what upstream’s demand', () => {
    const refusal = (signer: string, subject: typeof nobody, usages: string[]) =>
      signers.get(`kubernetes.io/${signer}`)!(subject, usages);
    const client = 'kube-apiserver-client';
    assert.equal(refusal(client, nobody, ['client auth', 'digital signature']), undefined);
    assert.equal(
      refusal(client, nobody, ['client auth', 'server auth']),
      'invalid usage for client certificate: server auth',
    );
    assert.equal(
      refusal(client, nobody, ['digital signature']),
      'missing required usage for client certificate: client auth',
    );
    const kubelet = 'kube-apiserver-client-kubelet';
    assert.equal(refusal(kubelet, node, ['client auth', 'digital signature', 'key encipherment']), undefined);
    assert.equal(refusal(kubelet, nobody, ['client auth']), 'subject organization is not system:nodes');
    const serving = 'kubelet-serving';
    assert.equal(
      refusal(serving, { ...node, dnsNames: ['n1'] as never[] }, ['server auth', 'digital signature']),
      undefined,
    );
    assert.equal(refusal(serving, node, ['server auth', 'digital signature']), 'DNS or IP subjectAltName is required');
  });

  test('awaitsSigning() says so of what is approved and not yet signed', () => {
    assert.equal(awaitsSigning(requestOf([])), false);
    assert.equal(awaitsSigning(requestOf(['Approved'])), true);
    assert.equal(awaitsSigning(requestOf(['Approved', 'Failed'])), false);
    assert.equal(awaitsSigning(requestOf(['Denied'])), false);
    assert.equal(awaitsSigning(requestOf(['Approved'], { certificate: 'x' })), false);
  });

  test('decide() stores the certificate, or why there is none', () => {
    const [signed] = decide({ request: requestOf(['Approved']), outcome: { certificate: 'PEM' }, now });
    assert.ok(signed?.do === 'status');
    assert.equal((signed.object as CertificateSigningRequest).status?.certificate, 'UEVN');
    const [failed] = decide({ request: requestOf(['Approved']), outcome: { refused: 'no' }, now });
    assert.ok(failed?.do === 'status');
    const { type, reason, message } = (failed.object as CertificateSigningRequest).status!.conditions![1]!;
    assert.deepEqual([type, reason, message], ['Failed', 'SignerValidationFailure', 'no']);
  });

  test('decide() forgets requests when their time has come', () => {
    const hourMs = 3_600_000;
    const decided = (request: CertificateSigningRequest) => decide({ request, outcome: undefined, now })[0];
    assert.deepEqual(decided(requestOf([], {}, hourMs)), { do: 'wake', afterMs: 23 * hourMs });
    assert.equal(decided(requestOf([], {}, 24 * hourMs))?.do, 'delete');
    assert.equal(decided(requestOf(['Denied'], {}, hourMs))?.do, 'delete');
  });

  test('signRequest() signs what readRequest() reads', async () => {
    const authority = await makeAuthority('ca', now);
    const names = new x509.SubjectAlternativeNameExtension([
      { type: 'dns', value: 'a.local' },
      { type: 'ip', value: '10.0.0.1' },
    ]);
    const pem = await pemFor([names]);
    assert.deepEqual(await readRequest(pem), { ...nobody, dnsNames: ['a.local'], ipAddresses: ['10.0.0.1'] });
    const usages = ['client auth', 'digital signature'];
    const signed = new X509Certificate(
      await signRequest(authority, pem, { usages, notBefore: now, notAfter: now + 1000 }),
    );
    assert.equal(signed.verify(new X509Certificate(authority.certPem).publicKey), true);
    assert.equal(signed.subject, 'O=dev\nCN=jane');
    assert.equal(signed.subjectAltName, 'DNS:a.local, IP Address:10.0.0.1');
    assert.deepEqual(signed.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    await assert.rejects(readRequest('no request'));
  });
});
