import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { makeLog } from '#lib/env/log.ts';
import { makeRegistry } from '#lib/metrics/registry.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import { doomedBackups } from './backups.ts';
import { eventLine } from './event.ts';
import { demandLog, openLog } from './log-file.ts';
import { objectText } from './objects.ts';
import { makeSink } from './sink.ts';
import type { Target } from './sink.ts';
import { sourceIps } from './source-ips.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

suite('makeSink()', () => {
  let logged: string[];
  let env: FakeEnv;
  let registry: Registry;
  let written: string[];
  let release: (() => void)[];
  let failure: Error | undefined;
  const target: Target = {
    async append(bytes) {
      await new Promise<void>((resolve) => release.push(resolve));
      if (failure) throw failure;
      written.push(bytes.toString());
    },
    close: async () => void written.push('closed'),
  };
  setup(() => {
    logged = [];
    const log = makeLog({ level: 'info', format: 'text', now: () => 0, write: (line) => logged.push(line) });
    env = makeFakeEnv({ log });
    registry = makeRegistry();
    written = [];
    release = [];
    failure = undefined;
  });
  const errors = () => /apiserver_audit_error_total\{plugin="log"\} (\d+)/.exec(registry.render())?.[1];
  const go = async () => {
    release.shift()!();
    await settle();
  };

  test('writes lines in order, those together that gathered meanwhile', async () => {
    const sink = makeSink(target, registry, env);
    for (const line of ['a\n', 'b\n', 'c\n']) sink.write(line);
    assert.equal(sink.room(), undefined);
    await go();
    await go();
    assert.deepEqual(written, ['a\n', 'b\nc\n']);
    sink.write('d\n');
    const closing = sink.close();
    await go();
    await closing;
    assert.deepEqual(written.slice(2), ['d\n', 'closed']);
    assert.equal(errors(), '0');
  });

  test('holds requests up while a slow target has much before it, each for a second at most', async () => {
    const sink = makeSink(target, registry, env);
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 10; i++) sink.write(megabyte);
    let held = 2;
    for (const room of [sink.room(), sink.room()]) void room!.then(() => held--);
    await go();
    assert.equal(held, 2, 'nine are still too many');
    const late = sink.room()!;
    await env.advance(1000);
    await late;
    assert.equal(held, 0);
    void sink.room()!.then(() => held--);
    await go();
    assert.equal(held, -1);
    assert.equal(sink.room(), undefined);
  });

  test('loses what it has no room for, counts it, and tells it once a minute', async () => {
    const sink = makeSink(target, registry, env);
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 20; i++) sink.write(megabyte);
    assert.equal(errors(), '4');
    assert.equal(logged.length, 1);
    await env.advance(60_000);
    sink.write(megabyte);
    assert.equal(logged.length, 2);
    assert.match(logged[1]!, /count=4 /);
  });

  test('goes on after a target that failed', async () => {
    const sink = makeSink(target, registry, env);
    failure = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    sink.write('a\n');
    await go();
    failure = undefined;
    sink.write('b\n');
    await go();
    assert.deepEqual(written, ['b\n']);
    assert.equal(errors(), '1');
    assert.match(logged[0]!, /no space left/);
  });

  test('close() waits for a target that does not answer only so long', async () => {
    const sink = makeSink(target, registry, env);
    sink.write('a\n');
    const closing = sink.close();
    await env.advance(2000);
    await closing;
    assert.deepEqual(written, ['closed']);
  });
});

suite('openLog()', () => {
  let folder: string;
  let env: FakeEnv;
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'wherry-audit-'));
    env = makeFakeEnv({ startMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
  });
  teardown(() => rmSync(folder, { recursive: true, force: true }));

  test('sets the file aside before it grows too large, and keeps so many', async () => {
    const logFile = join(folder, 'deep/audit.log');
    const log = openLog({ logFile, maxSizeMb: 1, maxBackups: 2 }, env);
    for (const letter of ['a', 'b', 'c', 'd']) {
      await log.append(Buffer.from(`${letter.repeat(600_000)}\n`));
      await env.advance(1000);
    }
    // Two at one moment have names of their own.
    await log.append(Buffer.from(`${'e'.repeat(600_000)}\n`));
    await log.append(Buffer.from(`${'f'.repeat(600_000)}\n`));
    await log.close();
    const names = readdirSync(join(folder, 'deep')).toSorted();
    assert.deepEqual(names, ['audit-2026-01-02T03-04-09.006.log', 'audit-2026-01-02T03-04-09.007.log', 'audit.log']);
    const first = (name: string) => readFileSync(join(folder, 'deep', name), 'utf8')[0];
    assert.deepEqual(names.map(first), ['d', 'e', 'f']);
    assert.equal(statSync(logFile).mode & 0o777, 0o600);
  });

  test('goes on with the file that is there', async () => {
    const logFile = join(folder, 'audit.log');
    writeFileSync(logFile, 'x'.repeat(1024 * 1024 - 2));
    const log = openLog({ logFile, maxSizeMb: 1 }, env);
    await log.append(Buffer.from('a\n'));
    assert.equal(readdirSync(folder).length, 1);
    await log.append(Buffer.from('b\n'));
    await log.close();
    assert.equal(readdirSync(folder).length, 2);
    assert.equal(readFileSync(logFile, 'utf8'), 'b\n');
  });

  test('says what a full disk says, and tries again with the next', async () => {
    const log = openLog({ logFile: '/dev/full' }, env);
    await assert.rejects(log.append(Buffer.from('a\n')), /ENOSPC/);
    await assert.rejects(log.append(Buffer.from('b\n')), /ENOSPC/);
    await log.close();
  });

  test('demandLog() throws for a file that cannot be', () => {
    assert.throws(() => demandLog({ logFile: folder }), /EISDIR/);
    demandLog({ logFile: '-' });
  });

  test('doomedBackups() names those that are too old or too many, and no other files', () => {
    const at = (day: number) => `audit-2026-01-${String(day).padStart(2, '0')}T00-00-00.000.log`;
    const names = [at(1), at(3), at(2), at(20), 'audit.log', 'audit-x.log', 'other-2026-01-01T00-00-00.000.log'];
    const now = Date.UTC(2026, 0, 21);
    const doomed = (maxAgeDays: number, maxBackups: number) =>
      doomedBackups('/var/log/audit.log', names, now, { maxAgeDays, maxBackups }).toSorted();
    assert.deepEqual(doomed(0, 0), []);
    assert.deepEqual(doomed(0, 2), [at(1), at(2)]);
    assert.deepEqual(doomed(18, 0), [at(1), at(2)]);
    assert.deepEqual(doomed(1, 3), [at(1), at(2), at(3)]);
  });
});

suite('parts of events', () => {
  test('eventLine() writes fields in upstream’s order and leaves out what is empty', () => {
    const line = eventLine({
      level: 'Request',
      auditId: 'id',
      stage: 'ResponseComplete',
      requestUri: '/api/v1/pods?limit=1',
      verb: 'list',
      user: { name: 'jane', groups: ['dev'], extra: {} },
      impersonatedUser: undefined,
      sourceIps: ['10.0.0.1'],
      userAgent: 'x'.repeat(1025),
      objectRef: { resource: 'pods', namespace: '', apiVersion: 'v1', name: '' },
      responseStatus: { metadata: {}, code: 200 },
      requestObject: '{"kind":"DeleteOptions"}',
      responseObject: undefined,
      receivedMs: Date.UTC(2026, 0, 2) + 0.25,
      stageMs: Date.UTC(2026, 0, 2) + 1.5,
      annotations: new Map([
        ['b', '2'],
        ['a', '1'],
      ]),
    });
    assert.equal(
      line,
      `${JSON.stringify({
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level: 'Request',
        auditID: 'id',
        stage: 'ResponseComplete',
        requestURI: '/api/v1/pods?limit=1',
        verb: 'list',
        user: { username: 'jane', groups: ['dev'] },
        sourceIPs: ['10.0.0.1'],
        userAgent: `${'x'.repeat(1024)}...TRUNCATED`,
        objectRef: { resource: 'pods', apiVersion: 'v1' },
        responseStatus: { metadata: {}, code: 200 },
        requestObject: { kind: 'DeleteOptions' },
        requestReceivedTimestamp: '2026-01-02T00:00:00.000250Z',
        stageTimestamp: '2026-01-02T00:00:00.001500Z',
        annotations: { a: '1', b: '2' },
      })}\n`,
    );
  });

  test('sourceIps() gives the proxies’ word first and the connection last', () => {
    const headers = { 'x-forwarded-for': '10.0.0.1, nonsense, 10.0.0.2', 'x-real-ip': '10.0.0.3' };
    assert.deepEqual(sourceIps(headers, '::ffff:127.0.0.1'), ['10.0.0.1', '10.0.0.2', '10.0.0.3', '127.0.0.1']);
    assert.deepEqual(sourceIps({ 'x-real-ip': '::1' }, '::1'), ['::1']);
    assert.deepEqual(sourceIps({}, undefined), []);
  });

  test('objectText() is one line, and leaves the owners of fields out where it should', () => {
    const metadata = { name: 'a', managedFields: [{}] };
    const list = {
      kind: 'PodList',
      items: [{ metadata }],
      rows: [{ cells: [1], object: { metadata } }, { cells: [] }],
    };
    assert.equal(objectText(list, false), JSON.stringify(list));
    assert.equal(objectText(Buffer.from('{"a":[\n"b\\n"]}\r\n'), false), '{"a":["b\\n"]}');
    assert.deepEqual(JSON.parse(objectText(Buffer.from(JSON.stringify(list)), true)), {
      kind: 'PodList',
      items: [{ metadata: { name: 'a' } }],
      rows: [{ cells: [1], object: { metadata: { name: 'a' } } }, { cells: [] }],
    });
  });
});
