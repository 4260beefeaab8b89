/** Faults of requests for certificates (upstream's `validateCertificateSigningRequest`). */
import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { GoText, goQuote } from '#lib/meta/go-text.ts';
import { checkSignerName } from './checks/signers.ts';
import { oneOf } from './checks/values.ts';
import type { CertificateSigningRequest } from './gen/certificates-v1.ts';

type Faults = FieldError[];
type Request = CertificateSigningRequest;

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const minExpirationSeconds = 600;
const legacySigner = 'kubernetes.io/legacy-unknown';

/** `part` is what is written: '' for the whole, `status`, or `approval`. What was wrong before may stay so. */
export function checkRequest(now: Request, before: Request | undefined, part: '' | 'status' | 'approval'): Faults {
  const faults = [...checkSpec(now, before), ...checkConditions(now, before), ...checkCertificate(now, before)];
  return before ? [...faults, ...checkChange(now, before, part)] : faults;
}

function checkSpec({ spec }: Request, before: Request | undefined): Faults {
  const { signerName, expirationSeconds: seconds, usages: wanted = [] } = spec;
  const faults: Faults = [];
  if (!isRequest(spec.request)) {
    faults.push(invalid('spec.request', goBytes(spec.request), 'PEM block type must be CERTIFICATE REQUEST'));
  }
  if (wanted.length === 0) faults.push(required('spec.usages', 'usages must be provided'));
  const old: readonly string[] = before?.spec.usages ?? [];
  if (old.every((usage) => usages.includes(usage))) {
    for (const [i, usage] of wanted.entries()) {
      if (!usages.includes(usage)) faults.push(notSupported(`spec.usages[${i}]`, usage, usages));
    }
  }
  if (new Set(old).size === old.length) {
    for (const [i, usage] of wanted.entries()) {
      if (wanted.indexOf(usage) < i) faults.push(duplicate(`spec.usages[${i}]`, usage));
    }
  }
  const at = 'spec.signerName';
  if (signerName === legacySigner && before?.spec.signerName !== legacySigner) {
    faults.push(invalid(at, signerName, 'the legacy signerName is not allowed via this API version'));
  } else faults.push(...checkSignerName(at, signerName));
  if (seconds !== undefined && seconds < minExpirationSeconds) {
    const detail = `may not specify a duration less than ${minExpirationSeconds} seconds (10 minutes)`;
    faults.push(invalid('spec.expirationSeconds', seconds, detail));
  }
  return faults;
}

function isRequest(base64: string): boolean {
  return textOf(base64).includes('-----BEGIN CERTIFICATE REQUEST-----');
}

function textOf(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}

function goBytes(base64: string): GoText {
  const bytes = [...Uint8Array.fromBase64(base64)].map((byte) => `0x${byte.toString(16)}`);
  return new GoText(`[]byte{${bytes.join(', ')}}`);
}

function typesOf({ status }: Request): string[] {
  return (status?.conditions ?? []).map(({ type }) => type);
}

function checkConditions(now: Request, before: Request | undefined): Faults {
  const old = before ? typesOf(before) : [];
  const wasTorn = old.includes('Approved') && old.includes('Denied');
  const wasEmpty = old.includes('');
  const wasTwice = new Set(old).size < old.length;
  const seen = new Set<string>();
  return (now.status?.conditions ?? []).flatMap(({ type, status }, i) => {
    const at = `status.conditions[${i}]`;
    const faults: Faults = type || wasEmpty ? [] : [required(`${at}.type`)];
    const isFinal = ['Approved', 'Denied', 'Failed'].includes(type);
    faults.push(...oneOf(`${at}.status`, status, isFinal ? ['True'] : ['False', 'True', 'Unknown']));
    const opposite = { Approved: 'Denied', Denied: 'Approved' }[type];
    if (opposite && seen.has(opposite) && !wasTorn) {
      faults.push(invalid(`${at}.type`, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    if (seen.has(type) && !wasTwice) faults.push(duplicate(`${at}.type`, type));
    seen.add(type);
    return faults;
  });
}

function checkCertificate({ status }: Request, before: Request | undefined): Faults {
  const base64 = status?.certificate;
  if (!base64 || base64 === before?.status?.certificate) return [];
  const old = before?.status?.certificate;
  if (old && certificateFault(textOf(old)) !== undefined) return [];
  const fault = certificateFault(textOf(base64));
  return fault === undefined ? [] : [invalid('status.certificate', '<certificate data>', fault)];
}

/** What is wrong with a chain of certificates in PEM. */
function certificateFault(text: string): string | undefined {
  const blocks = [...text.matchAll(/-----BEGIN ([^\n-]*)-----\r?\n([^-]*)-----END \1-----/g)];
  for (const [, type = '', content = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${goQuote(type)}`;
    if (content.includes(':')) return 'no PEM block headers are permitted';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

/** A decision and a certificate, once there, stay; each is given where it belongs. */
function checkChange(now: Request, before: Request, part: '' | 'status' | 'approval'): Faults {
  const at = 'status.conditions';
  const ofType = ({ status }: Request, type: string) => (status?.conditions ?? []).filter((one) => one.type === type);
  const faults: Faults = [];
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (ofType(now, type).length < ofType(before, type).length) {
      faults.push(fieldForbidden(at, `updates may not remove a condition of type ${goQuote(type)}`));
    }
  }
  for (const type of part === 'approval' ? [] : ['Approved', 'Denied']) {
    const [next, old] = [ofType(now, type), ofType(before, type)];
    if (next.length < old.length) continue;
    if (next.length > old.length) {
      faults.push(fieldForbidden(at, `updates may not add a condition of type ${goQuote(type)}`));
    } else if (!equal(next, old)) {
      faults.push(fieldForbidden(at, `updates may not modify a condition of type ${goQuote(type)}\n`));
    }
  }
  const [next, old] = [now.status?.certificate ?? '', before.status?.certificate ?? ''];
  if (next === old) return faults;
  const path = 'status.certificate';
  if (part !== 'status') return [...faults, fieldForbidden(path, 'updates may not set certificate content')];
  return old ? [...faults, fieldForbidden(path, 'updates may not modify existing certificate content')] : faults;
}
