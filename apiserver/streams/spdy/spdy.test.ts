import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { constants, createDeflate } from 'node:zlib';
import fc from 'fast-check';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { serveSpdy } from './connection.ts';
import type { SpdyConnection, SpdyStream } from './connection.ts';
import { dictionary, dictionaryId } from './dictionary.ts';
import { bodyBytes, decodeFrame, encodeFrame, frameHeaderBytes } from './frames.ts';
import type { Frame } from './frames.ts';
import { makeHeaderReader, makeHeaderWriter } from './headers.ts';

const stream = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all));
const word = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constantFrom('syn-stream', 'syn-reply', 'headers'),
    stream,
    isLast: fc.boolean(),
    headers: bytes,
  }),
  fc.record({ type: fc.constant('data'), stream, isLast: fc.boolean(), data: bytes }),
  fc.record({ type: fc.constant('reset'), stream, status: word }),
  fc.record({ type: fc.constant('ping'), id: word }),
  fc.record({ type: fc.constant('go-away'), lastStream: word, status: word }),
  fc.record({ type: fc.constant('window-update'), stream, deltaBytes: word }),
);

function decode(all: Buffer): Frame | undefined {
  const header = all.subarray(0, frameHeaderBytes);
  assert.equal(bodyBytes(header), all.length - frameHeaderBytes);
  return decodeFrame(header, all.subarray(frameHeaderBytes));
}

suite('spdy', () => {
  test('decodeFrame() reads what encodeFrame() wrote', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => assert.deepEqual(decode(Buffer.concat(encodeFrame(frame))), { ...frame })),
    );
  });

  test('decodeFrame() refuses other versions, short bodies and long frames', () => {
    const ping = Buffer.concat(encodeFrame({ type: 'ping', id: 1 }));
    const other = Buffer.from(ping);
    other[1] = 2;
    assert.throws(() => decodeFrame(other, other.subarray(8)), /unknown SPDY version 2/);
    assert.throws(() => decodeFrame(ping, Buffer.alloc(3)), /too short/);
    ping[5] = 0xff;
    assert.throws(() => bodyBytes(ping), /too long/);
  });

  test('the dictionary is the one that the protocol names by its Adler-32', () => {
    let [low, high] = [1, 0];
    for (const byte of dictionary) {
      low = (low + byte) % 65521;
      high = (high + low) % 65521;
    }
    assert.equal((high * 65536 + low) >>> 0, dictionaryId);
  });

  test('makeHeaderReader() reads stored and deflated blocks, one after the other', async () => {
    const pairs = fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.stringMatching(/^[ -~]{0,200}$/), {
      maxKeys: 8,
    });
    const lists = fc.sample(fc.array(pairs, { minLength: 1, maxLength: 6 }), { numRuns: 30, seed: 1 });
    for (const list of lists) {
      const writer = makeHeaderWriter();
      const reader = makeHeaderReader();
      const deflate = deflateWriter();
      const deflatedReader = makeHeaderReader();
      for (const one of list) {
        const headers = new Map(Object.entries(one));
        assert.deepEqual(await reader.read(writer(headers)), headers);
        assert.deepEqual(await deflatedReader.read(await deflate(plainBlock(headers))), headers);
      }
      reader.close();
      deflatedReader.close();
    }
  });

  test('makeHeaderReader() refuses blocks that unfold without end, and garbage', async () => {
    const bomb = plainBlock(new Map([['a', 'x'.repeat(1_000_000)]]));
    await assert.rejects(makeHeaderReader().read(await deflateWriter()(bomb)), /block is too long/);
    await assert.rejects(makeHeaderReader().read(Buffer.from('garbage')), /cannot read headers/);
    const lying = plainBlock(new Map([['a', 'b']]));
    lying.writeUInt32BE(2 ** 31, 4);
    await assert.rejects(makeHeaderReader().read(await deflateWriter()(lying)), /longer than its block/);
  });

  suite('serveSpdy()', () => {
    let near: Socket;
    let connection: SpdyConnection;
    let streams: SpdyStream[];
    let received: Frame[];
    let env: ReturnType<typeof makeFakeEnv>;
    let stop: () => void;

    setup(async () => {
      env = makeFakeEnv();
      streams = [];
      received = [];
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        connection = serveSpdy(socket, env, (opened) => streams.push(opened));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      near = connect((server.address() as AddressInfo).port, '127.0.0.1');
      near.on('error', () => {});
      let left = Buffer.alloc(0);
      near.on('data', (chunk: Buffer) => {
        left = Buffer.concat([left, chunk]);
        while (left.length >= 8 && left.length >= 8 + bodyBytes(left)) {
          const end = 8 + bodyBytes(left);
          received.push(decode(left.subarray(0, end))!);
          left = left.subarray(end);
        }
      });
      await once(near, 'connect');
      await until(() => connection);
      stop = () => {
        near.destroy();
        server.close();
      };
    });
    teardown(() => stop());

    const send = (frame: Frame) => near.write(Buffer.concat(encodeFrame(frame)));
    const opener = () => {
      const writer = makeHeaderWriter();
      return (id: number, isLast = false) =>
        send({ type: 'syn-stream', stream: id, isLast, headers: writer(new Map([['streamtype', `s${id}`]])) });
    };

    test('answers each stream, and carries data both ways to both ends', async () => {
      const open = opener();
      open(1);
      open(3, true);
      await until(() => streams.length === 2);
      const [first, second] = streams as [SpdyStream, SpdyStream];
      assert.deepEqual([first.headers.get('streamtype'), second.headers.get('streamtype')], ['s1', 's3']);
      send({ type: 'data', stream: 1, isLast: true, data: Buffer.from('hello') });
      assert.equal((await first.toArray()).join(''), 'hello');
      second.end('bye');
      await until(() => received.some((frame) => frame.type === 'data' && frame.isLast));
      assert.deepEqual(
        received.filter((frame) => frame.type === 'syn-reply').map(({ stream }) => stream),
        [1, 3],
      );
      const data = received.filter((frame) => frame.type === 'data' && frame.stream === 3);
      assert.equal(Buffer.concat(data.map((frame) => (frame as { data: Buffer }).data)).toString(), 'bye');
    });

    test('stops reading while nobody reads a stream, and grants what was read', async () => {
      opener()(1);
      await until(() => streams.length === 1);
      const chunk = Buffer.alloc(32 * 1024);
      for (let sent = 0; sent < 400; sent++) send({ type: 'data', stream: 1, isLast: sent === 399, data: chunk });
      await until(() => streams[0]!.readableLength >= 256 * 1024);
      assert.ok(streams[0]!.readableLength < 400 * 1024);
      assert.ok(near.writableLength > 0);
      let read = 0;
      for await (const part of streams[0]!) read += (part as Buffer).length;
      assert.equal(read, 400 * chunk.length);
      assert.ok(received.some((frame) => frame.type === 'window-update' && frame.stream === 1));
    });

    test('a reset ends its stream alone', async () => {
      const open = opener();
      open(1);
      open(3);
      await until(() => streams.length === 2);
      send({ type: 'reset', stream: 1, status: 5 });
      await until(() => streams[0]!.destroyed);
      assert.equal(streams[1]!.destroyed, false);
      assert.equal(connection.over.aborted, false);
    });

    test('answers pings, and sends its own', async () => {
      send({ type: 'ping', id: 7 });
      await until(() => received.some((frame) => frame.type === 'ping' && frame.id === 7));
      await env.advance(15_000);
      await until(() => received.some((frame) => frame.type === 'ping' && frame.id === 2));
    });

    for (const [what, frames] of [
      ['a stream opened twice', [1, 1]],
      ['a stream with the server’s number', [2]],
      ['a stream below the last', [5, 3]],
    ] as const)
      test(`${what} ends the connection`, async () => {
        const open = opener();
        for (const id of frames) open(id);
        await until(() => connection.over.aborted);
        assert.equal(env.pending(), 0);
      });

    test('a thousand streams are enough', async () => {
      const open = opener();
      for (let index = 0; index <= 1000; index++) open(2 * index + 1);
      await until(() => received.some((frame) => frame.type === 'reset'));
      assert.deepEqual(
        received.find((frame) => frame.type === 'reset'),
        { type: 'reset', stream: 2001, status: 3 },
      );
    });

    test('a client that leaves ends all its streams', async () => {
      opener()(1);
      await until(() => streams.length === 1);
      near.destroy();
      await until(() => streams[0]!.destroyed && connection.over.aborted);
      assert.equal(env.pending(), 0);
    });
  });
});

function plainBlock(headers: ReadonlyMap<string, string>): Buffer {
  const text = (value: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return [length, Buffer.from(value, 'latin1')];
  };
  const count = Buffer.alloc(4);
  count.writeUInt32BE(headers.size);
  return Buffer.concat([count, ...[...headers].flatMap((pair) => pair.flatMap(text))]);
}

/** What clients do: one deflate stream, flushed after each block. */
function deflateWriter(): (block: Buffer) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH });
  const parts: Buffer[] = [];
  deflate.on('data', (part: Buffer) => parts.push(part));
  return async (block) => {
    parts.length = 0;
    await new Promise<void>((resolve) => deflate.write(block, () => resolve()));
    return Buffer.concat(parts);
  };
}

async function until<T>(check: () => T): Promise<void> {
  for (const deadline = Date.now() + 5000; !check();) {
    if (Date.now() > deadline) throw new Error(`Still not so: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
