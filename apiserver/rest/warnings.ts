/** Warnings as headers of an answer, which clients show to their users. Bounded as upstream bounds them (`WithWarningRecorder`). */

/** Characters that the warnings of an answer may have altogether. */
const totalLimit = 4096;

/** Characters that each keeps once they have more. */
const itemLimit = 256;

/** The values of the header: each text once, in order. When they are too long together all are cut, and the last left out. */
export function warningHeaders(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  let headers: string[] = [];
  let length = 0;
  let cutting = false;
  const add = (text: string) => {
    if (!isSendable(text)) return;
    headers.push(headerOf(text));
    length += lengthOf(text);
  };
  for (const text of texts) {
    if (cutting && length >= totalLimit) break;
    if (text === '' || seen.has(text)) continue;
    seen.add(text);
    if (cutting) add(cut(text));
    else if (!isSendable(text) || length + lengthOf(text) <= totalLimit) add(text);
    else {
      cutting = true;
      headers = [];
      length = 0;
      for (const known of seen) add(cut(known));
    }
  }
  return headers;
}

/** A header holds no control characters, and no text that is none. */
function isSendable(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

function cut(text: string): string {
  return Array.from(text).slice(0, itemLimit).join('');
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** Headers are written byte by byte, so the bytes of UTF-8 are given as such. */
function headerOf(text: string): string {
  return `299 - "${Buffer.from(text.replaceAll(/["\\]/g, '\\$&')).toString('latin1')}"`;
}
