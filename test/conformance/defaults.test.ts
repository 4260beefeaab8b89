/** What the server adds to objects that say little, against `golden/defaults.txt`: each block is a request, and under it what is added or changed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const blocks = readFileSync(new URL('golden/defaults.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n\n');

suite('defaults', () => {
  let space: Space;
  suiteSetup(async () => {
    space = await makeSpace('defaults');
  });

  for (const block of blocks) {
    const [title = '', request = '', ...added] = block.split('\n');
    test(title, async () => {
      const [, path = '', json = ''] = /^POST (\S+) (.*)$/.exec(request) ?? [];
      const { code, body } = await space.api.ask('POST', path, { body: JSON.parse(json) });
      assert.equal(code, 201, JSON.stringify(body));
      assert.deepEqual(additions(JSON.parse(json), body), added);
    });
  }
});

/** Fields of every object that the server makes. */
const ofAll = /^(apiVersion|kind|metadata\.(uid|namespace|resourceVersion|creationTimestamp|managedFields.*)) /;
/** Values that differ from run to run. */
const chosen = /((?:uid|IP|IPs\[0\]|[nN]odePort|Time) = )"?[0-9a-f][^"]*"?$|(kube-api-access-)\w+/;

/** Leaves that `now` has and `was` has not, or not so, as `path = JSON`. */
function additions(was: unknown, now: unknown): string[] {
  const before = new Set(leaves(was));
  return [...leaves(now)]
    .filter((leaf) => !before.has(leaf) && !ofAll.test(leaf))
    .map((leaf) => leaf.replace(chosen, '$1$2...'));
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
