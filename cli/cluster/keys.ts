/** The keys of a cluster, kept in its `pki` folder; every file is written whole or not at all. */
import { createHash, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { KeyPair, LeafRequest } from '#lib/pki/certificates.ts';
import type { ClusterLayout } from './layout.ts';

/** The maker of certificates is large and rarely needed: a warm start never loads it. */
const loadMaker = () => import('#lib/pki/certificates.ts');

/** What a cluster's certificates are good for. Times are in milliseconds since the epoch. */
export interface LaidKeys {
  /** When the first of them is to be issued anew. */
  dueMs: number;
  /** Until when the authority itself is valid. */
  authorityEndsMs: number;
}

/**
 * Makes what is missing, has less than a third of its life left, is not whole, or no longer names the right addresses. Idempotent; two at once end with pairs
 * that belong together.
 */
export async function layKeys(cluster: ClusterLayout, now: number): Promise<LaidKeys> {
  const { pkiDir } = cluster;
  mkdirSync(pkiDir, { recursive: true, mode: 0o700 });
  const authority = await authorityOf(cluster, now);
  const dues = Object.entries(leavesOf(cluster)).map(([name, request]) =>
    layLeaf(pkiDir, name, request, authority, now),
  );
  const signing = `${pkiDir}/service-account.key`;
  if (!existsSync(signing)) write(signing, (await (await loadMaker()).makeSigningKey()).privatePem);
  const token = `${pkiDir}/tokens.csv`;
  if (!existsSync(token)) write(token, `${randomBytes(24).toString('hex')},admin,admin,"system:masters"\n`);
  const encryption = `${pkiDir}/encryption.yaml`;
  if (!existsSync(encryption)) write(encryption, encryptionConfig(randomBytes(32)));
  return {
    dueMs: Math.min(...(await Promise.all(dues))),
    authorityEndsMs: new X509Certificate(authority.certPem).validToDate.getTime(),
  };
}

/** Secrets are written encrypted, by a key that they are lost without, and read even if they were written plain. */
function encryptionConfig(secret: Buffer): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aesgcm:
      keys:
      - name: key1
        secret: ${secret.toString('base64')}
  - identity: {}
`;
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

/** How often a pair that another has written over half-way is written again. */
const pairAttempts = 5;

/** Answers when the certificate is to be issued anew. */
async function layLeaf(
  folder: string,
  name: string,
  request: LeafRequest,
  authority: KeyPair,
  now: number,
): Promise<number> {
  const [certFile, keyFile, askedFile] = [`${folder}/${name}.crt`, `${folder}/${name}.key`, `${folder}/${name}.asked`];
  const asked = createHash('sha256').update(JSON.stringify(request)).update(authority.certPem).digest('hex');
  for (let attempt = 1; ; attempt++) {
    const isAsked = existsSync(askedFile) && readFileSync(askedFile, 'utf8') === asked;
    const due = isAsked ? dueOfPair(certFile, keyFile) : undefined;
    // One that has just been issued may be due already, where the authority itself is about to end.
    if (due !== undefined && (due > now || attempt > 1)) return due;
    if (attempt > pairAttempts) throw new Error(`Cannot write ${certFile} and its key: others write them too`);
    const leaf = await (await loadMaker()).issue(authority, request, now);
    write(keyFile, leaf.keyPem);
    write(certFile, leaf.certPem);
    write(askedFile, asked);
  }
}

/** When a third of the certificate's life will be left; undefined where there is no whole pair. */
function dueOfPair(certFile: string, keyFile: string): number | undefined {
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined;
  const certificate = new X509Certificate(readFileSync(certFile));
  if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))) return undefined;
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  return to - (to - from) / 3;
}

function write(file: string, text: string): void {
  const temporary = `${file}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, file);
}
