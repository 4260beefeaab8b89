import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeRewriter } from './authority.ts';

const file = '/var/lib/kubelet/device-plugins/kubelet.sock';
const frame = (type: number, payload: Buffer) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, payload]);
};
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const settings = frame(4, Buffer.alloc(12));
const headers = (authority: string) =>
  frame(1, Buffer.concat([Buffer.from([0x41, authority.length]), Buffer.from(authority)]));
const plain = '-var-lib-kubelet-device-plugins-kubelet.sock';

suite('node-agent/devices/authority', () => {
  test('makeRewriter() turns the path of the first call into a name, however the bytes arrive', () => {
    const body = frame(0, Buffer.from(`${file} is what a message may well say`));
    const sent = Buffer.concat([preface, settings, headers(file), body]);
    const wanted = Buffer.concat([preface, settings, headers(plain), body]);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: sent.length }), { maxLength: 8 }), (cuts) => {
        const rewrite = makeRewriter(file);
        const ends = [...cuts.toSorted((a, b) => a - b), sent.length];
        const out = ends.flatMap((end, i) => rewrite(Buffer.from(sent.subarray(ends[i - 1] ?? 0, end))));
        assert.deepEqual(Buffer.concat(out), wanted);
      }),
    );
  });

  test('makeRewriter() lets go on at once what is before the first call: the client may wait for an answer to it', () => {
    const rewrite = makeRewriter(file);
    assert.deepEqual(Buffer.concat(rewrite(Buffer.concat([preface, settings]))), Buffer.concat([preface, settings]));
  });

  test('makeRewriter() leaves other names alone, and heads that are longer than any of ours', () => {
    for (const sent of [
      Buffer.concat([preface, settings, headers('localhost')]),
      Buffer.concat([preface, frame(1, Buffer.alloc(20_000, file))]),
    ]) {
      assert.deepEqual(Buffer.concat(makeRewriter(file)(Buffer.from(sent))), sent);
    }
  });
});
