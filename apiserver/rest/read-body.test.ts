import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { isReason } from '#lib/meta/errors.ts';
import { readBody } from './read-body.ts';

suite('readBody()', () => {
  const limit = 3 * 1024 * 1024;

  function makeRequest(headers: Record<string, string> = {}): PassThrough & IncomingMessage {
    return Object.assign(new PassThrough({ highWaterMark: 8 * limit }), { headers }) as never;
  }

  test('gives the whole body', async () => {
    const request = makeRequest();
    const reading = readBody(request, makeFakeEnv());
    for (const part of ['a', 'b', 'c']) request.write(part);
    request.end();
    assert.equal((await reading).toString(), 'abc');
  });

  test('takes three MiB and no more, said before or found out', async () => {
    const env = makeFakeEnv();
    const tooLarge = (error: unknown) => isReason(error, 'RequestEntityTooLarge');
    const most = makeRequest({ 'content-length': String(limit) });
    most.end(Buffer.alloc(limit));
    assert.equal((await readBody(most, env)).length, limit);
    const told = makeRequest({ 'content-length': String(limit + 1) });
    told.end(Buffer.alloc(limit + 1));
    await assert.rejects(readBody(told, env), tooLarge);
    const found = makeRequest();
    for (let i = 0; i < 4; i++) found.write(Buffer.alloc(limit / 2));
    found.end();
    await assert.rejects(readBody(found, env), tooLarge);
    assert.equal(env.pending(), 0);
  });

  test('lets who sends too much go on for a moment, so that the answer is read', async () => {
    const env = makeFakeEnv();
    const endless = makeRequest({ 'content-length': String(10 * limit) });
    const outcome = readBody(endless, env).then(
      () => 'read',
      (error: unknown) => (isReason(error, 'RequestEntityTooLarge') ? 'too large' : error),
    );
    endless.write(Buffer.alloc(1000));
    assert.equal(await Promise.race([outcome, env.advance(499).then(() => 'waits')]), 'waits');
    await env.advance(1);
    assert.equal(await outcome, 'too large');
  });

  test('ends when the client leaves', async () => {
    const request = makeRequest();
    const reading = assert.rejects(readBody(request, makeFakeEnv()), (error) => isReason(error, 'BadRequest'));
    request.write('{');
    request.destroy();
    await reading;
  });
});
