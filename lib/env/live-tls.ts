/** Certificates, keys and authorities in files, taken over by whoever uses them when the files change. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Env } from './env.ts';
import { followFiles } from './live-file.ts';
import type { Live } from './live-file.ts';

/** PEM files: the authorities that peers are checked against, and our own certificate with its key. */
export interface TlsFiles {
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

/** What is in them. A certificate never comes without its key. */
export interface TlsMaterial {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

export type LiveTls = Live<TlsMaterial>;

/**
 * Reads the files, and again whenever they change. A certificate whose new key is not there yet, or a file that is not whole, changes nothing: the next change tells
 * of the rest. At first it throws what is wrong with them.
 */
export function followTls({ caFile, certFile, keyFile }: TlsFiles, env: Env): LiveTls {
  const files = [caFile, certFile, keyFile].filter((file) => file !== undefined);
  const read = (): TlsMaterial => {
    const ca = caFile === undefined ? undefined : readFileSync(caFile);
    if (ca) checkAuthorities(ca, caFile!);
    if (certFile === undefined || keyFile === undefined) return { ...(ca && { ca }) };
    const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)];
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
      throw new Error(`Cannot use ${certFile} with ${keyFile}: the key is another certificate's`);
    return { ...(ca && { ca }), cert, key };
  };
  return followFiles('certificates', files, read, isSame, env);
}

/** Every certificate in a bundle must be readable: one that is cut short leaves clients out. */
function checkAuthorities(bundle: Buffer, file: string): void {
  const blocks = bundle.toString('latin1').split(/(?=-----BEGIN CERTIFICATE-----)/);
  const certificates = blocks.filter((block) => block.startsWith('-----BEGIN'));
  if (certificates.length === 0) throw new Error(`Cannot use ${file}: it holds no certificate`);
  for (const pem of certificates) void new X509Certificate(pem);
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return isEqual(a.ca, b.ca) && isEqual(a.cert, b.cert) && isEqual(a.key, b.key);
}

function isEqual(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.equals(b));
}
