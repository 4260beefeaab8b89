/** Objects as YAML, as upstream writes it: keys in order, lists not indented, and quoted whatever a reader of YAML 1.1 would not take for text. */
import { Document, visit } from 'yaml';

/** Plain texts that have a meaning of their own in YAML 1.1, which the library does not know. */
const special = new Set(['=', '<<']);

/** Written by the library as it is, wherever it stands. */
const mergeTag = 'tag:yaml.org,2002:merge';

/** Characters that end a line in YAML 1.1, and the escapes that quoted text has for them. */
const breaks: Readonly<Record<string, string>> = {
  '\u0085': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
  '\ufeff': '\\uFEFF',
};
const anyBreak = /[\u0085\u2028\u2029\ufeff]/;

export function writeYaml(value: object): string {
  const document = new Document(value, {
    version: '1.1',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== mergeTag),
    sortMapEntries: true,
    aliasDuplicateObjects: false,
  });
  let hasBreaks = false;
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string') return;
      // Readers differ about lines that begin with spaces.
      const breaksLines = anyBreak.test(node.value);
      if (!breaksLines && !special.has(node.value) && !/^\s[^]*\n/.test(node.value)) return;
      hasBreaks ||= breaksLines;
      node.type = 'QUOTE_DOUBLE';
    },
  });
  const text = document.toString({ lineWidth: 0, indentSeq: false });
  return hasBreaks ? text.replaceAll(new RegExp(anyBreak, 'g'), (char) => breaks[char]!) : text;
}
