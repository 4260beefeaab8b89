/** What is wrong with a text that is no JSON, in the words of Go's `encoding/json`, which clients are used to. */

/** The first fault; undefined when the text is JSON. */
export function jsonFault(text: string): string | undefined {
  const scanner = makeScanner();
  for (let at = 0; at < text.length; at++) {
    const fault = scanner.step(text[at]!);
    if (fault !== undefined) return `invalid character ${quoted(text[at]!)} ${fault}`;
  }
  if (scanner.isDone()) return undefined;
  // As Go does at the end: a number may have been ended by it, and some texts have a better complaint for it.
  const fault = scanner.step(' ');
  if (fault !== undefined) return `invalid character ' ' ${fault}`;
  return scanner.isDone() ? undefined : 'unexpected end of JSON input';
}

/** Takes a character, and answers with what it cannot be. */
type Step = (char: string) => string | undefined;

interface Scanner {
  step: Step;
  /** Whether a whole value has been read. */
  isDone(): boolean;
}

const isSpace = (char: string) => char === ' ' || char === '\t' || char === '\r' || char === '\n';
const isDigit = (char: string) => char >= '0' && char <= '9';

function makeScanner(): Scanner {
  /** What the maps and lists that are open await: a key's colon, the end of a member, the end of an item. */
  const open: ('key' | 'member' | 'item')[] = [];
  let state: Step = beginValue;
  const next = (step: Step) => {
    state = step;
    return undefined;
  };

  function beginValue(char: string): string | undefined {
    if (isSpace(char)) return undefined;
    switch (char) {
      case '{':
        open.push('key');
        return next(beginKeyOrEnd);
      case '[':
        open.push('item');
        return next(beginItemOrEnd);
      case '"':
        return next(inString);
      case '-':
        return next(afterMinus);
      case '0':
        return next(afterInteger);
      case 't':
        return next(inWord('true', 1));
      case 'f':
        return next(inWord('false', 1));
      case 'n':
        return next(inWord('null', 1));
      default:
        return isDigit(char) ? next(inInteger) : 'looking for beginning of value';
    }
  }
  function beginItemOrEnd(char: string): string | undefined {
    if (isSpace(char)) return undefined;
    if (char !== ']') return beginValue(char);
    open.pop();
    return next(endValue);
  }
  function beginKeyOrEnd(char: string): string | undefined {
    if (isSpace(char)) return undefined;
    if (char !== '}') return beginKey(char);
    open.pop();
    return next(endValue);
  }
  function beginKey(char: string): string | undefined {
    if (isSpace(char)) return undefined;
    return char === '"' ? next(inString) : 'looking for beginning of object key string';
  }
  function endValue(char: string): string | undefined {
    if (isSpace(char)) return undefined;
    const last = open.length - 1;
    switch (open[last]) {
      case 'key':
        if (char !== ':') return 'after object key';
        open[last] = 'member';
        return next(beginValue);
      case 'member':
        if (char !== ',' && char !== '}') return 'after object key:value pair';
        if (char === '}') return next(endOfOpen());
        open[last] = 'key';
        return next(beginKey);
      case 'item':
        if (char !== ',' && char !== ']') return 'after array element';
        return next(char === ']' ? endOfOpen() : beginValue);
      default:
        return 'after top-level value';
    }
  }
  function endOfOpen(): Step {
    open.pop();
    return endValue;
  }
  function inString(char: string): string | undefined {
    if (char === '"') return next(endValue);
    if (char === '\\') return next(inEscape);
    return char < ' ' ? 'in string literal' : undefined;
  }
  function inEscape(char: string): string | undefined {
    if (char === 'u') return next(inHex(4));
    return 'bfnrt\\/"'.includes(char) ? next(inString) : 'in string escape code';
  }
  const inHex =
    (left: number): Step =>
    (char) =>
      /[0-9a-fA-F]/.test(char) ? next(left > 1 ? inHex(left - 1) : inString) : 'in \\u hexadecimal character escape';
  function afterMinus(char: string): string | undefined {
    if (char === '0') return next(afterInteger);
    return isDigit(char) ? next(inInteger) : 'in numeric literal';
  }
  function inInteger(char: string): string | undefined {
    return isDigit(char) ? undefined : afterInteger(char);
  }
  function afterInteger(char: string): string | undefined {
    if (char === '.') return next(afterPoint);
    return afterDigits(char);
  }
  function afterPoint(char: string): string | undefined {
    return isDigit(char) ? next(inFraction) : 'after decimal point in numeric literal';
  }
  function inFraction(char: string): string | undefined {
    return isDigit(char) ? undefined : afterDigits(char);
  }
  function afterDigits(char: string): string | undefined {
    if (char === 'e' || char === 'E') return next(beginExponent);
    state = endValue;
    return endValue(char);
  }
  function beginExponent(char: string): string | undefined {
    return char === '+' || char === '-' ? next(afterSign) : afterSign(char);
  }
  function afterSign(char: string): string | undefined {
    return isDigit(char) ? next(inExponent) : 'in exponent of numeric literal';
  }
  function inExponent(char: string): string | undefined {
    if (isDigit(char)) return undefined;
    state = endValue;
    return endValue(char);
  }
  const inWord =
    (word: string, at: number): Step =>
    (char) => {
      if (char !== word[at]) return `in literal ${word} (expecting '${word[at]}')`;
      return next(at + 1 < word.length ? inWord(word, at + 1) : endValue);
    };

  return {
    step: (char) => state(char),
    isDone: () => state === endValue && open.length === 0,
  };
}

const escapes: Readonly<Record<string, string>> = {
  "'": "'\\''",
  '"': "'\"'",
  '\\': "'\\\\'",
  '\n': "'\\n'",
  '\r': "'\\r'",
  '\t': "'\\t'",
  '\b': "'\\b'",
  '\f': "'\\f'",
  '\v': "'\\v'",
  '\x07': "'\\a'",
};

/** A character as Go shows it; of one beyond ASCII, Go sees the first byte. */
function quoted(char: string): string {
  const code = new TextEncoder().encode(char)[0]!;
  if (code < 0x80) {
    if (Object.hasOwn(escapes, char)) return escapes[char]!;
    return code < 0x20 || code === 0x7f ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${char}'`;
  }
  return `'${String.fromCharCode(code)}'`;
}
