import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { rewriteHtml } from './rewrite-html.ts';
import { rewriteUrl } from './rewrite-url.ts';

const proxied = { targetHost: '10.0.0.1:80', requestHost: 'api:6443', prefix: '/api/v1/namespaces/a/pods/b/proxy' };
const { prefix } = proxied;

const through = (parts: string[]) =>
  text(Readable.from(parts.map((part) => Buffer.from(part))).pipe(rewriteHtml((link) => rewriteUrl(link, proxied))));

suite('apiserver/proxy/rewrite', () => {
  const urls: [link: string, rewritten: string][] = [
    ['/x/y?q=/z#f', `${prefix}/x/y?q=/z#f`],
    ['/', `${prefix}/`],
    ['x/y', 'x/y'],
    ['', ''],
    ['?q', '?q'],
    ['#top', '#top'],
    ['http://10.0.0.1:80/x', `${prefix}/x`],
    ['//10.0.0.1:80/x', `${prefix}/x`],
    ['https://api:6443/x', `https://api:6443${prefix}/x`],
    ['https://elsewhere/x', 'https://elsewhere/x'],
    ['//elsewhere/x', '//elsewhere/x'],
    [`${prefix}/x`, `${prefix}/x`],
    [`${prefix}er/x`, `${prefix}${prefix}er/x`],
    ['mailto:a@b', 'mailto:a@b'],
    ['data:text/plain,/x', 'data:text/plain,/x'],
  ];
  for (const [link, rewritten] of urls)
    test(`rewriteUrl() makes ${JSON.stringify(link)} ${JSON.stringify(rewritten)}`, () => {
      assert.equal(rewriteUrl(link, proxied), rewritten);
    });

  const pages: [what: string, page: string, rewritten: string][] = [
    [
      'links of all quotes',
      `<A HREF="/x"><img alt=a src=/y><q cite='/z'>`,
      `<A HREF="${prefix}/x"><img alt=a src=${prefix}/y><q cite='${prefix}/z'>`,
    ],
    ['spaces about what is given', '<a\n  id = "1" href = "/x" >', `<a\n  id = "1" href = "${prefix}/x" >`],
    [
      'only what is a link',
      '<a title="/x" data-href="/y" href>/z href="/q"</a>',
      '<a title="/x" data-href="/y" href>/z href="/q"</a>',
    ],
    [
      'values that look like tags',
      `<a title="<a href='/no'>" href="/x">`,
      `<a title="<a href='/no'>" href="${prefix}/x">`,
    ],
    [
      'no comments, scripts and styles',
      '<!-- <a href="/x"> --><script>"<a href=/y>"</script><style><a href="/z"></style><a href="/q">',
      `<!-- <a href="/x"> --><script>"<a href=/y>"</script><style><a href="/z"></style><a href="${prefix}/q">`,
    ],
    ['a script by its link', '<script src="/x.js"></script>', `<script src="${prefix}/x.js"></script>`],
    ['pages that end early', '<p>a < b <a href="/x', '<p>a < b <a href="/x'],
    ['a comment without end', 'x<!-- <a href="/x">', 'x<!-- <a href="/x">'],
  ];
  for (const [what, page, rewritten] of pages)
    test(`rewriteHtml() rewrites ${what}, however it is cut`, async () => {
      assert.equal(await through([page]), rewritten);
      assert.equal(await through(page.split('')), rewritten);
    });

  test('rewriteHtml() without anything to rewrite gives every page back, byte for byte', async () => {
    const bit = fc.constantFrom(
      '<',
      '>',
      '<!--',
      '-->',
      '"',
      "'",
      '=',
      '/',
      ' ',
      'a',
      'href',
      '<a ',
      '<script',
      '</script>',
      'é',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(bit).map((bits) => bits.join(''))), async (parts) => {
        const same = text(Readable.from(parts.map((part) => Buffer.from(part))).pipe(rewriteHtml((link) => link)));
        assert.equal(await same, parts.join(''));
      }),
    );
  });

  test('rewriteHtml() gets through hostile pages, and holds back no more than a tag', async () => {
    for (const page of [
      `<a ${'b'.repeat(500_000)}`,
      `<a ${' '.repeat(500_000)}=`,
      `<a ${'="'.repeat(100_000)}`,
      '<a'.repeat(100_000),
      `<script>${'</'.repeat(100_000)}`,
    ])
      assert.equal(await through([page]), page);
  });
});
