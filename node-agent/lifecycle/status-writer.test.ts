import assert from 'node:assert/strict';
import type { Client } from '#lib/client/types.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { Pod, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { makePod } from './pods.fixture.ts';
import { makeStatusWriter } from './status-writer.ts';

const signal = new AbortController().signal;

/** A writer, and the phases and addresses that it has written. */
function makeSubject() {
  const env = makeFakeEnv();
  let pod: Pod = { ...makePod(), status: { phase: 'Pending' } };
  const written: string[] = [];
  const patch = (_kind: unknown, _ref: unknown, _type: unknown, { status }: { status: PodStatus }) => {
    written.push(`${status.phase ?? ''} ${status.podIP ?? ''}`.trim());
    return Promise.resolve({ ...pod, status: { ...pod.status, ...status } });
  };
  const writer = makeStatusWriter(
    { client: { patch } as unknown as Client, env },
    () => pod,
    (answer) => (pod = answer),
  );
  return { env, writer, written };
}

suite('node-agent/lifecycle/status-writer', () => {
  test('offer() tells of a pod that begins soon in one write', async () => {
    const { env, writer, written } = makeSubject();
    writer.offer({ phase: 'Pending', qosClass: 'BestEffort' });
    await env.advance(100);
    writer.offer({ phase: 'Pending', qosClass: 'BestEffort', podIP: '10.0.0.1' });
    await env.advance(100);
    writer.offer({ phase: 'Running', qosClass: 'BestEffort', podIP: '10.0.0.1' });
    await env.advance(10_000);
    assert.deepEqual(written, ['Running 10.0.0.1']);
  });

  test('offer() tells of a pod that takes its time to begin', async () => {
    const { env, writer, written } = makeSubject();
    writer.offer({ phase: 'Pending', podIP: '10.0.0.1' });
    await env.advance(400);
    assert.deepEqual(written, []);
    await env.advance(200);
    assert.deepEqual(written, ['10.0.0.1']);
  });

  test('settled() waits for nothing but the API', async () => {
    const { env, writer, written } = makeSubject();
    writer.offer({ phase: 'Pending', podIP: '10.0.0.1' });
    await writer.settled(signal);
    assert.deepEqual(written, ['10.0.0.1']);
    await env.advance(10_000);
    assert.equal(written.length, 1);
  });

  test('stop() leaves unwritten what waits', async () => {
    const { env, writer, written } = makeSubject();
    writer.offer({ phase: 'Pending', podIP: '10.0.0.1' });
    writer.stop();
    await env.advance(10_000);
    assert.deepEqual(written, []);
  });
});
