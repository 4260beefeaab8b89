/** Certificates for keys of others: reading PKCS #10 requests and signing what they ask for. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { keyFromPem, newSerial, signingAlgorithm, toPem } from './certificates.ts';
import type { KeyPair } from './certificates.ts';

/** What a request says of whom it is for. */
export interface RequestedSubject {
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  /** Email addresses and URIs. */
  others: string[];
}

/** Purposes in the words of `certificates.k8s.io`, as bits of the key usage extension. */
const keyUsages: Readonly<Record<string, x509.KeyUsageFlags>> = {
  signing: x509.KeyUsageFlags.digitalSignature,
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'content commitment': x509.KeyUsageFlags.nonRepudiation,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
  'data encipherment': x509.KeyUsageFlags.dataEncipherment,
  'key agreement': x509.KeyUsageFlags.keyAgreement,
};

const extendedUsages: Readonly<Record<string, x509.ExtendedKeyUsageType>> = {
  'client auth': x509.ExtendedKeyUsage.clientAuth,
  'server auth': x509.ExtendedKeyUsage.serverAuth,
};

/** Reads a request in PEM; rejects when it is none, or is not signed by its own key. */
export async function readRequest(pem: string): Promise<RequestedSubject> {
  const request = await verified(pem);
  const names = namesOf(request)?.names.items ?? [];
  const ofType = (...types: string[]) => names.filter(({ type }) => types.includes(type)).map(({ value }) => value);
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: ofType('dns'),
    ipAddresses: ofType('ip'),
    others: ofType('email', 'url'),
  };
}

/** Signs a request for these usages; `notBefore` and `notAfter` in milliseconds since the epoch. Answers the certificate in PEM. */
export async function signRequest(
  authority: KeyPair,
  pem: string,
  { usages, notBefore, notAfter }: { usages: readonly string[]; notBefore: number; notAfter: number },
): Promise<string> {
  const request = await verified(pem);
  const issuer = new x509.X509Certificate(authority.certPem);
  const names = namesOf(request);
  const bits = usages.flatMap((usage) => keyUsages[usage] ?? []);
  const purposes = usages.flatMap((usage) => extendedUsages[usage] ?? []);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: request.subjectName,
      issuer: issuer.subjectName,
      notBefore: new Date(notBefore),
      notAfter: new Date(Math.min(notAfter, issuer.notAfter.getTime())),
      signingAlgorithm,
      publicKey: request.publicKey,
      signingKey: await keyFromPem(authority.keyPem),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        ...(bits.length === 0
          ? []
          : [
              new x509.KeyUsagesExtension(
                bits.reduce((all, bit): x509.KeyUsageFlags => all | bit),
                true,
              ),
            ]),
        ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(purposes)]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
        ...(names ? [names] : []),
      ],
    },
    webcrypto,
  );
  return toPem(certificate);
}

function namesOf({ extensions }: x509.Pkcs10CertificateRequest): x509.SubjectAlternativeNameExtension | undefined {
  return extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
}

async function verified(pem: string): Promise<x509.Pkcs10CertificateRequest> {
  const request = new x509.Pkcs10CertificateRequest(pem);
  if (!(await request.verify(webcrypto))) throw new Error('unable to verify the signature of the request');
  return request;
}
