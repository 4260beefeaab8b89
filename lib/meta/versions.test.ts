import assert from 'node:assert/strict';
import { compareVersions } from './versions.ts';

test('compareVersions() puts stable versions first, the newest before others', () => {
  const sorted = [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
    'v11alpha2',
    'foo1',
    'foo10',
    'v0',
  ];
  assert.deepEqual(sorted.toReversed().sort(compareVersions), sorted);
});
