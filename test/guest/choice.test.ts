import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chosen, jobOf } from './choice.ts';

const root = path.resolve(import.meta.dirname, '../..');

suite('tests for the guest', () => {
  test('chosen() gives files that there are, the essence or all or some', () => {
    for (const extent of [undefined, 'all']) {
      for (const { file } of chosen(extent)) assert.ok(existsSync(path.join(root, file)), file);
    }
    assert.deepEqual(
      chosen('resize').map(({ file }) => file),
      ['test/cluster/resize.test.ts'],
    );
  });

  test('jobOf() takes titles by their beginnings, but for what the guest cannot do', () => {
    const { titles } = jobOf([{ file: 'x', titles: ['a (b)', 'c'] }], '/root', 1);
    const wanted = ['a (b) and more', 'c'].map((title) => new RegExp(titles).test(title));
    const others = ['a b', 'b c', 'c gives pods users of their own'].map((title) => new RegExp(titles).test(title));
    assert.deepEqual(
      [wanted, others],
      [
        [true, true],
        [false, false, false],
      ],
    );
  });
});
