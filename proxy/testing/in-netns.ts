/**
 * A proxy over an API in memory, to be run in a network namespace by tests: the configuration is the first argument, and each line
 * of stdin an object to put (JSON), `{"remove": object}`, or `"tear down"`. Says `ready` once it listens.
 */
import { createInterface } from 'node:readline';
import { makeFakeClient } from '#lib/client/fake.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { service } from '#lib/kinds/service.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { ProxyConfig } from '../start.ts';
import { runProxy, tearDown } from '../start.ts';

const config = JSON.parse(process.argv[2]!) as Omit<ProxyConfig, 'server'>;
const env = makeRealEnv({ service: 'proxy' });
const client = makeFakeClient(env);
const running = await runProxy(config, client, env);
console.log('ready');

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Resource | { remove: Resource } | 'tear down';
  if (order === 'tear down') {
    await running.stop();
    await tearDown(config);
    process.exit(0);
  }
  const object = 'remove' in order ? order.remove : order;
  const kind: Kind = object.kind === 'Service' ? service : endpointSlice;
  const ref = { namespace: object.metadata.namespace!, name: object.metadata.name };
  if ('remove' in order) await client.delete(kind, ref);
  else {
    const before = await client.get(kind, ref).catch((error: unknown) => {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    });
    if (before)
      await client.update(kind, { ...object, metadata: { ...before.metadata, labels: object.metadata.labels } });
    else await client.create(kind, object);
  }
}
