import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { generateTypes } from './generate.ts';
import type { SchemaType } from './schema.ts';

test('generateTypes() gives exactly the files in gen/', () => {
  const schema = JSON.parse(readFileSync(new URL('./schema/api-1.32.json', import.meta.url), 'utf8')) as Record<
    string,
    SchemaType
  >;
  const files = generateTypes(schema);
  assert.deepEqual(readdirSync(new URL('./gen/', import.meta.url)).sort(), [...files.keys()].sort());
  for (const [file, text] of files) {
    assert.equal(
      readFileSync(new URL(`./gen/${file}`, import.meta.url), 'utf8'),
      text,
      `${file} is stale: npm run generate`,
    );
  }
});
