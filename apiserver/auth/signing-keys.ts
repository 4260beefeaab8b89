/** The keys of service account tokens, from their files. */
import { readFileSync } from 'node:fs';
import type { Env } from '#lib/env/env.ts';
import { followFiles } from '#lib/env/live-file.ts';
import type { Live } from '#lib/env/live-file.ts';
import { readJwtKey, readJwtSigner } from '#lib/pki/jwt.ts';
import type { TokenKeys } from './service-account-tokens.ts';

/**
 * As readTokenKeys(), from files and whenever they change. To replace the key that signs, have the new one believed wherever tokens are read, let it sign, and
 * drop the old one once its last token has ended.
 */
export function followTokenKeys(signerFile: string, otherFiles: readonly string[] = [], env: Env): Live<TokenKeys> {
  const pem = (file: string) => readFileSync(file, 'utf8');
  const read = () => readTokenKeys(pem(signerFile), otherFiles.map(pem));
  // The first is the one that signs.
  const idsOf = ({ keys }: TokenKeys) => keys.map(({ id }) => id).join();
  const isSame = (a: TokenKeys, b: TokenKeys) => idsOf(a) === idsOf(b);
  return followFiles('service account keys', [signerFile, ...otherFiles], read, isSame, env);
}

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
