/** YAML bodies: the first document of each, as upstream reads them, within bounds on the work that a small text can make. */
import { Composer, Lexer, Parser, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Document, ParsedNode } from 'yaml';
import { ApiError, badRequest } from '#lib/meta/errors.ts';

/** Aliases that a body may expand to, against documents that grow without bound. */
const aliasLimit = 100;

/** Lexical tokens of a body, some seven a line: parsing takes about a microsecond for each. */
const tokenLimit = 250_000;

/** Repeated keys that are told. */
const maxTold = 64;

/** The first document of a text, and what is to be said of keys it gives twice. No document at all is null, as an empty one. */
export function parseYaml(text: string): { value: unknown; duplicates: string[] } {
  const document = firstDocument(text);
  if (!document) return { value: null, duplicates: [] };
  const [fault] = document.errors;
  if (fault) throw badRequest(faultText(inGo(fault), lineAt(text, fault.pos[0])));
  const duplicates = repetitions(document, text);
  try {
    return { value: document.toJS({ maxAliasCount: aliasLimit }), duplicates };
  } catch (error) {
    throw badRequest(faultText((error as Error).message));
  }
}

/** Parses token by token, so that it can stop. Keys are looked over afterwards: the parser's own check takes quadratic time. */
function firstDocument(text: string): Document.Parsed<ParsedNode> | undefined {
  const parser = new Parser();
  const composer = new Composer<ParsedNode>({ uniqueKeys: false, version: '1.1' });
  let count = 0;
  for (const token of new Lexer().lex(text)) {
    if (++count > tokenLimit) {
      throw new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${tokenLimit} tokens of YAML`);
    }
    for (const part of parser.next(token)) for (const document of composer.next(part)) return document;
  }
  for (const part of parser.end()) for (const document of composer.next(part)) return document;
  for (const document of composer.end()) return document;
  return undefined;
}

/** Go's complaint about the keys that a text gives twice, a line of its own for each; none when there are none. Throws for keys that JSON cannot have. */
function repetitions(document: Document, text: string): string[] {
  const found: { name: string; value: ParsedNode }[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key, value } of map.items) {
        if (isMap(key) || isSeq(key)) throw badRequest(faultText('invalid map key'));
        const name = isScalar(key) ? String(key.value) : '';
        if (seen.has(name)) found.push({ name, value: (value ?? key) as ParsedNode });
        seen.add(name);
      }
    },
  });
  // Go notes a key when it has read its value.
  const lines = found
    .sort((a, b) => a.value.range[1] - b.value.range[1])
    .slice(0, maxTold)
    .map(({ name, value }) => {
      return `\n  line ${lineAt(text, value.range[0])}: key ${JSON.stringify(name)} already set in map`;
    });
  return lines.length > 0 ? [`yaml: unmarshal errors:${lines.join('')}`] : [];
}

/** Lines begin with 1. */
function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

/** What Go's parser says where ours says something else, by the code of the fault. */
const goWords: Readonly<Record<string, string>> = {
  BAD_INDENT: 'did not find expected key',
  BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context',
  MULTILINE_IMPLICIT_KEY: "could not find expected ':'",
  TAB_AS_INDENT: 'found character that cannot start any token',
};

function inGo({ code, message }: { code: string; message: string }): string {
  const bracket = code === 'MISSING_CHAR' ? /end with an? ([\]}])/.exec(message)?.[1] : undefined;
  if (bracket) return `did not find expected ',' or '${bracket}'`;
  if (code === 'MISSING_CHAR' && message.includes('quote')) return 'found unexpected end of stream';
  return goWords[code] ?? message;
}

function faultText(message: string, line?: number): string {
  // The parser recurses, and says so when it has gone too deep.
  const because = message.startsWith('Maximum call stack') ? 'exceeded max depth' : message.split('\n', 1)[0];
  return `error converting YAML to JSON: yaml: ${line === undefined ? '' : `line ${line}: `}${because}`;
}
