import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ioLimitsOf, IoLimitsError, parseIoLimits } from './io-limits.ts';

suite('lib/kinds/pod-spec/io-limits', () => {
  test('parseIoLimits() reads rates of the node’s own disk, of others, and a weight', () => {
    assert.deepEqual(parseIoLimits(' wbps=10Mi riops=200 ;/dev/vdb rbps=1k; 8:16 wiops=5;weight=200'), {
      devices: [
        { device: '', wbps: 10 * 2 ** 20, riops: 200 },
        { device: '/dev/vdb', rbps: 1000 },
        { device: '8:16', wiops: 5 },
      ],
      weight: 200,
    });
    assert.deepEqual(parseIoLimits('weight=10'), { devices: [], weight: 10 });
  });

  test('parseIoLimits() says what it cannot understand', () => {
    const faults: [string, RegExp][] = [
      ['', /each clause must set something/],
      ['wbps=1;', /each clause must set something/],
      ['/dev/vda', /each clause must set something/],
      ['vda wbps=1', /"vda" is neither a device/],
      ['/dev/../etc/passwd wbps=1', /leads out of \/dev/],
      ['bps=1', /"bps=1" is none of rbps=, wbps=, riops=, wiops=, weight=/],
      ['wbps=', /"wbps=" is none of/],
      ['wbps=0', /wbps must be a whole number from 1 to /],
      ['wbps=-5', /wbps must be/],
      ['wbps=1.5', /not "1.5"/],
      ['wbps=100m', /not "100m"/],
      ['wbps=fast', /not "fast"/],
      ['wbps=1 wbps=2', /wbps is set twice/],
      ['wbps=1; rbps=2', /two clauses without a device/],
      ['/dev/a wbps=1; /dev/a rbps=2', /\/dev\/a stands in two clauses/],
      ['weight=0', /weight must be a whole number from 1 to 10000/],
      ['weight=10; weight=20', /weight is set twice/],
      ['/dev/a weight=20', /without one/],
      [Array.from({ length: 17 }, (_, i) => `8:${i} wbps=1`).join(';'), /more than 16 devices/],
    ];
    for (const [text, fault] of faults) assert.throws(() => parseIoLimits(text), fault, text);
  });

  test('parseIoLimits() gives limits or an IoLimitsError, whatever it reads', () => {
    const words = fc.constantFrom('wbps=1Mi', 'rbps=0', 'weight=50', '/dev/x', '8:1', ';', ' ', '=', 'riops=1e3', 'é');
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 8 })), { maxLength: 12 }), (parts) => {
        try {
          const { devices, weight } = parseIoLimits(parts.join(' '));
          assert.ok(devices.length > 0 || weight !== undefined);
        } catch (error) {
          assert.ok(error instanceof IoLimitsError, String(error));
        }
      }),
    );
  });

  test('ioLimitsOf() finds those of the pod and those of a container', () => {
    const annotations = { 'io.wherry.local/pod': 'wbps=1', 'container.io.wherry.local/app': 'rbps=2' };
    assert.deepEqual(ioLimitsOf({ annotations }), { devices: [{ device: '', wbps: 1 }] });
    assert.deepEqual(ioLimitsOf({ annotations }, 'app'), { devices: [{ device: '', rbps: 2 }] });
    assert.equal(ioLimitsOf({ annotations }, 'other'), undefined);
    assert.equal(ioLimitsOf({}), undefined);
  });
});
