/** X.509 certificates of a cluster: an authority of its own, and leaves for servers and clients. ECDSA P-256 throughout. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  certPem: string;
  keyPem: string;
}

export interface LeafRequest {
  /** The subject's CN: a user's name, for clients. */
  commonName: string;
  /** The subject's O: a user's groups, for clients. */
  organizations?: readonly string[];
  dnsNames?: readonly string[];
  ipAddresses?: readonly string[];
  usages: readonly ('server' | 'client')[];
}

/** How everything of the cluster is signed. */
export const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;
const authorityLifeMs = 10 * 365 * dayMs;
const leafLifeMs = 365 * dayMs;
/** Certificates are valid from a little before now, for machines whose clocks disagree. */
const backdateMs = 5 * 60 * 1000;

/** Makes a self-signed authority, valid for ten years. `now` is in milliseconds since the epoch. */
export async function makeAuthority(commonName: string, now: number): Promise<KeyPair> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: [{ CN: [commonName] }],
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(now + authorityLifeMs),
      signingAlgorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: toPem(certificate), keyPem: await keyToPem(keys.privateKey) };
}

/** Issues a leaf certificate, valid for a year, or for as long as its authority is. */
export async function issue(authority: KeyPair, request: LeafRequest, now: number): Promise<KeyPair> {
  const keys = await makeKeys();
  const issuer = new x509.X509Certificate(authority.certPem);
  const names: x509.JsonGeneralNames = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const purposes = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth };
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: [...(request.organizations ?? []).map((name) => ({ O: [name] })), { CN: [request.commonName] }],
      issuer: issuer.subject,
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(Math.min(now + leafLifeMs, issuer.notAfter.getTime())),
      signingAlgorithm,
      publicKey: keys.publicKey,
      signingKey: await keyFromPem(authority.keyPem),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension(request.usages.map((usage) => purposes[usage])),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    },
    webcrypto,
  );
  return { certPem: toPem(certificate), keyPem: await keyToPem(keys.privateKey) };
}

/** A key pair for signing service account tokens (ES256): private PKCS#8 and public SPKI, both PEM. */
export async function makeSigningKey(): Promise<{ privatePem: string; publicPem: string }> {
  const keys = await makeKeys();
  const publicDer = await webcrypto.subtle.exportKey('spki', keys.publicKey);
  return {
    privatePem: await keyToPem(keys.privateKey),
    publicPem: `${x509.PemConverter.encode(publicDer, 'PUBLIC KEY')}\n`,
  };
}

function makeKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

/** The private key of an authority. */
export function keyFromPem(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decode(pem)[0]!, signingAlgorithm, false, ['sign']);
}

/** A certificate as a PEM file holds it. */
export function toPem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

/** 128 random bits with the top one clear: a positive serial number, as RFC 5280 asks. */
export function newSerial(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
