/** The ciphers by which values are kept, in upstream's formats: values that either server has written, the other can read. */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** Makes bytes unreadable and readable again. `context` is where they belong. */
export interface Cipher {
  seal(plain: Buffer, context: string): Buffer;
  /** Throws when the bytes are not what this key has sealed. */
  open(sealed: Buffer, context: string): Buffer;
}

const nonceBytes = 12;
const tagBytes = 16;
const blockBytes = 16;

/**
 * AES-GCM with a random nonce: nonce, ciphertext, tag. A value is bound to its context, so that one copied elsewhere cannot be opened. With random nonces one
 * key is good for 2^32 values (NIST SP 800-38D, 8.3): a hundred writes a second for a year. Then it must be rotated.
 */
export function makeAesGcm(secret: Buffer): Cipher {
  const key = createSecretKey(secret);
  const algorithm = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    seal(plain, context) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(context));
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      if (sealed.length < nonceBytes + tagBytes) throw tooShort();
      const cipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(-tagBytes));
      const plain = cipher.update(sealed.subarray(nonceBytes, -tagBytes));
      return attempted('cipher: message authentication failed', () => Buffer.concat([plain, cipher.final()]));
    },
  };
}

/** AES-CBC with a random first block and PKCS #7 padding. It notices neither tampering nor values that were moved; for clusters that have such values. */
export function makeAesCbc(secret: Buffer): Cipher {
  const key: KeyObject = createSecretKey(secret);
  const algorithm = `aes-${secret.length * 8}-cbc`;
  return {
    seal(plain) {
      const first = randomBytes(blockBytes);
      const cipher = createCipheriv(algorithm, key, first);
      return Buffer.concat([first, cipher.update(plain), cipher.final()]);
    },
    open(sealed) {
      if (sealed.length < blockBytes) throw tooShort();
      if (sealed.length % blockBytes !== 0) throw new Error('the stored data is not a multiple of the block size');
      const cipher = createDecipheriv(algorithm, key, sealed.subarray(0, blockBytes));
      const plain = cipher.update(sealed.subarray(blockBytes));
      return attempted('invalid padding on input', () => Buffer.concat([plain, cipher.final()]));
    },
  };
}

const tooShort = () => new Error('the stored data was shorter than the required size');

function attempted(otherwise: string, run: () => Buffer): Buffer {
  try {
    return run();
  } catch (error) {
    throw new Error(otherwise, { cause: error });
  }
}
