import assert from 'node:assert/strict';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import type { FlowSchema } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { priorityLevelConfiguration } from '#lib/kinds/priority-level-configuration.ts';
import { makeLookup } from '../verbs/context.ts';
import { caller, makeFixture } from '../verbs/fixture.ts';
import type { Fixture } from '../verbs/fixture.ts';
import { keepConditions } from './conditions.ts';
import { ensureFlowObjects } from './ensure.ts';
import { keepFlowObjects } from './keep.ts';

suite('the objects of flow control', () => {
  let fixture: Fixture;
  setup(async () => {
    fixture = await makeFixture();
  });
  teardown(() => fixture.stop());
  const look = () => makeLookup(fixture.world);
  const names = (kind: Kind) => [...look().list(kind, '')].map(({ metadata }) => metadata.name);
  const versions = () =>
    [flowSchema, priorityLevelConfiguration].flatMap((kind) =>
      [...look().list(kind as Kind, '')].map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`),
    );

  test('are made once, whoever starts at the same time, and then left alone', async () => {
    const servers = Promise.all([1, 2, 3].map(() => ensureFlowObjects(fixture.verbs, look())));
    await fixture.env.advance(5000);
    await servers;
    await fixture.world.sync();
    assert.deepEqual([names(flowSchema).length, names(priorityLevelConfiguration).length], [13, 8]);
    const before = versions();
    await ensureFlowObjects(fixture.verbs, look());
    await fixture.world.sync();
    assert.deepEqual(versions(), before);
  });

  test('are set right every minute', async () => {
    await ensureFlowObjects(fixture.verbs, look());
    const stop = keepFlowObjects(fixture.verbs, look(), fixture.env);
    const ref = { namespace: '', name: 'service-accounts' };
    await fixture.verbs.delete(caller, flowSchema, ref);
    await fixture.world.sync();
    assert.ok(!names(flowSchema).includes(ref.name));
    await fixture.env.advance(60_000);
    await fixture.world.sync();
    assert.ok(names(flowSchema).includes(ref.name));
    stop();
  });

  test('tell whether the levels that they name are there, as soon as that changes', async () => {
    const { env, verbs, world } = fixture;
    const schemas = () => look().list(flowSchema, '');
    const isLevel = (name: string) => names(priorityLevelConfiguration).includes(name);
    const keeper = keepConditions(verbs, schemas, isLevel, env);
    const condition = async (name: string) => {
      keeper.look();
      await env.advance(0);
      await world.sync();
      const { status } = (await fixture.get(flowSchema, { namespace: '', name })) as unknown as FlowSchema;
      return status?.conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`);
    };
    const spec = { priorityLevelConfiguration: { name: 'later' } };
    await fixture.create(flowSchema, { metadata: { name: 'early' }, spec }, '');
    assert.deepEqual(await condition('early'), ['Dangling True NotFound']);
    const limited = { limitResponse: { type: 'Reject' } };
    await fixture.create(
      priorityLevelConfiguration,
      { metadata: { name: 'later' }, spec: { type: 'Limited', limited } },
      '',
    );
    assert.deepEqual(await condition('early'), ['Dangling False Found']);
    keeper.stop();
  });
});
