import assert from 'node:assert/strict';
import { linkTo, renderListing } from './listing.ts';

suite('node-agent/server/listing', () => {
  test('renderListing() writes a folder as Go does', () => {
    const entries = [
      { name: 'syslog', isFolder: false },
      { name: 'pods', isFolder: true },
      { name: 'a & <b>".log', isFolder: false },
      { name: 'why?#1', isFolder: false },
    ];
    assert.equal(
      renderListing(entries, false),
      `<!doctype html>
<meta name="viewport" content="width=device-width">
<pre>
<a href="a%20&%20%3Cb%3E%22.log">a &amp; &lt;b&gt;&#34;.log</a>
<a href="pods/">pods/</a>
<a href="syslog">syslog</a>
<a href="why%3F%231">why?#1</a>
</pre>
`,
    );
    assert.match(renderListing(entries, true), /<\/a>\n\.\.\.\n<\/pre>\n$/);
  });

  test('linkTo() leads to the name and nowhere else', () => {
    for (const name of ['a', 'javascript:x', '\'"><', 'a%2fb', '(*)!', 'ü', '#', '?x=1', '..a', '\\'])
      assert.equal(decodeURIComponent(new URL(linkTo(name), 'https://node/logs/').pathname), `/logs/${name}`, name);
    assert.equal(linkTo('a:1'), './a:1');
    assert.equal(linkTo('$&+,;=@-_.~'), '$&+,;=@-_.~');
  });
});
