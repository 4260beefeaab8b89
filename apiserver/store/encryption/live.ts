/** The encryption's configuration file, taken over whenever it changes: upstream does so too, when it is asked to. */
import { readFileSync } from 'node:fs';
import type { Env } from '#lib/env/env.ts';
import { followFiles } from '#lib/env/live-file.ts';
import { kinds } from '#lib/kinds/index.ts';
import { formsByKey } from './by-key.ts';
import { readEncryptionConfig } from './config.ts';
import type { Encryption } from './store.ts';

export interface LiveEncryption extends Encryption {
  close(): void;
}

/** Throws for a file that cannot be read at first. A later one with faults is told of, and what held before goes on. */
export function followEncryption(file: string, env: Env): LiveEncryption {
  const core = new Set(kinds.filter(({ group }) => group === '').map(({ plural }) => plural));
  const read = () => {
    const text = readFileSync(file, 'utf8');
    return { text, formsFor: formsByKey(readEncryptionConfig(text), core) };
  };
  const live = followFiles('encryption configuration', [file], read, (a, b) => a.text === b.text, env);
  return {
    get formsFor() {
      return live.current.formsFor;
    },
    onChange: live.onChange,
    close: live.close,
  };
}
