/** What the API's types and fields mean, in a few words, for `kubectl explain`: read from `descriptions/*.txt`. */
import { readFileSync } from 'node:fs';

const files = ['general', 'pods', 'workloads', 'network', 'storage', 'nodes', 'access', 'extensions'];

interface TypeWords {
  /** What the type is. */
  own?: string;
  fields: Map<string, string>;
}

interface Words {
  types: Map<string, TypeWords>;
  /** Those whose names begin with `*`, by what follows it: for all types that end so. */
  endings: [ending: string, words: TypeWords][];
}

let read: Words | undefined;

/** A sentence on a type, by its definition's name, where there is more to say than of the fields of that type. */
export function typeDescription(definition: string): string | undefined {
  return wordsOf(definition)[0]?.own;
}

/** A sentence on a field of a definition, where there is one. */
export function fieldDescription(definition: string, field: string): string | undefined {
  return wordsOf(definition)
    .map(({ fields }) => fields.get(field))
    .find((text) => text !== undefined);
}

/** Every type that words are for, or a star and how types end, with the fields they tell of. */
export function describedFields(): { type: string; fields: string[] }[] {
  read ??= readFiles();
  return [...read.types].map(([type, { fields }]) => ({ type, fields: [...fields.keys()] }));
}

/** What is said of the type itself, then of those that end as it does, then of all. */
function wordsOf(definition: string): TypeWords[] {
  read ??= readFiles();
  const name = definition.slice(definition.lastIndexOf('.') + 1);
  const exact = read.types.get(name);
  const similar = read.endings.filter(([ending]) => name.endsWith(ending)).map(([, words]) => words);
  return exact ? [exact, ...similar] : similar;
}

/** A line `Type: sentence` or `Type:`, then lines `  field: sentence`. Longer endings come before shorter ones. */
function readFiles(): Words {
  const types = new Map<string, TypeWords>();
  let current: TypeWords = { fields: new Map() };
  for (const file of files) {
    const text = readFileSync(new URL(`./descriptions/${file}.txt`, import.meta.url), 'utf8');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const [, indent, name = '', sentence] = /^( *)([\w*]+)(?:: (.+)|:)?$/.exec(line) ?? [];
      if (indent === undefined)
        throw new Error(`Cannot read descriptions/${file}.txt: "${line}" is neither type nor field`);
      if (indent !== '') current.fields.set(name, sentence ?? '');
      else types.set(name, (current = { ...(sentence !== undefined && { own: sentence }), fields: new Map() }));
    }
  }
  const endings = [...types]
    .filter(([name]) => name.startsWith('*'))
    .map(([name, words]): [string, TypeWords] => [name.slice(1), words])
    .sort(([a], [b]) => b.length - a.length);
  return { types, endings };
}
