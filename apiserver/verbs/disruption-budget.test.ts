import assert from 'node:assert/strict';
import { isReason } from '#lib/meta/errors.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { podDisruptionBudget } from '#lib/kinds/pod-disruption-budget.ts';
import { at, caller, makeFixture, podBody } from './fixture.ts';
import type { Fixture, Loose } from './fixture.ts';

suite('disruption budgets', () => {
  let fixture: Fixture;
  setup(async () => {
    fixture = await makeFixture();
  });
  teardown(() => fixture.stop());

  const evict = (name: string, body: object = {}) =>
    fixture.verbs.createSubresource(caller, podKind, at(name), 'eviction', { metadata: { name }, ...body });
  const setStatus = (kind: Kind, name: string, status: object) =>
    fixture.verbs.patch(
      caller,
      kind,
      at(name),
      'application/merge-patch+json',
      { status },
      {
        subresource: 'status',
      },
    );
  const makePod = async (name: string, phase: string, ready: boolean) => {
    await fixture.create(podKind, podBody(name, { labels: { app: 'a' } }));
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
    await setStatus(podKind, name, { phase, conditions });
  };
  const makeBudget = async (name: string, allowed: number, more: object = {}, status: object = {}) => {
    await fixture.create(podDisruptionBudget, {
      metadata: { name },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } }, ...more },
    });
    await setStatus(podDisruptionBudget, name, {
      observedGeneration: 1,
      disruptionsAllowed: allowed,
      currentHealthy: allowed + 1,
      desiredHealthy: 1,
      expectedPods: 2,
      ...status,
    });
  };
  const isGone = async (name: string) =>
    assert.rejects(fixture.get(podKind, at(name)), (error) => isReason(error, 'NotFound'));
  const refusal = async (name: string): Promise<Loose> => {
    try {
      await evict(name);
    } catch (error) {
      if (isReason(error, 'TooManyRequests')) return error.toStatus() as unknown as Loose;
      throw error;
    }
    return assert.fail('The eviction was allowed');
  };

  test('an eviction spends a disruption, and is refused when none is left', async () => {
    await makeBudget('budget', 1);
    await makePod('one', 'Running', true);
    await makePod('two', 'Running', true);
    await evict('one');
    await isGone('one');
    const { status } = await fixture.get(podDisruptionBudget, at('budget'));
    assert.equal(status.disruptionsAllowed, 0);
    assert.deepEqual(Object.keys(status.disruptedPods), ['one']);
    const refused = await refusal('two');
    assert.equal(refused['message'], "Cannot evict pod as it would violate the pod's disruption budget.");
    assert.deepEqual(refused['details'].causes, [
      { reason: 'DisruptionBudget', message: 'The disruption budget budget needs 1 healthy pods and has 2 currently' },
    ]);
    assert.equal(refused['code'], 429);
  });

  test('concurrent evictions never spend more than there is', async () => {
    await makeBudget('budget', 2);
    const names = ['p0', 'p1', 'p2', 'p3', 'p4'];
    for (const name of names) await makePod(name, 'Running', true);
    const evictions = Promise.allSettled(names.map((name) => evict(name)));
    // Those that lose a race read again, and reads that come together wait a moment for one another.
    await fixture.env.advance(100);
    const outcomes = await evictions;
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2);
  });

  test('a budget that its controller has not yet looked at refuses for a while', async () => {
    await makeBudget('budget', 1, {}, { observedGeneration: 0 });
    await makePod('one', 'Running', true);
    const refused = await refusal('one');
    assert.equal(refused['details'].retryAfterSeconds, 10);
    assert.match(refused['details'].causes[0].message, /is still being processed by the server/);
  });

  test('pods that are pending, ended or not covered go without asking', async () => {
    await makeBudget('budget', 0);
    await makePod('pending', 'Pending', false);
    await makePod('ended', 'Succeeded', false);
    await fixture.create(podKind, podBody('other'));
    await setStatus(podKind, 'other', { phase: 'Running' });
    for (const name of ['pending', 'ended', 'other']) {
      await evict(name);
      await isGone(name);
    }
  });

  test('a pod that is not ready goes when the budget is kept without it, or always if it says so', async () => {
    await makeBudget('budget', 0, {}, { currentHealthy: 1 });
    await makePod('one', 'Running', false);
    await evict('one');
    await isGone('one');
    await setStatus(podDisruptionBudget, 'budget', { currentHealthy: 0 });
    await makePod('two', 'Running', false);
    await refusal('two');
    await fixture.verbs.patch(caller, podDisruptionBudget, at('budget'), 'application/merge-patch+json', {
      spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    });
    await evict('two');
    await isGone('two');
  });

  test('two budgets for one pod are one too many', async () => {
    await makeBudget('budget', 1);
    await makeBudget('second', 1);
    await makePod('one', 'Running', true);
    await assert.rejects(evict('one'), /more than one PodDisruptionBudget/);
  });

  test('a dry run spends nothing', async () => {
    await makeBudget('budget', 1);
    await makePod('one', 'Running', true);
    await evict('one', { deleteOptions: { dryRun: ['All'] } });
    assert.equal((await fixture.get(podDisruptionBudget, at('budget'))).status.disruptionsAllowed, 1);
    assert.ok(await fixture.get(podKind, at('one')));
  });
});
