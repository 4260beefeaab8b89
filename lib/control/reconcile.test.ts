import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import type { FakeClient } from '#lib/client/fake.ts';
import type { Client, View } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Service } from '#lib/env/service.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { event } from '#lib/kinds/event.ts';
import type { ConfigMap } from '#lib/kinds/gen/core-v1.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import { until } from './queue-contract.ts';
import { runController, watch } from './reconcile.ts';
import type { Controller } from './reconcile.ts';
import type { Action } from './types.ts';

/** A controller that wants `want` copies of each ConfigMap that says so. */
interface Seen {
  owner: ConfigMap;
  copies: ConfigMap[];
}

const copier: Controller<Seen> = {
  name: 'copier',
  watches: [watch(configMap, ({ metadata }) => [keyOf({ ...metadata, name: metadata.name.split('.')[0]! })])],
  see(key, { view }) {
    const owner = view.get(configMap, refOf(key));
    const copies = view.list(configMap).filter(({ metadata }) => metadata.name.startsWith(`${refOf(key).name}.`));
    return owner?.data?.['want'] ? { owner, copies } : undefined;
  },
  decide({ owner, copies }) {
    const missing = Number(owner.data!['want']) - copies.length;
    const report = {
      regarding: owner,
      done: { reason: 'Copied', message: 'Made {name}' },
      failed: { reason: 'Refused', message: 'Not made: {error}' },
    };
    return Array.from({ length: Math.max(0, missing) }, (): Action => {
      const metadata = { generateName: `${owner.metadata.name}.`, namespace: 'default' };
      return { do: 'create', kind: configMap, object: { metadata }, report };
    });
  },
  failed: ({ owner }, failures) => {
    const object: ConfigMap = { ...owner, data: { ...owner.data, trouble: failures[0]!.error.message } };
    return owner.data?.['trouble'] ? [] : [{ do: 'update', kind: configMap, object }];
  },
};

suite('runController', () => {
  const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
  let client: FakeClient;
  let running: Service | undefined;
  let ending: AbortController;

  setup(() => {
    client = makeFakeClient(env);
    ending = new AbortController();
  });
  teardown(async () => {
    await running?.stop();
    ending.abort(new Error('test over'));
  });

  const viewOf = (delayMs = 0): View =>
    makeView(delayed(client, delayMs), [{ kind: configMap }], { env, signal: ending.signal });
  const put = (name: string, want: number) =>
    client.create<ConfigMap>(configMap, { metadata: { name, namespace: 'default' }, data: { want: `${want}` } });
  const names = async () => (await client.list(configMap)).items.map(({ metadata }) => metadata.name);

  /** A client whose watch tells everything late. */
  function delayed(source: FakeClient, delayMs: number): Pick<Client, 'watch'> {
    return {
      async *watch(targets, options) {
        for await (const batch of source.watch(targets, options)) {
          if (delayMs > 0) await env.sleep(delayMs);
          yield batch;
        }
      },
    };
  }

  async function eventually(check: () => Promise<boolean>): Promise<void> {
    let done = false;
    while (!done) {
      done = await check();
      if (!done) await env.sleep(3);
    }
  }

  test('never acts twice on a world that lacks its own last step, however late the view is', async () => {
    await put('a', 5);
    running = runController(copier, { view: viewOf(40), client, env });
    await eventually(async () => (await names()).length >= 6);
    const current = await client.get(configMap, refOf('default/a'));
    await client.update(configMap, { ...current, data: { want: '8' } });
    await eventually(async () => (await names()).length >= 9);
    await env.sleep(150);
    assert.equal((await names()).length, 9);
  });

  test('tells outcomes in events, and failures in what failed() asks for', async () => {
    let refuse = true;
    const guarded: Client = {
      ...client,
      create: (kind, draft, options) => {
        if (refuse && kind.kind === configMap.kind) return Promise.reject(new ApiError('Forbidden', 'exceeded quota'));
        return client.create(kind, draft, options);
      },
    };
    await put('a', 1);
    running = runController(copier, { view: viewOf(), client: guarded, env });
    await eventually(
      async () => (await client.get(configMap, refOf('default/a'))).data?.['trouble'] === 'exceeded quota',
    );
    refuse = false;
    await eventually(async () => (await names()).length === 2);
    const told = async () => (await client.list(event)).items.map(({ reason, type }) => `${reason} ${type}`);
    await eventually(
      async () => (await told()).includes('Copied Normal') && (await told()).includes('Refused Warning'),
    );
  });

  test('stop() ends while a key waits for the view', async () => {
    await put('a', 1);
    running = runController(copier, { view: viewOf(50), client, env });
    await eventually(async () => (await names()).length === 2);
    await running.stop();
    running = undefined;
    await put('b', 3);
    await env.sleep(80);
    assert.deepEqual(
      (await names()).filter((name) => name.startsWith('b')),
      ['b'],
    );
  });

  test('a wake looks again although nothing changed', async () => {
    let looks = 0;
    const sleeper: Controller<true> = {
      name: 'sleeper',
      watches: copier.watches,
      see: () => true,
      decide: () => (++looks < 3 ? [{ do: 'wake', afterMs: 5 }] : []),
    };
    await put('a', 0);
    running = runController(sleeper, { view: viewOf(), client, env });
    await until(() => looks === 3);
  });
});
