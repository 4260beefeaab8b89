import assert from 'node:assert/strict';
import fc from 'fast-check';
import { progressText, readProgress } from './progress-text.ts';

suite('the progress of a pull in words', () => {
  test('readProgress() reads what progressText() writes, whatever the image is called', () => {
    fc.assert(
      fc.property(fc.string(), fc.maxSafeNat(), fc.maxSafeNat(), (image, fetchedBytes, totalBytes) => {
        const progress = { fetchedBytes, totalBytes };
        const text = progressText(image.replaceAll(/[\n\r\u2028\u2029]/g, ''), progress);
        assert.deepEqual(readProgress(text), progress);
      }),
    );
  });

  test('readProgress() finds nothing in other messages of the same reason', () => {
    assert.equal(readProgress('Pulling image "a.example/x:1"'), undefined);
  });
});
