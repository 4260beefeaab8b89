/** What SPDY/3's compressed headers refer to: a protocol constant (draft 3, section 2.6.10.1). Its Adler-32 is part of every first header block. */

const words = [
  ...'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age'.split(
    ' ',
  ),
  ...'allow authorization cache-control connection content-base content-encoding content-language'.split(' '),
  ...'content-length content-location content-md5 content-range content-type date etag expect expires from'.split(' '),
  ...'host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location'.split(' '),
  ...'max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te'.split(' '),
  ...'trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status'.split(' '),
  ...['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'],
];

const codes = [
  ...'100 101 201 202 205 206 300 302 303 304 305 306 307 402 405 406 407 408 409 410 411 412 413 414'.split(' '),
  ...'415 416 417 502 504 505'.split(' '),
  ...['203 Non-Authoritative Information', '204 No Content', '301 Moved Permanently', '400 Bad Request'],
  ...['401 Unauthorized', '403 Forbidden', '404 Not Found', '500 Internal Server Error', '501 Not Implemented'],
  '503 Service Unavailable',
];

const values = [
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT',
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,',
  'publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.',
];

/** Words with their lengths before them, then plain text. */
export const dictionary: Buffer = Buffer.concat([
  ...words.flatMap((word) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(word.length);
    return [length, Buffer.from(word)];
  }),
  Buffer.from([...codes, ...values].join('')),
]);

/** Adler-32 of the dictionary. */
export const dictionaryId = 0xe3c6a7c2;
