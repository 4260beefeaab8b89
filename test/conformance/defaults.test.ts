/**
 * What the server makes of objects that say little, and of objects that say all they can, against `golden/`: each block there is a
 * request, and under it warnings (`! text`), what the answer lacks (`- path = JSON`) and what it adds.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const blocks = ['defaults', 'full'].flatMap((name) =>
  readFileSync(new URL(`golden/${name}.txt`, import.meta.url), 'utf8')
    .trim()
    .split('\n\n'),
);

suite('defaults', () => {
  let space: Space;
  suiteSetup(async () => {
    space = await makeSpace('defaults');
  });

  for (const block of blocks) {
    const [title = '', request = '', ...added] = block.split('\n');
    test(title, async () => {
      const [, path = '', json = ''] = /^POST (\S+) (.*)$/.exec(request) ?? [];
      const { code, body, headers } = await space.api.ask('POST', path, { body: JSON.parse(json) });
      assert.equal(code, 201, JSON.stringify(body));
      assert.deepEqual([...warningsOf(headers['warning']), ...changes(JSON.parse(json), body)], added);
    });
  }
});

/** Fields of every object that the server makes. */
const ofAll = /^(apiVersion|kind|metadata\.(uid|namespace|resourceVersion|creationTimestamp|managedFields.*)) /;
/** Values that differ from run to run. */
const chosen = /((?:uid|IP|IPs\[0\]|[nN]odePort|Time) = )"?[0-9a-f][^"]*"?$|(kube-api-access-)\w+/;

/** The texts of a header that holds `299 - "text", 299 - "text"`. */
function warningsOf(header: string | string[] | undefined): string[] {
  return [...String(header ?? '').matchAll(/299 - ("(?:[^"\\]|\\.)*")/g)].map(([, text]) => `! ${JSON.parse(text!)}`);
}

/** Leaves that only one of the two has, as `path = JSON`. */
function changes(was: unknown, now: unknown): string[] {
  const before = new Set(leaves(was));
  const after = new Set(leaves(now));
  return [
    ...[...before].filter((leaf) => !after.has(leaf)).map((leaf) => `- ${leaf}`),
    ...[...after]
      .filter((leaf) => !before.has(leaf) && !ofAll.test(leaf))
      .map((leaf) => leaf.replace(chosen, '$1$2...')),
  ];
}

function* leaves(value: unknown, path = ''): Generator<string> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    yield `${path} = ${JSON.stringify(value)}`;
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    yield* leaves(item, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
  }
}
