/** Reads the one thing of a certificate request (PKCS #10, RFC 2986) that admission asks about: the organizations in its subject. */

/** 2.5.4.10, as DER writes it. */
const organizationId = '55040a';

/** Thrown for what is no certificate request. */
export class RequestSyntaxError extends Error {
  override readonly name = 'RequestSyntaxError';
}

/** The organizations named in the subject of a PEM request; throws RequestSyntaxError. */
export function organizationsOf(pem: string): string[] {
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE REQUEST-----/.exec(pem)?.[1];
  if (body === undefined) throw new RequestSyntaxError('PEM block type must be CERTIFICATE REQUEST');
  const [request] = elements(Uint8Array.fromBase64(body.replaceAll(/\s/g, '')));
  const [info] = elements(contentOf(request));
  const [, subject] = elements(contentOf(info));
  const attributes = elements(contentOf(subject)).flatMap((set) => elements(set.content));
  return attributes.flatMap((attribute) => {
    const [id, value] = elements(attribute.content);
    if (contentOf(id).toHex() !== organizationId) return [];
    return [textOf(value)];
  });
}

interface Element {
  tag: number;
  content: Uint8Array;
}

const bmpString = 0x1e;

function textOf(value: Element | undefined): string {
  return new TextDecoder(value?.tag === bmpString ? 'utf-16be' : 'utf-8').decode(contentOf(value));
}

function contentOf(element: Element | undefined): Uint8Array {
  if (!element) throw new RequestSyntaxError('a part is missing');
  return element.content;
}

/** The elements that follow each other in DER. */
function elements(der: Uint8Array): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < der.length) {
    const tag = der[at]!;
    let size = der[at + 1] ?? 0;
    at += 2;
    if (size >= 0x80) {
      const digits = size - 0x80;
      if (digits === 0 || digits > 3) throw new RequestSyntaxError('a length cannot be read');
      size = 0;
      for (let i = 0; i < digits; i++) size = size * 256 + (der[at++] ?? 0);
    }
    if (at + size > der.length) throw new RequestSyntaxError('a part is cut off');
    found.push({ tag, content: der.subarray(at, at + size) });
    at += size;
  }
  return found;
}
