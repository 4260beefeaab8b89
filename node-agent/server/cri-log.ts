/** The CRI log format: `<RFC 3339 time> <stdout|stderr> <F|P> <text>`; a text in several `P` parts ends with an `F` one. */

export interface LogFilterOptions {
  /** Put each line's time before it. */
  timestamps: boolean;
  /** Leave out what is older; milliseconds since the epoch. */
  sinceMs: number | undefined;
}

export interface LogFilter {
  /** Takes raw bytes of the file, cut anywhere; gives the text of the messages they complete. */
  feed(chunk: Buffer): Buffer[];
}

const newline = Buffer.from('\n');
const space = 0x20;
const longestLineBytes = 1024 * 1024;

/** Makes a filter for one reading of a log. */
export function makeLogFilter({ timestamps, sinceMs }: LogFilterOptions): LogFilter {
  let rest: Buffer = Buffer.alloc(0);
  let atLineStart = true;

  const messageOf = (line: Buffer): Buffer[] => {
    const afterTime = line.indexOf(space);
    const afterStream = line.indexOf(space, afterTime + 1);
    const afterTag = line.indexOf(space, afterStream + 1);
    if (afterTime < 0 || afterStream < 0) return [];
    const time = line.subarray(0, afterTime);
    if (sinceMs !== undefined && !(Date.parse(time.toString('latin1')) >= sinceMs)) return [];
    const tagEnd = afterTag < 0 ? line.length : afterTag;
    const whole = line[afterStream + 1] === 0x46;
    const text = afterTag < 0 ? Buffer.alloc(0) : line.subarray(tagEnd + 1);
    const parts = timestamps && atLineStart ? [time, Buffer.from(' '), text] : [text];
    atLineStart = whole;
    return [whole ? Buffer.concat([...parts, newline]) : Buffer.concat(parts)];
  };

  return {
    feed(chunk) {
      const data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      const messages: Buffer[] = [];
      let from = 0;
      for (let at = data.indexOf(0x0a); at >= 0; at = data.indexOf(0x0a, from)) {
        messages.push(...messageOf(data.subarray(from, at)));
        from = at + 1;
      }
      // The longest line a runtime writes is far shorter: this is no log.
      rest = data.length - from > longestLineBytes ? Buffer.alloc(0) : Buffer.from(data.subarray(from));
      return messages;
    },
  };
}
