/** Who may what: `auth`, impersonation, roles, certificate requests. */
import assert from 'node:assert/strict';
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { KubectlRun } from './run.ts';

export async function rule(kubectl: KubectlRun): Promise<void> {
  const { run, refuse, all, file, name, minor } = kubectl;
  assert.equal(await run('auth', 'can-i', 'delete', 'nodes'), 'yes\n');
  const bob = ['--as=bob', '--as-group=system:authenticated'];
  const denied = await all('auth', 'can-i', 'list', 'pods', ...bob);
  assert.deepEqual([denied.exitCode, denied.stdout], [1, 'no\n']);
  assert.equal(
    await refuse('get', 'pods', ...bob),
    `Error from server (Forbidden): pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "${name}"\n`,
  );
  await run('create', 'role', 'looker', '--verb=get,list', '--resource=pods');
  await run('create', 'rolebinding', 'lookers', '--role=looker', '--user=bob');
  assert.match(await run('auth', 'can-i', '--list', ...bob), /^pods +\[\] +\[\] +\[get list\]$/m);
  await run('get', 'pods', ...bob);
  assert.match(await run('describe', 'role', 'looker'), /^ +pods +\[\] +\[\] +\[get list\]$/m);
  const more = file('role.json', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'looker', namespace: name },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
  });
  assert.match(await run('auth', 'reconcile', '-f', more), /role\.rbac\.authorization\.k8s\.io\/looker reconciled/);
  if (minor >= 28) assert.match(await run('auth', 'whoami', ...bob), /Username +bob/);
  await certificates(kubectl);
}

async function certificates({ run, file, name }: KubectlRun): Promise<void> {
  for (const [verb, condition] of [
    ['approve', 'Approved'],
    ['deny', 'Denied'],
  ] as const) {
    const request = `${verb}-${name}`;
    const body = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: request },
      spec: {
        request: await certificateRequest(),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
      },
    };
    await run('create', '-f', file('request.json', body));
    assert.match(await run('certificate', verb, request), new RegExp(`${request} ${condition.toLowerCase()}`));
    assert.match(await run('get', 'csr', request), new RegExp(condition));
    await run('delete', 'csr', request);
  }
}

/** A request in PEM, as base64. */
async function certificateRequest(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const request = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=ann', keys, signingAlgorithm }, webcrypto);
  return Buffer.from(request.toString('pem')).toString('base64');
}
