/** Keys that a JSON text gives twice in one map: JSON.parse() keeps the last of them without a word. */

/** Duplicates that are told; a text may have any number. */
const maxTold = 64;

/**
 * Paths such as `spec.containers[0].image`, in the order in which the repetitions stand. `value` is
 * what the text was parsed to, so the text is known to be JSON; it must not be deeply nested.
 */
export function duplicateKeys(text: string, value: unknown): string[] {
  // Nearly all texts have none, and counting is several times cheaper than keeping track of paths.
  return keysInText(text) === keysInValue(value) ? [] : repetitions(text);
}

function keysInText(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0;) {
    const end = endOfString(text, at);
    if (text.charCodeAt(afterSpace(text, end + 1)) === colon) count++;
    at = text.indexOf('"', end + 1);
  }
  return count;
}

function keysInValue(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + keysInValue(item), 0);
  const items = Object.values(value);
  return items.reduce((sum: number, item) => sum + keysInValue(item), items.length);
}

interface Frame {
  /** Where the map or list stands. */
  path: string;
  /** Undefined for a list. */
  seen: Set<string> | undefined;
  /** Where the member stands that is being read. */
  member: string;
  index: number;
}

function repetitions(text: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  const token = /["{}[\],]/g;
  for (let match = token.exec(text); match && found.length < maxTold; match = token.exec(text)) {
    const frame = frames.at(-1);
    switch (match[0]) {
      case '{':
      case '[': {
        const path = frame?.member ?? '';
        const seen = match[0] === '{' ? new Set<string>() : undefined;
        frames.push({ path, seen, member: seen ? path : `${path}[0]`, index: 0 });
        break;
      }
      case '}':
      case ']':
        frames.pop();
        break;
      case ',':
        if (frame && !frame.seen) frame.member = `${frame.path}[${++frame.index}]`;
        break;
      default: {
        const end = endOfString(text, match.index);
        token.lastIndex = end + 1;
        if (!frame?.seen || text.charCodeAt(afterSpace(text, end + 1)) !== colon) break;
        const key = (JSON.parse(text.slice(match.index, end + 1)) as string).toWellFormed();
        frame.member = frame.path ? `${frame.path}.${key}` : key;
        if (frame.seen.has(key)) found.push(frame.member);
        frame.seen.add(key);
      }
    }
  }
  return found;
}

const colon = 0x3a;
const backslash = 0x5c;

/** The closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

function afterSpace(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}
