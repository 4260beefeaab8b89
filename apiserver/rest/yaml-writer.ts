/**
 * Objects as YAML, as upstream writes it: keys in order, lists not indented, and quoted whatever a reader of YAML 1.1 would not take for text. It
 * is written here because a list may be long, and a library that builds a document first takes a hundred times longer.
 */

export function writeYaml(value: object): string {
  const lines: string[] = [];
  writeMembers(value, '', '', lines);
  return lines.join('');
}

type Json = Record<string, unknown>;

/** Writes a map or list that is not empty. The first line begins with `lead`, the others with `pad`. */
function writeMembers(value: object, lead: string, pad: string, lines: string[]): void {
  let start = lead;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      writeMember(item, `${start}-`, `${pad}  `, true, lines);
      start = pad;
    }
    return;
  }
  for (const key of Object.keys(value).sort()) {
    const item = (value as Json)[key];
    if (item === undefined) continue;
    const text = scalar(key, '');
    // Readers give up looking for the colon after so many characters.
    const head = text.length > 1000 ? `${start}? ${text}\n${pad}:` : `${start}${text}:`;
    writeMember(item, head, pad, false, lines);
    start = pad;
  }
}

/** Writes what stands after `head`; below it, lines begin with `pad`. */
function writeMember(value: unknown, head: string, pad: string, isItem: boolean, lines: string[]): void {
  if (typeof value !== 'object' || value === null) {
    lines.push(`${head} ${scalar(value, isItem ? pad : `${pad}  `)}\n`);
  } else if (Object.keys(value).length === 0) {
    lines.push(`${head} ${Array.isArray(value) ? '[]' : '{}'}\n`);
  } else if (isItem) {
    writeMembers(value, `${head} `, pad, lines);
  } else {
    lines.push(`${head}\n`);
    const inner = Array.isArray(value) ? pad : `${pad}  `;
    writeMembers(value, inner, inner, lines);
  }
}

/** A scalar on the line that has begun, or a text of several lines that are indented by `pad`; none of those in a key, which has no `pad`. */
function scalar(value: unknown, pad: string): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  if (isPlain(value)) return value;
  if (pad !== '' && isBlock(value)) {
    const chomping = !value.endsWith('\n') ? '-' : value.endsWith('\n\n') ? '+' : '';
    const text = value.endsWith('\n') ? value.slice(0, -1) : value;
    return `|${chomping}\n${text.replaceAll(/^(?=[^\n])/gm, pad)}`;
  }
  return JSON.stringify(value).replaceAll(
    unprintable,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What JSON leaves as it is in quotes and YAML does not. */
const unprintable = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;
const anyUnprintable = /[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]/;

/** Texts that stand for something else in YAML 1.1, and what looks like numbers and times there. */
const meanings = [
  /^(~|null|Null|NULL|=|<<)$/,
  /^(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  /^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[0-9][0-9_,]*)$/,
  /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/,
  /^[-+]?[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?$/,
  /^[-+]?\.(inf|Inf|INF|nan|NaN|NAN)$/,
  /^\d{4}-\d\d?-\d\d?([Tt\s]|$)/,
];

function isPlain(text: string): boolean {
  if (text === '' || /^[\s,[\]{}#&*!|>'"%@`]|^[-?:](\s|$)|^(---|\.\.\.)|:\s|\s#|[\s:]$|\n/.test(text)) return false;
  return !anyUnprintable.test(text) && !meanings.some((meaning) => meaning.test(text));
}

/** Whether a text of several lines can stand as it is: readers agree on lines that do not end with a space, if the first begins with none. */
function isBlock(text: string): boolean {
  return text.includes('\n') && /^\S/.test(text) && !/[ \t](\n|$)/.test(text) && !anyUnprintable.test(text);
}
