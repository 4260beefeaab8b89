import assert from 'node:assert/strict';
import { builtIn } from '#lib/kinds/index.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { isReason } from '#lib/meta/errors.ts';
import { makeRequestContext } from '../request-context.ts';
import type { RequestContext } from '../request-context.ts';
import { requestInfoOf } from '../request-info.ts';
import { withDeadline } from './deadline.ts';

suite('withDeadline()', () => {
  function contextOf(url: string): RequestContext {
    const [path = '', search = ''] = url.split('?');
    const query = new URLSearchParams(search);
    const info = requestInfoOf('GET', path, query);
    return makeRequestContext(
      { request: {} as never, info, ownPath: '', query, auditId: 'a', startedAtMs: 0 },
      builtIn,
    );
  }

  /** How a request ends whose handler ends when `ends` says, after so many milliseconds; 'open' when it has not ended. */
  async function outcomeAfter(ms: number, url: string, ends = new Promise<void>(() => {})): Promise<string> {
    const env = makeFakeEnv();
    const context = contextOf(url);
    const served = withDeadline(env)(() => ends)(context).then(
      () => 'served',
      (error: unknown) => (isReason(error, 'Timeout') && context.isLate ? 'late' : String(error)),
    );
    return Promise.race([served, env.advance(ms).then(() => 'open')]);
  }

  test('gives a request a minute, or the less that it asks for', async () => {
    const path = '/api/v1/pods';
    assert.equal(await outcomeAfter(59_999, path), 'open');
    assert.equal(await outcomeAfter(60_000, path), 'late');
    assert.equal(await outcomeAfter(1499, `${path}?timeout=1.5s`), 'open');
    assert.equal(await outcomeAfter(1500, `${path}?timeout=1.5s`), 'late');
    for (const timeout of ['0s', '2m', '-1s'])
      assert.equal(await outcomeAfter(60_000, `${path}?timeout=${timeout}`), 'late');
    assert.equal(await outcomeAfter(59_999, `${path}?timeout=2m`), 'open');
  });

  test('leaves watches and streams alone', async () => {
    const pod = '/api/v1/namespaces/a/pods/b';
    for (const path of ['/api/v1/pods?watch=1&timeout=1s', `${pod}/log`, `${pod}/exec`, `${pod}/proxy/x`])
      assert.equal(await outcomeAfter(3_600_000, path), 'open', path);
  });

  test('hands on how the handler ends, and waits no longer', async () => {
    assert.equal(await outcomeAfter(0, '/api/v1/pods', Promise.resolve()), 'served');
    assert.equal(await outcomeAfter(0, '/api/v1/pods', Promise.reject(new Error('no'))), 'Error: no');
    const env = makeFakeEnv();
    await withDeadline(env)(async () => {})(contextOf('/api/v1/pods'));
    assert.equal(env.pending(), 0);
  });

  test('nobody hears of a handler that fails after its time', async () => {
    const env = makeFakeEnv();
    const late = Promise.withResolvers<void>();
    const served = assert.rejects(withDeadline(env)(() => late.promise)(contextOf('/api/v1/pods')), /allotted timeout/);
    await env.advance(60_000);
    await served;
    late.reject(new Error('too late'));
    await env.advance(1);
  });
});
