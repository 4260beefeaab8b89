import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { generateTypes } from './generate.ts';
import { readSchemaFiles } from './schema.ts';

test('generateTypes() gives exactly the files in gen/', () => {
  const files = generateTypes(readSchemaFiles());
  assert.deepEqual(readdirSync(new URL('./gen/', import.meta.url)).sort(), [...files.keys()].sort());
  for (const [file, text] of files) {
    assert.equal(
      readFileSync(new URL(`./gen/${file}`, import.meta.url), 'utf8'),
      text,
      `${file} is stale: npm run generate`,
    );
  }
});
