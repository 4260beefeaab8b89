/** Rewrites the links in an HTML page as it streams by. What is no link stays byte for byte as it was. */
import { Transform } from 'node:stream';

/** Tags -> their attributes that hold links: those that upstream's proxy knows. */
const links: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** What these hold is text, whatever it looks like. */
const rawText = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'noembed', 'noframes', 'xmp']);

/** A tag longer than this is passed on as it is. */
const longestTag = 64 * 1024;

const tagStart = /^<([a-z][^\s/>]*)/i;
const wholeTag = /^<[a-z](?:"[^"]*"|'[^']*'|[^"'>])*>/i;
/** Of a tag: a value with what quotes it, a name, space, or a single character. Each is found without looking back. */
const tagPiece = /=(\s*)("[^"]*"|'[^']*'|[^\s"'>][^\s>]*)|[^\s"'>/=]+|\s+|[^]/gy;

/** A stream of bytes in any encoding that has ASCII in it. `rewrite` is given each link as the page writes it. */
export function rewriteHtml(rewrite: (link: string) => string): Transform {
  let left = '';
  /** The end tag that is waited for within a raw text element; '' outside. */
  let until = '';

  const take = (isLast: boolean): string => {
    let out = '';
    for (;;) {
      const step = until === '' ? nextToken(left, isLast) : nextRaw(left, until, isLast);
      if (step.length === 0) return out;
      const token = left.slice(0, step.length);
      left = left.slice(step.length);
      if (until !== '') until = step.ends ? '' : until;
      else if (step.tag !== undefined) {
        if (rawText.has(step.tag)) until = `</${step.tag}`;
        out += rewriteTag(token, step.tag, rewrite);
        continue;
      }
      out += token;
    }
  };

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      // One character a byte, so that nothing changes that is not looked at.
      left += chunk.toString('latin1');
      done(null, Buffer.from(take(false), 'latin1'));
    },
    flush(done) {
      const out = take(true) + left;
      done(null, Buffer.from(out, 'latin1'));
    },
  });
}

interface Step {
  /** How much of the text is done with; 0 to wait for more. */
  length: number;
  /** The name of the start tag that this is. */
  tag?: string;
  /** Whether the raw text ends here. */
  ends?: boolean;
}

/** The next piece: text up to a tag, a comment, a tag. */
function nextToken(text: string, isLast: boolean): Step {
  if (text === '') return { length: 0 };
  const open = text.indexOf('<');
  if (open !== 0) return { length: open < 0 ? text.length : open };
  if (text.startsWith('<!--')) {
    const end = text.indexOf('-->', 4);
    if (end >= 0) return { length: end + 3 };
    // A comment may be long, and nothing in it matters: all but what may be a part of its end.
    return tooLong(text, isLast);
  }
  if (!tagStart.test(text)) return { length: !isLast && '<!--'.startsWith(text) ? 0 : 1 };
  const tag = wholeTag.exec(text)?.[0];
  if (tag === undefined) return tooLong(text, isLast);
  return { length: tag.length, tag: tagStart.exec(tag)![1]!.toLowerCase() };
}

function nextRaw(text: string, until: string, isLast: boolean): Step {
  const end = text.toLowerCase().indexOf(until);
  if (end > 0) return { length: end };
  if (end === 0) return { length: until.length, ends: true };
  if (isLast) return { length: 0 };
  return { length: Math.max(0, text.length - until.length + 1) };
}

/** What should have ended by now is no tag; what may still end is waited for. */
function tooLong(text: string, isLast: boolean): Step {
  return { length: isLast || text.length < longestTag ? 0 : text.length };
}

function rewriteTag(token: string, tag: string, rewrite: (link: string) => string): string {
  const wanted = Object.hasOwn(links, tag) ? links[tag]! : undefined;
  if (!wanted) return token;
  let name = '';
  return token.replaceAll(tagPiece, (piece: string, space: string | undefined, value = '') => {
    if (space === undefined) {
      if (/[^\s"'>/=]/.test(piece)) name = piece.toLowerCase();
      return piece;
    }
    if (!wanted.includes(name)) return piece;
    const quote = value.startsWith('"') || value.startsWith("'") ? value[0]! : '';
    const link = quote === '' ? value : value.slice(1, -1);
    return `=${space}${quote}${rewrite(link)}${quote}`;
  });
}
