/** The keys of a cluster, made once and kept in its `pki` folder; every file is written whole or not at all. */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { KeyPair, LeafRequest } from '#lib/pki/certificates.ts';
import type { ClusterLayout } from './layout.ts';

/** The maker of certificates is large and rarely needed: a warm start never loads it. */
const loadMaker = () => import('#lib/pki/certificates.ts');

/** A certificate with less life left than this is issued anew by the next `up`. */
const renewBeforeMs = 90 * 24 * 60 * 60 * 1000;

/** Makes what is missing, ends within the renewal time, or no longer names the right addresses. Idempotent. */
export async function layKeys(cluster: ClusterLayout, now: number): Promise<void> {
  mkdirSync(cluster.pkiDir, { recursive: true, mode: 0o700 });
  const authority = await authorityOf(cluster, now);
  const leaves = leavesOf(cluster);
  await Promise.all(
    Object.entries(leaves).map(([name, request]) => layLeaf(cluster.pkiDir, name, request, authority, now)),
  );
  const signing = `${cluster.pkiDir}/service-account.key`;
  if (!existsSync(signing)) write(signing, (await (await loadMaker()).makeSigningKey()).privatePem);
  const token = `${cluster.pkiDir}/tokens.csv`;
  if (!existsSync(token)) write(token, `${randomBytes(24).toString('hex')},admin,admin,"system:masters"\n`);
}

async function authorityOf(cluster: ClusterLayout, now: number): Promise<KeyPair> {
  const [certFile, keyFile] = [`${cluster.pkiDir}/ca.crt`, `${cluster.pkiDir}/ca.key`];
  if (existsSync(certFile)) return { certPem: readFileSync(certFile, 'utf8'), keyPem: readFileSync(keyFile, 'utf8') };
  const authority = await (await loadMaker()).makeAuthority(`wherry-${cluster.name}`, now);
  // The certificate last: it says that the pair is complete.
  write(keyFile, authority.keyPem);
  write(certFile, authority.certPem);
  return authority;
}

/** Name of the files -> what the certificate says. */
function leavesOf(cluster: ClusterLayout): Record<string, LeafRequest> {
  const { domain } = cluster;
  const nodes = cluster.nodes.map((node): [string, LeafRequest] => [
    node.name,
    {
      commonName: `system:node:${node.name}`,
      organizations: ['system:nodes'],
      dnsNames: [node.name],
      ipAddresses: [node.address, '127.0.0.1'],
      usages: ['server', 'client'],
    },
  ]);
  return {
    apiserver: {
      commonName: 'kube-apiserver',
      dnsNames: [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        `kubernetes.default.svc.${domain}`,
      ],
      ipAddresses: ['127.0.0.1', cluster.gateway, cluster.apiServiceAddress],
      usages: ['server', 'client'],
    },
    admin: { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'] },
    proxy: { commonName: 'system:kube-proxy', usages: ['client'] },
    ...Object.fromEntries(nodes),
  };
}

async function layLeaf(
  folder: string,
  name: string,
  request: LeafRequest,
  authority: KeyPair,
  now: number,
): Promise<void> {
  const [certFile, keyFile, askedFile] = [`${folder}/${name}.crt`, `${folder}/${name}.key`, `${folder}/${name}.asked`];
  const asked = createHash('sha256').update(JSON.stringify(request)).update(authority.certPem).digest('hex');
  const current =
    [certFile, keyFile, askedFile].every((file) => existsSync(file)) && readFileSync(askedFile, 'utf8') === asked;
  if (current && Date.parse(new X509Certificate(readFileSync(certFile)).validTo) - now > renewBeforeMs) return;
  const leaf = await (await loadMaker()).issue(authority, request, now);
  write(keyFile, leaf.keyPem);
  write(certFile, leaf.certPem);
  write(askedFile, asked);
}

function write(file: string, text: string): void {
  const temporary = `${file}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, file);
}
