/**
 * Label selectors as text. The grammar, what is taken in spite of it, and the words for what is not are those of upstream's
 * `apimachinery/pkg/labels`: first tokens, then requirements.
 */
import { badRequest } from './errors.ts';
import { labelValueFaults, qualifiedNameFaults } from './names.ts';
import type { Operator, Requirement, Selector } from './selectors.ts';

/** Parses `a=b,c in (d,e),!f,g>1`; throws a BadRequest for anything else. */
export function parseLabelSelector(text: string): Selector {
  const requirements: Requirement[] = [];
  const tokens = makeTokens(text);
  for (;;) {
    const { kind, text: literal } = tokens.peek();
    if (kind === 'end') return requirements;
    if (kind !== 'word' && kind !== '!') throw unexpected(literal, "!, identifier, or 'end of string'");
    requirements.push(parseRequirement(tokens));
    const after = tokens.take();
    if (after.kind === 'end') return requirements;
    if (after.kind !== ',') throw unexpected(after.text, "',' or 'end of string'");
    const next = tokens.peek();
    if (next.kind !== 'word' && next.kind !== '!') throw unexpected(next.text, "identifier after ','");
  }
}

interface Token {
  /** A symbol for itself. Words may be operators too. */
  kind: 'word' | 'end' | 'error' | Symbol;
  text: string;
}

type Symbol = ')' | ',' | '!' | '==' | '=' | '>' | '<' | '!=' | '(';

interface Tokens {
  peek(): Token;
  take(): Token;
}

const operators: Readonly<Record<string, Operator>> = {
  in: 'In',
  notin: 'NotIn',
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '>': 'Gt',
  '<': 'Lt',
};

function parseRequirement(tokens: Tokens): Requirement {
  const negated = tokens.peek().kind === '!' && tokens.take();
  const { kind, text: key } = tokens.take();
  if (kind !== 'word') throw unable(unexpectedText(key, 'identifier'));
  const faults = qualifiedNameFaults(key);
  if (faults.length > 0) throw unable(`<nil>: Invalid value: ${JSON.stringify(key)}: ${faults.join('; ')}`);
  const next = tokens.peek().kind;
  if (negated) return { key, operator: 'DoesNotExist', values: [] };
  if (next === 'end' || next === ',') return { key, operator: 'Exists', values: [] };
  const { text: sign } = tokens.take();
  const operator = Object.hasOwn(operators, sign) ? operators[sign] : undefined;
  if (!operator) throw unable(unexpectedText(sign, 'in, notin, =, ==, !=, gt, lt'));
  const values = sign === 'in' || sign === 'notin' ? parseValues(tokens) : [parseValue(tokens)];
  return checked({ key, operator, values });
}

/** The one value of a comparison; none at all is an empty one. */
function parseValue(tokens: Tokens): string {
  const { kind } = tokens.peek();
  if (kind === 'end' || kind === ',') return '';
  const value = tokens.take();
  if (value.kind !== 'word') throw unable(unexpectedText(value.text, 'identifier'));
  return value.text;
}

/** Values in parentheses, each once and in order; `()` holds an empty one, and so does every place between commas that is empty. */
function parseValues(tokens: Tokens): string[] {
  const open = tokens.take();
  // Upstream has no comma here.
  if (open.kind !== '(') throw unable(`found '${open.text}' expected: '('`);
  const first = tokens.peek();
  if (!['word', ',', ')'].includes(first.kind)) throw unable(unexpectedText(first.text, "',', ')' or identifier"));
  const values = new Set<string>();
  let isOpen = true;
  for (let token = tokens.take(); token.kind !== ')'; token = tokens.take()) {
    const next = tokens.peek();
    if (token.kind === 'word') {
      values.add(token.text);
      isOpen = false;
      if (next.kind !== ',' && next.kind !== ')') throw unable(unexpectedText(next.text, "',' or ')'"));
    } else if (token.kind === ',') {
      if (isOpen || next.kind === ',' || next.kind === ')') values.add('');
      isOpen = false;
    } else throw unable(unexpectedText(token.text, "',', or identifier"));
  }
  if (values.size === 0) values.add('');
  return [...values].sort();
}

function checked(requirement: Requirement): Requirement {
  const { key, operator, values } = requirement;
  const faults = values.flatMap((value, i) => {
    const shown = `Invalid value: ${JSON.stringify(value)}:`;
    const reasons = labelValueFaults(value);
    const isComparison = operator === 'Gt' || operator === 'Lt';
    return [
      ...(isComparison && !/^[+-]?\d{1,18}$/.test(value)
        ? [`values[${i}]: ${shown} for 'Gt', 'Lt' operators, the value must be an integer`]
        : []),
      ...(reasons.length > 0 ? [`values[${i}][${key}]: ${shown} ${reasons.join('; ')}`] : []),
    ];
  });
  if (faults.length > 0) throw unable(faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`);
  return requirement;
}

/** Reads tokens one after the other. */
function makeTokens(text: string): Tokens {
  let at = 0;
  let peeked: Token | undefined;
  const read = (): Token => {
    while (/[ \t\r\n]/.test(text[at] ?? '')) at++;
    const first = text[at];
    if (first === undefined || first === '\0') return { kind: 'end', text: '' };
    const from = at;
    if (!isSymbol(first)) {
      while (at < text.length && !isSymbol(text[at]!) && !/[ \t\r\n\0]/.test(text[at]!)) at++;
      return { kind: 'word', text: text.slice(from, at) };
    }
    const two = text.slice(at, at + 2);
    const symbol = two === '==' || two === '!=' ? two : first;
    at += symbol.length;
    return { kind: symbol as Symbol, text: symbol };
  };
  return {
    peek: () => (peeked ??= read()),
    take() {
      const token = peeked ?? read();
      peeked = undefined;
      return token;
    },
  };
}

function isSymbol(char: string): boolean {
  return '=!(),><'.includes(char);
}

const unexpectedText = (found: string, wanted: string) => `found '${found}', expected: ${wanted}`;
const unexpected = (found: string, wanted: string) => badRequest(unexpectedText(found, wanted));
const unable = (because: string) => badRequest(`unable to parse requirement: ${because}`);
