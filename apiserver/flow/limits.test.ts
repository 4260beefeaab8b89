import assert from 'node:assert/strict';
import fc from 'fast-check';
import { boundsOf, currentLimits, smoothed } from './limits.ts';
import type { Claim } from './limits.ts';
import { startingPriorityLevels } from './suggested.ts';

suite('limits', () => {
  const bounds = boundsOf(startingPriorityLevels, 600);
  const claimsOf = (demands: Record<string, number>): Claim[] =>
    [...bounds].map(([name, of]) => ({ ...of, high: demands[name] ?? 0, smooth: demands[name] ?? 0 }));
  const limitsFor = (demands: Record<string, number>) => {
    const limits = currentLimits(claimsOf(demands), 600);
    return Object.fromEntries([...bounds.keys()].map((name, i) => [name, limits[i]!]));
  };

  test('boundsOf() gives upstream’s limits for upstream’s levels and 600 seats', () => {
    assert.deepEqual(Object.fromEntries(bounds), {
      exempt: { nominal: 0, least: 0, most: 600 },
      'catch-all': { nominal: 13, least: 13, most: 600 },
      system: { nominal: 74, least: 50, most: 600 },
      'node-high': { nominal: 98, least: 73, most: 600 },
      'leader-election': { nominal: 25, least: 25, most: 600 },
      'workload-high': { nominal: 98, least: 49, most: 600 },
      'workload-low': { nominal: 245, least: 24, most: 600 },
      'global-default': { nominal: 49, least: 24, most: 600 },
    });
  });

  test('boundsOf() lets nobody borrow more than it may', () => {
    const limited = {
      nominalConcurrencyShares: 1,
      lendablePercent: 50,
      borrowingLimitPercent: 30,
      limitResponse: { type: 'Reject' },
    };
    const specs = new Map([
      ['a', { type: 'Limited', limited }],
      ['b', { type: 'Limited', limited }],
    ]);
    assert.deepEqual(boundsOf(specs, 20).get('a'), { nominal: 10, least: 5, most: 13 });
  });

  test('currentLimits() lets a level that asks for more have what others do not use', () => {
    const limits = limitsFor({ 'global-default': 400 });
    assert.ok(limits['global-default']! > 300, JSON.stringify(limits));
    assert.ok(limits['workload-low']! >= 24);
    assert.equal(limits['leader-election'], 25);
  });

  test('currentLimits() gives a level its own seats back as soon as it asks for them', () => {
    const limits = limitsFor({ 'global-default': 400, 'workload-low': 300, system: 80 });
    assert.ok(limits['workload-low']! >= 245 && limits['system']! >= 74, JSON.stringify(limits));
  });

  test('currentLimits() stays within the bounds, and gives out no more than there is', () => {
    const claim = fc.record({
      nominal: fc.nat(100),
      lent: fc.nat(100),
      borrows: fc.nat(300),
      high: fc.nat(500),
      smooth: fc.nat(500),
    });
    fc.assert(
      fc.property(fc.array(claim, { minLength: 1, maxLength: 12 }), (given) => {
        const claims = given.map(({ nominal, lent, borrows, ...more }) => ({
          ...more,
          nominal,
          least: nominal - Math.round((nominal * lent) / 100),
          most: nominal + borrows,
        }));
        const total = claims.reduce((all, { nominal }) => all + nominal, 0);
        const limits = currentLimits(claims, total);
        for (const [i, { least, most, nominal, high }] of claims.entries()) {
          assert.ok(limits[i]! >= Math.max(least, Math.min(nominal, high)) && limits[i]! <= most, `${limits[i]}`);
        }
        assert.ok(limits.reduce((all, one) => all + one, 0) <= total + claims.length);
      }),
    );
  });

  test('smoothed() follows a rise at once and a fall slowly', () => {
    assert.equal(smoothed({ high: 50, average: 40, deviation: 5 }, 10), 45);
    const later = smoothed({ high: 0, average: 0, deviation: 0 }, 45);
    assert.ok(later > 44 && later < 45);
  });
});
