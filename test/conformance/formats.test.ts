/** The formats and shapes that answers come in: JSON, YAML, protobuf; tables and metadata; compressed and pretty. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { parse } from 'yaml';
import { kinds } from '#lib/kinds/index.ts';
import { decodeEnvelope, encodeEnvelope } from '../../apiserver/rest/protobuf.ts';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const protobufType = 'application/vnd.kubernetes.protobuf';
const asMetadata = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const asMetadataList = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const asTable = 'as=Table;g=meta.k8s.io;v=v1';

suite('formats', () => {
  let space: Space;
  let api: TestApi;
  let maps: string;
  suiteSetup(async () => {
    space = await makeSpace('formats');
    ({ api } = space);
    maps = `${space.path}/configmaps`;
    await space.configMap('one', { labels: { a: 'b' } });
  });

  const get = (path: string, accept: string, headers = {}) => api.ask('GET', path, { headers: { accept, ...headers } });
  // oxlint-disable-next-line typescript/no-explicit-any
  const decoded = (bytes: Buffer): any => decodeEnvelope(bytes);

  test('an object is the same in JSON, YAML and protobuf', async () => {
    const path = `${maps}/one`;
    const json = await get(path, 'application/json');
    const yaml = await get(path, 'application/yaml');
    const proto = await get(path, `${protobufType},application/json`);
    assert.equal(yaml.headers['content-type'], 'application/yaml');
    assert.equal(proto.headers['content-type'], protobufType);
    assert.deepEqual(parse(yaml.bytes.toString()), json.body);
    assert.deepEqual(decoded(proto.bytes), json.body);
    assert.deepEqual(decoded((await get(path, protobufType)).bytes), json.body);
  });

  test('protobuf bodies are taken, and answered in kind', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'proto' }, data: { a: 'b' } };
    const headers = { 'content-type': protobufType, accept: protobufType };
    const created = await api.ask('POST', maps, { body: encodeEnvelope(object)!, headers });
    assert.equal(created.code, 201);
    assert.deepEqual(decoded(created.bytes).data, { a: 'b' });
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'another' } };
    const refused = await api.ask('DELETE', `${maps}/proto`, { body: encodeEnvelope(options)!, headers });
    assert.equal(refused.code, 409);
    assert.equal(decoded(refused.bytes).reason, 'Conflict');
    const deleted = await api.ask('DELETE', `${maps}/proto`, { headers });
    assert.deepEqual([deleted.code, decoded(deleted.bytes).status], [200, 'Success']);
  });

  test('lists of every kind are the same in JSON and protobuf', async () => {
    for (const kind of kinds.filter(({ verbs }) => verbs.includes('list'))) {
      const path = `${kind.group ? `/apis/${kind.group}` : '/api'}/${kind.version}/${kind.plural}`;
      const proto = await get(path, protobufType);
      const { body } = await get(path, 'application/json');
      assert.equal(proto.headers['content-type'], protobufType, path);
      const list = decoded(proto.bytes);
      assert.deepEqual([list.apiVersion, list.kind], [body.apiVersion, body.kind]);
      // What is not stored has no time of its making: null in JSON, and nothing in protobuf.
      const given = (metadata: object) =>
        Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null));
      const names = (items: { metadata: object }[] = []) => items.map(({ metadata }) => given(metadata));
      assert.deepEqual(names(list.items), names(body.items), path);
    }
  });

  test('a watch in protobuf is a frame for each event', async () => {
    const frames = await framesOf(`${maps}?watch=1&fieldSelector=metadata.name%3Dframed`, protobufType);
    assert.equal(frames.type, `${protobufType};stream=watch`);
    await space.configMap('framed');
    await space.patch(`${maps}/framed`, { data: { a: 'b' } });
    await api.ask('DELETE', `${maps}/framed`);
    for (const [type, data] of [
      ['ADDED', undefined],
      ['MODIFIED', { a: 'b' }],
      ['DELETED', { a: 'b' }],
    ] as const) {
      const event = await frames.next();
      assert.deepEqual([event.type, event.object.kind, event.object.data], [type, 'ConfigMap', data]);
    }
    frames.close();
  });

  test('a watch in protobuf marks the end of the state in its own format', async () => {
    const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const selector = 'fieldSelector=metadata.name%3Dnone';
    const frames = await framesOf(`${maps}?watch=1&${initial}&${selector}`, protobufType);
    const { type, object } = await frames.next();
    assert.deepEqual([type, object.kind], ['BOOKMARK', 'ConfigMap']);
    const blueprint = object.metadata.annotations['kubernetes.io/initial-events-list-blueprint'];
    const list = decoded(Buffer.from(blueprint, 'base64'));
    assert.deepEqual([list.kind, list.apiVersion, list.items], ['ConfigMapList', 'v1', undefined]);
    frames.close();
  });

  test('metadata alone, of one, of a list, and of a watch', async () => {
    for (const type of ['application/json', protobufType]) {
      const read = (answer: { bytes: Buffer; body: unknown }) =>
        type === protobufType ? decoded(answer.bytes) : answer.body;
      const one = read(await get(`${maps}/one`, `${type};${asMetadata}`));
      assert.deepEqual([one.kind, one.apiVersion, one.data], ['PartialObjectMetadata', 'meta.k8s.io/v1', undefined]);
      assert.equal(one.metadata.labels.a, 'b');
      const list = read(await get(`${maps}?fieldSelector=metadata.name%3Done`, `${type};${asMetadataList}`));
      assert.deepEqual([list.kind, list.items.length], ['PartialObjectMetadataList', 1]);
      assert.equal(list.items[0].metadata.name, 'one');
    }
    const frames = await framesOf(`${maps}?watch=1`, `${protobufType};${asMetadata}`);
    assert.equal((await frames.next()).object.kind, 'PartialObjectMetadata');
    frames.close();
    const lines = await api.watch(`${maps}?watch=1`, { accept: `application/json;${asMetadata}` });
    assert.equal((await lines.next()).object.kind, 'PartialObjectMetadata');
    lines.close();
  });

  test('shapes that do not fit what was asked for', async () => {
    const told = async (path: string, accept: string) => {
      const { code, body } = await get(path, accept);
      return [code, body.reason, body.message];
    };
    assert.deepEqual(await told(maps, `application/json;${asMetadata}`), [
      406,
      'NotAcceptable',
      'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
    ]);
    assert.deepEqual(await told(`${maps}/one`, `application/json;${asMetadataList}`), [
      406,
      'NotAcceptable',
      'you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
    ]);
  });

  test('tables, and how much of each object their rows carry', async () => {
    const table = async (query: string, accept = `application/json;${asTable}`) =>
      (await get(`${maps}/one${query}`, accept)).body;
    assert.equal((await table('')).rows[0].object.kind, 'PartialObjectMetadata');
    assert.equal((await table('?includeObject=Metadata')).rows[0].object.kind, 'PartialObjectMetadata');
    assert.equal((await table('?includeObject=Object')).rows[0].object.kind, 'ConfigMap');
    assert.ok(!('object' in (await table('?includeObject=None')).rows[0]));
    const beta = await table('', `application/json;${asTable.replace('v=v1', 'v=v1beta1')}`);
    assert.equal(beta.apiVersion, 'meta.k8s.io/v1beta1');
    const refused = await table('?includeObject=All');
    assert.deepEqual(
      [refused.code, refused.message],
      [
        400,
        "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty",
      ],
    );
    // There are no tables in protobuf: the next that is accepted is taken.
    const fallback = await get(`${maps}/one`, `${protobufType};${asTable},application/json;${asTable}`);
    assert.equal(fallback.body.kind, 'Table');
    const yaml = await get(`${maps}/one`, `application/yaml;${asTable}`);
    assert.equal(parse(yaml.bytes.toString()).kind, 'Table');
  });

  test('failures come in what the client accepts, and in JSON when that is nothing', async () => {
    const missing = `${maps}/none`;
    const status = decoded((await get(missing, `${protobufType},application/json`)).bytes);
    assert.deepEqual([status.kind, status.reason, status.code], ['Status', 'NotFound', 404]);
    assert.deepEqual(status.details, { name: 'none', kind: 'configmaps' });
    assert.equal(parse((await get(missing, 'application/yaml')).bytes.toString()).reason, 'NotFound');
    assert.equal((await get(missing, `application/json;${asTable}`)).body.reason, 'NotFound');
    const unacceptable = await get(maps, 'text/plain');
    assert.deepEqual(
      [unacceptable.code, unacceptable.headers['content-type'], unacceptable.body.message],
      [
        406,
        'application/json',
        `only the following media types are accepted: application/json, application/yaml, ${protobufType}`,
      ],
    );
  });

  test('a watch is not to be had in YAML', async () => {
    const { code, bytes } = await get(`${maps}?watch=1`, 'application/yaml');
    assert.equal(code, 406);
    assert.equal(
      parse(bytes.toString()).message,
      `only the following media types are accepted: application/json;stream=watch, ${protobufType};stream=watch`,
    );
  });

  test('bodies in every format that upstream reads, and in no other', async () => {
    const post = (type: string, body: string | Buffer) =>
      api.ask('POST', maps, { body: Buffer.from(body), headers: { 'content-type': type } });
    assert.equal((await post('application/json; charset=utf-8', '{"metadata":{"name":"charset"}}')).code, 201);
    assert.equal((await post('application/yaml', 'metadata:\n  name: yaml\n')).code, 201);
    for (const type of ['application/cbor', 'text/plain', 'application/x-yaml', 'json']) {
      const { code, body } = await post(type, '{"metadata":{"name":"x"}}');
      assert.deepEqual(
        [code, body.message],
        [
          415,
          `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${protobufType}`,
        ],
      );
    }
  });

  test('JSON is written for people to read when they ask for it, or are known to', async () => {
    const isPretty = async (query: string, headers = {}) =>
      (await api.ask('GET', `${maps}/one${query}`, { headers })).bytes.includes('{\n  "');
    for (const value of ['1', 'true', 'True', 't']) assert.ok(await isPretty(`?pretty=${value}`), value);
    for (const value of ['0', 'false', 'yes']) {
      assert.ok(!(await isPretty(`?pretty=${value}`, { 'user-agent': 'curl/8' })), value);
    }
    assert.ok(!(await isPretty('')));
    assert.ok(await isPretty('', { 'user-agent': 'curl/8.1' }));
    assert.ok(await isPretty('', { 'user-agent': 'Mozilla/5.0 (X11)' }));
    assert.ok(await isPretty('', { accept: 'application/json;pretty=1' }));
    const missing = await api.ask('GET', `${maps}/none?pretty=true`);
    assert.ok(missing.bytes.includes('{\n  "kind": "Status"'));
    const list = await api.ask('GET', `${maps}?pretty=true`);
    assert.ok(list.bytes.includes('{\n  "'));
  });

  test('large answers are compressed for those who take gzip', async () => {
    const data = { a: 'x'.repeat(100_000), b: 'y'.repeat(100_000) };
    await api.ask('POST', maps, { body: { metadata: { name: 'large', labels: { size: 'large' } }, data } });
    for (const accept of ['application/json', protobufType]) {
      for (const path of [`${maps}/large`, `${maps}?labelSelector=size%3Dlarge`]) {
        const plain = await get(path, accept);
        assert.equal(plain.headers['content-encoding'], undefined);
        const small = await get(path, accept, { 'accept-encoding': 'deflate, gzip' });
        assert.equal(small.headers['content-encoding'], 'gzip');
        assert.equal(small.headers['vary'], 'Accept-Encoding');
        assert.equal(small.headers['content-length'], undefined);
        assert.ok(small.bytes.length < 10_000);
        assert.ok(gunzipSync(small.bytes).equals(plain.bytes));
      }
    }
    const stream = api.http2().request({ ':path': `${maps}/large`, 'accept-encoding': 'gzip' });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    assert.equal(JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()).data.a, data.a);
    const little = await get(`${maps}/one`, 'application/json', { 'accept-encoding': 'gzip' });
    assert.equal(little.headers['content-encoding'], undefined);
    const refused = await get(`${maps}/large`, 'application/json', { 'accept-encoding': 'gzip;q=0' });
    assert.equal(refused.headers['content-encoding'], undefined);
  });

  /** Reads the frames of a watch, over HTTP/2. */
  async function framesOf(path: string, accept: string) {
    const stream: ClientHttp2Stream = api.http2().request({ ':path': path, accept });
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    const chunks = stream[Symbol.asyncIterator]();
    let unread = Buffer.alloc(0);
    return {
      type: headers['content-type'],
      // oxlint-disable-next-line typescript/no-explicit-any
      async next(): Promise<any> {
        for (;;) {
          const length = unread.length >= 4 ? unread.readUInt32BE() : Infinity;
          if (unread.length >= length + 4) {
            const frame = unread.subarray(4, length + 4);
            unread = unread.subarray(length + 4);
            return eventOf(frame);
          }
          const { value, done } = await chunks.next();
          if (done) return undefined;
          unread = Buffer.concat([unread, value as Buffer]);
        }
      },
      close: () => stream.close(),
    };
  }

  /** A meta/v1 WatchEvent, read by hand: its type, and its object in a RawExtension. */
  function eventOf(frame: Buffer) {
    const reader = protobuf.Reader.create(frame);
    assert.equal(reader.uint32(), 0x0a);
    const type = reader.string();
    assert.equal(reader.uint32(), 0x12);
    reader.uint32();
    assert.equal(reader.uint32(), 0x0a);
    const object = decoded(Buffer.from(reader.bytes()));
    assert.equal(reader.pos, frame.length);
    return { type, object };
  }
});
