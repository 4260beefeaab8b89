import assert from 'node:assert/strict';
import { overlayMount } from './overlay.ts';

suite('overlay', () => {
  test('overlayMount() names layers from where they lie, and refuses more than a page holds', () => {
    assert.deepEqual(overlayMount(['/layers/b', '/layers/a'], '/u', '/w'), {
      from: '/layers',
      options: 'lowerdir=b:a,upperdir=/u,workdir=/w,volatile',
    });
    const many = Array.from({ length: 200 }, (_, index) => `/layers/${String(index).padStart(32, '0')}`);
    assert.throws(() => overlayMount(many, '/u', '/w'), /200 layers are more than an overlay can hold/);
  });
});
