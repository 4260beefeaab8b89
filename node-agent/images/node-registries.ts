/** What a node is told about registries, followed live: `registries.yaml` and Docker's `config.json` in its folder. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { followFiles } from '#lib/env/live-file.ts';
import { makeKeyring, readDockerConfig } from './keyring.ts';
import { noRegistries, readRegistries } from './registries.ts';
import type { Registries } from './registries.ts';
import { ignoreMissing } from './store.ts';
import type { Credentials } from './types.ts';

export interface NodeRegistries {
  /** As of now: a pull that starts later follows a changed file. */
  registries(): Promise<Registries>;
  credentials: Credentials;
  close(): void;
}

/** Neither file need exist. One that cannot be read is told of in the log, and the last good one holds; at the start that is none. */
export function followNodeRegistries(folder: string, env: Env): NodeRegistries {
  const mirrorsFile = path.join(folder, 'registries.yaml');
  const loginsFile = path.join(folder, 'config.json');
  let registries = Promise.resolve(noRegistries);
  let credentials = makeKeyring([]);

  const takeMirrors = (text: string) => {
    const before = registries;
    registries = parse(text).catch((error: unknown) => {
      env.log.error('Cannot read the registries; what was read before holds', { file: mirrorsFile, error });
      return before;
    });
  };
  const takeLogins = (text: string) => {
    try {
      credentials = makeKeyring(text === '' ? [] : [readDockerConfig(text)]);
    } catch {
      // Without the cause, whose message may quote a secret.
      env.log.error('Cannot read the registry logins: not JSON; what was read before holds', { file: loginsFile });
    }
  };

  const follow = (what: string, file: string, take: (text: string) => void) => {
    const live = followFiles(
      what,
      [file],
      () => textOf(file),
      (a, b) => a === b,
      env,
    );
    take(live.current);
    live.onChange(take);
    return live;
  };
  const followed = [follow('registries', mirrorsFile, takeMirrors), follow('registry logins', loginsFile, takeLogins)];
  return {
    registries: () => registries,
    credentials: (repository) => credentials(repository),
    close: () => followed.forEach((live) => live.close()),
  };
}

/** The parser is loaded by the few nodes that have such a file. */
async function parse(text: string): Promise<Registries> {
  if (text.trim() === '') return noRegistries;
  const { parse: parseYaml } = await import('yaml');
  // Pretty errors quote lines, which may hold a password.
  return readRegistries(parseYaml(text, { prettyErrors: false, schema: 'failsafe' }));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return ignoreMissing(error) ?? '';
  }
}
