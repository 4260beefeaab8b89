/** Input meant to hurt: each is refused or harmless, and meanwhile others are served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

/** No single piece of work may keep others waiting for longer, on the slowest of machines. */
const longestMs = 10_000;

suite('hostile input', () => {
  let space: Space;
  let api: TestApi;
  let maps: string;
  let timer: NodeJS.Timeout;
  let seenAt = 0;
  let worstMs = 0;
  suiteSetup(async () => {
    space = await makeSpace('hostile');
    ({ api } = space);
    maps = `${space.path}/configmaps`;
    await space.configMap('target');
  });
  setup(() => {
    worstMs = 0;
    seenAt = performance.now();
    timer = setInterval(() => {
      worstMs = Math.max(worstMs, performance.now() - seenAt);
      seenAt = performance.now();
    }, 10);
  });
  teardown(async () => {
    clearInterval(timer);
    assert.ok(worstMs < longestMs, `The server stood still for ${worstMs} ms`);
    assert.equal((await api.ask('GET', '/readyz')).code, 200);
  });

  const post = async (body: unknown, type = 'application/json') =>
    (await api.ask('POST', maps, { body, headers: { 'content-type': type } })).code;
  const nested = (open: string, levels: number, close: string) => open.repeat(levels) + close.repeat(levels);

  test('JSON that nests deeply', async () => {
    assert.equal(await post('['.repeat(1_000_000)), 400);
    assert.equal(await post(nested('[', 1_000_000, ']')), 400);
    assert.equal(await post(`{"metadata":{"name":"a"},"data":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`), 400);
    for (const type of [
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ]) {
      const patch = `{"data":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`;
      assert.equal((await space.patch(`${maps}/target?fieldManager=m`, patch, type)).code, 400, type);
    }
  });

  test('YAML that nests, multiplies, or is long', async () => {
    const yaml = 'application/yaml';
    assert.equal(await post(nested('[', 20_000, ']'), yaml), 400);
    const lines = Array.from({ length: 9 }, (_, i) => {
      const item = i === 0 ? 'x' : `*a${i - 1}`;
      return `a${i}: &a${i} [${Array.from({ length: 9 }, () => item).join()}]`;
    });
    assert.equal(await post(lines.join('\n'), yaml), 400);
    assert.equal(await post(`a: [${'x,'.repeat(1_000_000)}x]`, yaml), 413);
    assert.equal(await post(Array.from({ length: 200_000 }, (_, i) => `k${i}: v`).join('\n'), yaml), 413);
    // The first document alone is read: it has no name.
    assert.equal(await post('a: 1\n---\nb: 2\n', yaml), 422);
  });

  test('names that every object inherits are keys like others', async () => {
    const data = '{"__proto__":"p","constructor":"c","toString":"t"}';
    assert.equal(
      await post(`{"metadata":{"name":"keys","__proto__":{"a":1}},"data":${data},"__proto__":{"polluted":true}}`),
      201,
    );
    for (const type of ['application/merge-patch+json', 'application/strategic-merge-patch+json']) {
      await space.patch(`${maps}/keys`, '{"data":{"__proto__":"q","valueOf":"v"},"__proto__":{"polluted":true}}', type);
    }
    const { bytes } = await api.ask('GET', `${maps}/keys`);
    assert.ok(
      bytes.includes('"data":{"__proto__":"q","constructor":"c","toString":"t","valueOf":"v"}'),
      bytes.toString(),
    );
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  test('values that are too many or too large', async () => {
    const large = 'x'.repeat(2_000_000);
    assert.equal(await post({ metadata: { name: 'l', labels: { a: large } } }), 422);
    assert.equal(await post({ metadata: { name: 'l', annotations: { a: large } } }), 422);
    assert.equal(await post({ metadata: { name: 'l' }, data: { a: large } }), 422);
    assert.equal(await post({ metadata: { name: 'l' }, data: { a: large + large } }), 413);
    const operations = Array.from({ length: 20_000 }, () => ({ op: 'add', path: '/data/x', value: 'y' }));
    assert.equal((await space.patch(`${maps}/target`, operations, 'application/json-patch+json')).code, 413);
    const containers = Array.from({ length: 10_000 }, () => ({ name: 'same', image: 'i' }));
    const pod = { metadata: { name: 'p' }, spec: { containers } };
    assert.equal((await api.ask('POST', `${space.path}/pods`, { body: pod })).code, 422);
  });

  test('small texts that hold very much', async () => {
    const pods = `${space.path}/pods`;
    const spec = (list: string) => `{"metadata":{"name":"p"},"spec":{"containers":[${list}]}}`;
    const ask = async (path: string, body: string | Buffer, type = 'application/json', method = 'POST') =>
      (await api.ask(method, path, { body: Buffer.from(body), headers: { 'content-type': type } })).code;
    assert.equal(await ask(pods, spec(`${'{},'.repeat(900_000)}{}`)), 413);
    assert.equal(await ask(maps, `{"metadata":{"name":"l","finalizers":[${'"",'.repeat(900_000)}""]}}`), 413);
    // As many faults as there may be are told, but not more than can be read.
    const { code, bytes } = await api.ask('POST', pods, { body: spec(`${'{},'.repeat(9000)}{}`) });
    assert.equal(code, 422);
    assert.ok(bytes.length < 1_000_000);
    const containers = Buffer.alloc(2_800_000, Buffer.from([0x12, 0x00]));
    const message = Buffer.concat([length(0x12, containers), containers]);
    const pod = Buffer.concat([Buffer.from('6b3873000a090a0276311203506f64', 'hex'), length(0x12, message), message]);
    assert.equal(await ask(pods, pod, 'application/vnd.kubernetes.protobuf'), 413);
    const copies = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/b${i}` }));
    const bomb = [{ op: 'add', path: '/data', value: { a: 'x'.repeat(1000) } }, ...copies];
    assert.equal((await space.patch(`${maps}/target`, bomb, 'application/json-patch+json')).code, 422);
    const items = Array.from({ length: 10_000 }, (_, i) => ({ name: `c${i}`, image: 'i' }));
    const order = items.map(({ name }) => ({ name }));
    const patch = { spec: { containers: items, '$setElementOrder/containers': order } };
    await api.ask('POST', pods, {
      body: { metadata: { name: 'few' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    });
    assert.equal((await space.patch(`${pods}/few`, patch, 'application/strategic-merge-patch+json')).code, 422);
  });

  test('bodies that never come to an end keep nobody waiting', async () => {
    const head = `POST ${maps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a":`;
    const sockets = Array.from({ length: 100 }, () => open());
    await Promise.all(sockets.map((socket) => once(socket, 'secureConnect')));
    for (const socket of sockets) socket.write(head);
    for (let i = 0; i < 10; i++) assert.equal((await api.ask('GET', `${maps}/target`)).code, 200);
    for (const socket of sockets) socket.destroy();
  });

  test('texts that are no UTF-8, and protobuf that is none', async () => {
    const spoilt = Buffer.concat([Buffer.from('{"metadata":{"name":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}}')]);
    assert.equal(await post(spoilt), 422);
    assert.equal(await post(Buffer.alloc(1000)), 400);
    const head = '6b3873000a0f0a0276311209436f6e6669674d6170';
    const messages = [
      '',
      '6b3873',
      '6b387300',
      '6b3873000a',
      `6b387300${'ff'.repeat(9)}`,
      `${head}128080808010`,
      `${head}120a0aff`,
    ];
    for (const message of messages) {
      assert.equal(await post(Buffer.from(message, 'hex'), 'application/vnd.kubernetes.protobuf'), 400, message);
    }
    const groups = Buffer.concat([Buffer.from(head, 'hex'), Buffer.from([0x12, 0xff, 0x01]), Buffer.alloc(255, 0x0b)]);
    assert.ok([400, 422].includes(await post(groups, 'application/vnd.kubernetes.protobuf')));
  });

  test('queries and headers that are long', async () => {
    const ask = async (query: string, headers = {}) => (await api.ask('GET', `${maps}?${query}`, { headers })).code;
    assert.equal(await ask('a=b&'.repeat(3000)), 200);
    assert.equal(await ask(`labelSelector=${'a%2C'.repeat(2500)}`), 400);
    assert.equal(await ask(`labelSelector=${encodeURIComponent(`${'a '.repeat(3000)}!`)}`), 400);
    assert.equal(await ask(`labelSelector=${encodeURIComponent(`${'a'.repeat(9000)} in `)}`), 400);
    assert.equal(await ask(`fieldSelector=${'%5C'.repeat(3000)}`), 400);
    assert.equal(await ask('', { accept: 'application/json;q=0.1,'.repeat(500) }), 200);
    assert.match(await raw(`${maps}?${'a=b&'.repeat(100_000)}`), /^HTTP\/1\.1 431 |^$/);
  });

  test('tokens that were not given', async () => {
    const token = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const version = 'meta.k8s.io/v1';
    for (const value of [
      null,
      [],
      5,
      { v: version, rv: 1, start: '../../secrets/a' },
      { v: version, rv: -1, start: '' },
    ]) {
      assert.equal((await api.ask('GET', `${maps}?continue=${token(value)}`)).code, 400, JSON.stringify(value));
    }
  });

  test('paths that try to lead elsewhere', async () => {
    const elsewhere = [
      `${space.path}/../kube-system/secrets`,
      '//api/v1/secrets',
      '/api//v1/secrets',
      '/api/v1/namespaces//secrets',
      '/healthz/../api/v1/secrets',
      '/version/../api/v1/secrets',
      `${maps}/..%2f..%2fsecrets%2fa`,
      `${maps}/%ff`,
      '/api/v1/constructor',
      '/apis/__proto__/v1/x',
      '/apis/apps/v1/__proto__',
      `${maps}/target/__proto__`,
      '/openapi/v3/__proto__',
      '/healthz/__proto__',
      'http://elsewhere/api/v1/secrets',
    ];
    for (const path of elsewhere) assert.match(await raw(path), /^HTTP\/1\.1 40[04] /, path);
  });

  /** What stands before the bytes of a protobuf field. */
  function length(tag: number, { length: left }: Buffer): Buffer {
    const bytes = [tag];
    for (let rest = left; rest > 0; rest >>>= 7) bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    return Buffer.from(bytes);
  }

  /** A connection with the admin's certificate. */
  function open(): TLSSocket {
    const { hostname, port } = new URL(api.url);
    const file = (name: string) => readFileSync(`${api.folder}/${name}`);
    const options = {
      host: hostname,
      port: Number(port),
      ca: file('ca.crt'),
      cert: file('admin.crt'),
      key: file('admin.key'),
    };
    const socket = connect(options);
    socket.on('error', () => {});
    return socket;
  }

  /** The first line of the answer to a path as it is; '' when the connection is cut without one. */
  async function raw(path: string): Promise<string> {
    const socket = open();
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await new Promise((resolve) => socket.on('close', resolve));
    return text.split('\r\n', 1)[0]!;
  }
});
