/** Patterns in Go's syntax. They run in time proportional to the text, whatever the pattern: those who write objects choose the texts. */
import { RE2JS } from 're2js';

/** Compiled patterns that are kept. */
const cacheLimit = 2000;
const compiled = new Map<string, RE2JS>();

/** Whether the pattern occurs in the text. Throws for what is no pattern. */
export function occursIn(pattern: string, text: string): boolean {
  return compiledOf(pattern).matcher(text).find();
}

function compiledOf(pattern: string): RE2JS {
  let found = compiled.get(pattern);
  if (!found) {
    found = RE2JS.compile(pattern);
    if (compiled.size >= cacheLimit) compiled.delete(compiled.keys().next().value!);
    compiled.set(pattern, found);
  }
  return found;
}

/** What is wrong with a pattern; undefined when nothing is. */
export function patternFault(pattern: string): string | undefined {
  try {
    occursIn(pattern, '');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What the pattern finds in the text, at most so many; a negative number for all. */
export function findAll(pattern: string, text: string, most = -1): string[] {
  const matcher = compiledOf(pattern).matcher(text);
  const found: string[] = [];
  while (found.length !== most && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}
