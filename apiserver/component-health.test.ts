import assert from 'node:assert/strict';
import type { Lease, LeaseSpec } from '#lib/kinds/gen/coordination-v1.ts';
import { healthByLease } from './component-health.ts';

suite('healthByLease()', () => {
  const renewTime = '2026-01-02T03:04:05.000000Z';
  const renewedMs = Date.parse(renewTime);
  const lease = (spec: Partial<LeaseSpec>): Lease => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: renewTime },
    spec: { holderIdentity: 'me', renewTime, leaseDurationSeconds: 20, ...spec },
  });

  test('is healthy for as long as the Lease holds', () => {
    assert.deepEqual(healthByLease('x', lease({}), renewedMs + 19_999), { status: 'True', message: 'ok' });
    assert.deepEqual(healthByLease('x', lease({}), renewedMs + 20_000), {
      status: 'False',
      message: `the Lease kube-system/x has not been renewed since ${renewTime}`,
    });
  });

  test('takes a Lease that says no duration to hold as long as they usually do', () => {
    const usual = lease({ leaseDurationSeconds: undefined });
    assert.equal(healthByLease('x', usual, renewedMs + 14_999).status, 'True');
    assert.equal(healthByLease('x', usual, renewedMs + 15_000).status, 'False');
  });

  test('is not healthy when the Lease was given back, or never renewed', () => {
    assert.deepEqual(healthByLease('x', lease({ holderIdentity: '' }), renewedMs), {
      status: 'False',
      message: 'nobody holds the Lease kube-system/x',
    });
    assert.equal(healthByLease('x', lease({ renewTime: undefined }), renewedMs).status, 'False');
  });

  test('is unknown without a Lease', () => {
    const { status, error } = healthByLease('x', undefined, renewedMs);
    assert.equal(status, 'Unknown');
    assert.match(error!, /^there is no Lease kube-system\/x: /);
  });
});
