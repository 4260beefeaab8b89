import assert from 'node:assert/strict';
import { narrowest, weightText } from './io.ts';

suite('limits of input and output', () => {
  test('narrowest() takes the smaller of each rate, and the last weight', () => {
    const pod = { devices: [{ device: '8:0', rbps: 10, wbps: 5 }], weight: 50 };
    const container = {
      devices: [
        { device: '8:0', rbps: 7, wiops: 1 },
        { device: '8:16', rbps: 1 },
      ],
    };
    assert.deepEqual(narrowest([pod, container]), {
      devices: [
        { device: '8:0', rbps: 7, wbps: 5, wiops: 1 },
        { device: '8:16', rbps: 1 },
      ],
      weight: 50,
    });
    assert.deepEqual(narrowest([pod, { devices: [], weight: 9 }]).weight, 9);
    assert.deepEqual(narrowest([]), { devices: [] });
  });

  test('weightText() stays within what each file knows', () => {
    assert.deepEqual([weightText(100, 'io.weight'), weightText(9000, 'io.weight')], ['100', '9000']);
    assert.deepEqual([weightText(100, 'io.bfq.weight'), weightText(9000, 'io.bfq.weight')], ['100', '1000']);
  });
});
