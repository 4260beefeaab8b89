/** The keys of service account tokens, from their files' texts. */
import { readJwtKey, readJwtSigner } from '#lib/pki/jwt.ts';
import type { TokenKeys } from './service-account-tokens.ts';

/** `signerPem` is the private key; `otherPems` hold one or more keys each whose tokens are believed besides. Throws for what is no key. */
export function readTokenKeys(signerPem: string, otherPems: readonly string[] = []): TokenKeys {
  const signer = readJwtSigner(signerPem);
  const { privateKey: _p, ...own } = signer;
  const others = otherPems.flatMap(blocksOf).map(readJwtKey);
  return { signer, keys: [...new Map([own, ...others].map((key) => [key.id, key])).values()] };
}

function blocksOf(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g);
  if (!blocks) throw new TypeError('Cannot read keys of tokens: the file holds none in PEM');
  // Beside some keys stands how their curve looks.
  return blocks.filter((block) => !block.includes('EC PARAMETERS'));
}
