/** Certificates that the cluster gives: who may ask, who approves, what is signed, and what the result opens. */
import assert from 'node:assert/strict';
import { webcrypto, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import type { JsonGeneralNames } from '@peculiar/x509';
import { makeWorkloads } from './workloads.ts';
import type { Loose, Workloads } from './workloads.ts';

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const clientUses = ['digital signature', 'key encipherment', 'client auth'];

suite('certificate requests', () => {
  let space: Workloads;
  suiteSetup(async () => {
    space = await makeWorkloads('certificate-requests');
  });

  /** A key, and a request for it. */
  const makeRequest = async (subject: object[], names: JsonGeneralNames = []) => {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const made = await Pkcs10CertificateRequestGenerator.create(
      {
        name: subject as never,
        keys,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        extensions: names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [],
      },
      webcrypto,
    );
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    return {
      request: Buffer.from(made.toString('pem')).toString('base64'),
      keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    };
  };
  const ask = (name: string, spec: object, headers: Record<string, string> = {}) =>
    space.api.ask('POST', path, { body: { metadata: { name }, spec: { usages: clientUses, ...spec } }, headers });
  const condition = (type: string) => [{ type, status: 'True', reason: 'Test', message: 'm' }];
  const decide = async (name: string, type: string, headers: Record<string, string> = {}) => {
    const present = await space.get(`${path}/${name}`);
    const body = { ...present, status: { conditions: condition(type) } };
    return space.api.ask('PUT', `${path}/${name}/approval`, { body, headers });
  };
  const issued = async (name: string): Promise<string> => {
    let object: Loose;
    await space.until(`${name} is signed`, async () => {
      object = await space.get(`${path}/${name}`);
      return object.status?.certificate !== undefined;
    });
    return Buffer.from(object.status.certificate, 'base64').toString();
  };
  const failed = async (name: string): Promise<Loose> => {
    let found: Loose;
    await space.until(`${name} has failed`, async () => {
      const { status } = await space.get(`${path}/${name}`);
      found = status?.conditions?.find(({ type }: Loose) => type === 'Failed');
      return found !== undefined;
    });
    return found;
  };
  const whoIs = async (certPem: string, keyPem: string) => {
    const ca = readFileSync(join(space.api.folder, 'ca.crt'), 'utf8');
    const tls = { ca, cert: certPem, key: keyPem, agent: false as const };
    const headers = { 'content-type': 'application/json' };
    const sending = request(`${space.api.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
      ...tls,
      method: 'POST',
      headers,
    });
    sending.end('{}');
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    return ((await json(answer)) as Loose).status.userInfo as { username: string; groups: string[] };
  };

  test('whoever asks is written down, and an approved request becomes a certificate that lets in', async () => {
    const { request: pem, keyPem } = await makeRequest([{ O: ['dev'] }, { CN: ['ann'] }]);
    const as = { 'impersonate-user': 'asker', 'impersonate-group': 'system:masters' };
    const { code, body } = await ask(
      'ann',
      { request: pem, signerName: 'kubernetes.io/kube-apiserver-client', expirationSeconds: 7200, username: 'forged' },
      as,
    );
    assert.equal(code, 201, JSON.stringify(body));
    assert.deepEqual([body.spec.username, body.spec.groups], ['asker', ['system:masters', 'system:authenticated']]);
    assert.equal((await decide('ann', 'Approved')).code, 200);
    const certPem = await issued('ann');
    const certificate = new X509Certificate(certPem);
    assert.equal(certificate.subject, 'O=dev\nCN=ann');
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    const hours = (Date.parse(certificate.validTo) - Date.now()) / 3_600_000;
    assert.ok(hours > 1.9 && hours <= 2, `valid for ${hours} h`);
    const { username, groups } = await whoIs(certPem, keyPem);
    assert.deepEqual([username, groups], ['ann', ['dev', 'system:authenticated']]);
  });

  test('what is denied, or asks for what its signer does not give, becomes no certificate', async () => {
    const { request: pem } = await makeRequest([{ CN: ['ann'] }]);
    await ask('denied', { request: pem, signerName: 'kubernetes.io/kube-apiserver-client' });
    assert.equal((await decide('denied', 'Denied')).code, 200);
    const both = await decide('denied', 'Approved');
    assert.equal(both.code, 422);
    await ask('server', { request: pem, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['server auth'] });
    await decide('server', 'Approved');
    const { reason, message } = await failed('server');
    assert.deepEqual(
      [reason, message],
      ['SignerValidationFailure', 'invalid usage for client certificate: server auth'],
    );
    const serving = ['digital signature', 'server auth'];
    await ask('nameless', { request: pem, signerName: 'kubernetes.io/kubelet-serving', usages: serving });
    await decide('nameless', 'Approved');
    assert.match((await failed('nameless')).message, /subject organization is not system:nodes/);
    assert.equal((await space.get(`${path}/denied`)).status.certificate, undefined);
  });

  test('an agent’s serving certificate bears its names', async () => {
    const names: JsonGeneralNames = [
      { type: 'dns', value: 'n1' },
      { type: 'ip', value: '10.0.0.7' },
    ];
    const { request: pem } = await makeRequest([{ O: ['system:nodes'] }, { CN: ['system:node:n1'] }], names);
    await ask('serving', {
      request: pem,
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'server auth'],
    });
    await decide('serving', 'Approved');
    const certificate = new X509Certificate(await issued('serving'));
    assert.equal(certificate.subjectAltName, 'DNS:n1, IP Address:10.0.0.7');
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  });

  test('approving and signing take a right for the signer, and nobody asks for the administrators’ group', async () => {
    const { request: pem } = await makeRequest([{ CN: ['ann'] }]);
    await ask('guarded', { request: pem, signerName: 'example.com/mine' });
    const apiGroups = ['certificates.k8s.io'];
    const rules = [
      {
        apiGroups,
        resources: ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
        verbs: ['update'],
      },
    ];
    await space.create(`${rbac}/clusterroles`, { metadata: { name: 'updater' }, rules });
    const bind = (name: string) =>
      space.create(`${rbac}/clusterrolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'User', name: 'updater' }],
      });
    await bind('updater');
    const as = { 'impersonate-user': 'updater' };
    const refused = 'certificatesigningrequests.certificates.k8s.io "guarded" is forbidden: user not permitted to';
    const approval = await decide('guarded', 'Approved', as);
    assert.deepEqual(
      [approval.code, approval.body.message],
      [403, `${refused} approve requests with signerName "example.com/mine"`],
    );
    const present = await space.get(`${path}/guarded`);
    const signed = await space.api.ask('PUT', `${path}/guarded/status`, {
      body: { ...present, status: { conditions: condition('Failed') } },
      headers: as,
    });
    assert.deepEqual(
      [signed.code, signed.body.message],
      [403, `${refused} sign requests with signerName "example.com/mine"`],
    );
    const signers = { apiGroups, resources: ['signers'], resourceNames: ['example.com/*'], verbs: ['approve'] };
    await space.create(`${rbac}/clusterroles`, { metadata: { name: 'approver' }, rules: [signers] });
    await bind('approver');
    assert.equal((await decide('guarded', 'Approved', as)).code, 200);
    const { request: master } = await makeRequest([{ O: ['system:masters'] }, { CN: ['eve'] }]);
    const { code, body } = await ask('master', { request: master, signerName: 'kubernetes.io/kube-apiserver-client' });
    assert.deepEqual(
      [code, body.message],
      [
        403,
        'certificatesigningrequests.certificates.k8s.io "master" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
      ],
    );
  });

  test('a machine with a bootstrap token becomes a node, once its kind of machine may', async () => {
    await space.create('/api/v1/namespaces/kube-system/secrets', {
      metadata: { name: 'bootstrap-token-joins1' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'joins1',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:joining',
      },
    });
    const bind = (name: string, role: string) =>
      space.create(`${rbac}/clusterrolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'Group', name: 'system:bootstrappers:joining' }],
      });
    await bind('joining', 'system:node-bootstrapper');
    await bind('joining-approved', 'system:certificates.k8s.io:certificatesigningrequests:nodeclient');
    const { request: pem, keyPem } = await makeRequest([{ O: ['system:nodes'] }, { CN: ['system:node:newcomer'] }]);
    const spec = { request: pem, signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: clientUses };
    // Whoever may ask, but not for a node, waits for somebody to decide.
    await space.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: 'asking' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node-bootstrapper' },
      subjects: [{ kind: 'User', name: 'outsider' }],
    });
    assert.equal((await ask('outsider', spec, { 'impersonate-user': 'outsider' })).code, 201);
    const asked = await space.api.ask('POST', path, {
      token: 'joins1.0123456789abcdef',
      body: { metadata: { name: 'newcomer' }, spec },
    });
    assert.equal(asked.code, 201, JSON.stringify(asked.body));
    const certPem = await issued('newcomer');
    const { conditions } = (await space.get(`${path}/newcomer`)).status;
    assert.deepEqual(
      [conditions[0].reason, conditions[0].message],
      ['AutoApproved', 'Auto approving kubelet client certificate after SubjectAccessReview.'],
    );
    assert.deepEqual((await whoIs(certPem, keyPem)).groups, ['system:nodes', 'system:authenticated']);
    assert.deepEqual((await space.get(`${path}/outsider`)).status.conditions, undefined, 'somebody is to look at it');
  });
});
