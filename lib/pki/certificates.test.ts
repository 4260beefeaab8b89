import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import tls from 'node:tls';
import type { AddressInfo } from 'node:net';
import { issue, makeAuthority } from './certificates.ts';

suite('certificates', () => {
  const now = Date.now();

  test('issue() makes leaves that the authority signed, with names and groups', async () => {
    const authority = await makeAuthority('test-ca', now);
    const leaf = await issue(
      authority,
      {
        commonName: 'jane',
        organizations: ['a', 'b'],
        dnsNames: ['x.local'],
        ipAddresses: ['127.0.0.1'],
        usages: ['client'],
      },
      now,
    );
    const certificate = new X509Certificate(leaf.certPem);
    assert.equal(certificate.verify(new X509Certificate(authority.certPem).publicKey), true);
    assert.equal(certificate.subject, 'O=a\nO=b\nCN=jane');
    assert.equal(certificate.subjectAltName, 'DNS:x.local, IP Address:127.0.0.1');
    assert.equal(certificate.checkPrivateKey(createPrivateKey(leaf.keyPem)), true);
    assert.ok(Date.parse(certificate.validTo) > now);
  });

  test('issue() makes certificates that TLS peers accept both ways', async () => {
    const authority = await makeAuthority('test-ca', now);
    const server = await issue(
      authority,
      { commonName: 'server', ipAddresses: ['127.0.0.1'], usages: ['server'] },
      now,
    );
    const client = await issue(authority, { commonName: 'client', usages: ['client'] }, now);
    const listener = tls.createServer({
      cert: server.certPem,
      key: server.keyPem,
      ca: authority.certPem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    listener.on('secureConnection', (socket) => socket.end(String(socket.getPeerCertificate().subject.CN)));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    try {
      const socket = tls.connect({
        port: (listener.address() as AddressInfo).port,
        host: '127.0.0.1',
        ca: authority.certPem,
        cert: client.certPem,
        key: client.keyPem,
      });
      const [data] = (await once(socket, 'data')) as [Buffer];
      assert.equal(data.toString(), 'client');
      socket.destroy();
    } finally {
      listener.close();
    }
  });

  test('issue() leaves are refused by peers that trust another authority', async () => {
    const [ours, theirs] = [await makeAuthority('ours', now), await makeAuthority('theirs', now)];
    const leaf = await issue(theirs, { commonName: 'mallory', usages: ['client'] }, now);
    assert.equal(new X509Certificate(leaf.certPem).verify(new X509Certificate(ours.certPem).publicKey), false);
  });
});
