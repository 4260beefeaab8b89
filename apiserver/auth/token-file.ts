/** Static bearer tokens: lines of `token,user,uid,"group1,group2"`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../verbs/types.ts';
import type { TokenReader } from './authenticate.ts';

/** Reads the text of a token file; throws for a line that is none, without repeating it. */
export function readTokenFile(text: string): TokenReader {
  const known = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line, i) => {
      const [token, name, uid, groups = ''] = columnsOf(line);
      if (!token || !name || !uid) throw new Error(`Cannot read the token file: entry ${i + 1} has too few columns`);
      const caller: Caller = { name, uid, groups: groups.split(',').filter((group) => group !== '') };
      return { digest: digestOf(token), caller };
    });
  /** Tokens that have been found good. Looking a guess up compares it with none of them, for its hash, which nobody can foresee, is another. */
  const found = new Map<string, Caller>();
  return async (token) => {
    const good = found.get(token);
    if (good) return good;
    const digest = digestOf(token);
    const caller = known.find((entry) => timingSafeEqual(entry.digest, digest))?.caller;
    if (caller) found.set(token, caller);
    return caller;
  };
}

/** Digests have one length, so that comparing them tells nothing of the token. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function columnsOf(line: string): string[] {
  return [...line.matchAll(/(?:"([^"]*)"|([^,]*))(?:,|$)/g)].map((match) => (match[1] ?? match[2] ?? '').trim());
}
