/** The forms in which one resource's values are kept: plain or under some key, the first for writing and all for reading. */
import { makeAesCbc, makeAesGcm } from './ciphers.ts';
import type { Cipher } from './ciphers.ts';
import type { Provider } from './config.ts';

export interface Forms {
  /** The value as it is kept at `key`. */
  seal(plain: Buffer, key: string): Buffer;
  /** The value that was kept at `key`, and whether it would be kept in another form now. Throws when no form can read it. */
  open(kept: Buffer, key: string): { plain: Buffer; stale: boolean };
}

interface Form {
  /** What its values begin with; empty for plain ones. */
  prefix: Buffer;
  cipher: Cipher;
}

/** Upstream's words for what values under a provider's keys begin with. */
const families = { aesgcm: 'k8s:enc:aesgcm:v1:', aescbc: 'k8s:enc:aescbc:v1:' };
const ciphers = { aesgcm: makeAesGcm, aescbc: makeAesCbc };
const reserved = Buffer.from('k8s:enc:');
const none = Buffer.alloc(0);

/** The forms that these providers make. */
export function formsOf(providers: readonly Provider[]): Forms {
  const forms = providers.flatMap((provider): Form[] =>
    provider.type === 'identity'
      ? [{ prefix: none, cipher: plain }]
      : provider.keys.map(({ name, secret }) => ({
          prefix: Buffer.from(`${families[provider.type]}${name}:`),
          cipher: ciphers[provider.type](secret),
        })),
  );
  const [writing] = forms;
  return {
    seal: (value, key) =>
      writing!.prefix.length === 0 ? value : Buffer.concat([writing!.prefix, writing!.cipher.seal(value, key)]),
    open(kept, key) {
      const failures: Error[] = [];
      for (const [i, { prefix, cipher }] of forms.entries()) {
        if (!startsWith(kept, prefix) || (prefix.length === 0 && isSealed(kept))) continue;
        // Two keys may share a name while one takes the other's place: each is tried.
        try {
          return { plain: cipher.open(kept.subarray(prefix.length), key), stale: i > 0 };
        } catch (error) {
          failures.push(error as Error);
        }
      }
      throw unreadable(kept, providers, failures);
    },
  };
}

/** Whether a value is kept under some key. */
export function isSealed(kept: Buffer): boolean {
  return startsWith(kept, reserved);
}

const plain: Cipher = { seal: (value) => value, open: (value) => value };

/** In upstream's words. */
function unreadable(kept: Buffer, providers: readonly Provider[], failures: readonly Error[]): Error {
  const told = [...new Set(failures.map(({ message }) => message))];
  if (told.length === 1) return failures[0]!;
  if (told.length > 1) return new Error(`[${told.join(', ')}]`);
  const isOfFamily = ({ type }: Provider) => type !== 'identity' && startsWith(kept, Buffer.from(families[type]));
  return new Error(
    providers.some(isOfFamily)
      ? 'no matching key was found for the provided AES transformer'
      : 'no matching prefix found',
  );
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  return bytes.length >= prefix.length && prefix.compare(bytes, 0, prefix.length) === 0;
}
