import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { serveLogs } from './node-logs.ts';

const mebi = 1024 * 1024;

suite('node-agent/server/node-logs', () => {
  let root: string;
  let server: Server;
  let failed: unknown;
  const at = (name: string) => path.join(root, 'log', name);
  const ask = async (target: string, method = 'GET') => {
    const { port } = server.address() as AddressInfo;
    // Paths as they are, which fetch() would tidy.
    const sending = request({ port, host: '127.0.0.1', path: target, method, agent: false }).end();
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    return answer;
  };
  const get = async (target: string, method?: string) => {
    const answer = await ask(target, method);
    return { code: answer.statusCode, headers: answer.headers, body: await buffer(answer) };
  };
  const text = async (target: string) => {
    const { code, body } = await get(target);
    return `${code} ${body.toString()}`;
  };
  const redirect = async (target: string) => {
    const { code, headers } = await get(target);
    return `${code} ${headers.location}`;
  };
  const nothing = '404 404 page not found\n';
  const openFiles = () => readdirSync('/proc/self/fd').length;

  suiteSetup(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-node-logs-'));
    mkdirSync(at('pods/default_web_uid/app'), { recursive: true });
    mkdirSync(at('containers'));
    writeFileSync(at('syslog'), 'one\ntwo\n');
    writeFileSync(at('wtmp'), Buffer.from([1, 2, 0, 4]));
    writeFileSync(at('empty'), '');
    writeFileSync(at('a b?#%2f.log'), 'odd');
    writeFileSync(at('big'), Buffer.alloc(8 * mebi, 'x'));
    writeFileSync(at('pods/default_web_uid/app/0.log'), 'of the pod\n');
    writeFileSync(path.join(root, 'secret'), 'not for readers of logs');
    mkdirSync(path.join(root, 'log-other'));
    writeFileSync(path.join(root, 'log-other/x'), 'not for them either');
    symlinkSync(at('pods/default_web_uid/app/0.log'), at('containers/web.log'));
    symlinkSync('../pods', at('containers/to-pods'));
    symlinkSync('/', at('slash'));
    symlinkSync('../secret', at('secret'));
    symlinkSync('../log-other', at('other'));
    symlinkSync(`/proc/${process.pid}/root${at('syslog')}`, at('by-proc'));
    symlinkSync('loop', at('loop'));
    symlinkSync('/dev/zero', at('zero'));
    execFileSync('mkfifo', [at('fifo')]);
    server = createServer((incoming, response) => {
      const [, target = '', query = ''] = /^\/logs([^?]*)(.*)$/.exec(incoming.url!)!;
      serveLogs(path.join(root, 'log'), target, query, incoming, response).catch((error: unknown) => {
        failed = error;
        response.destroy();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  suiteTeardown(() => {
    server.close();
    rmSync(root, { recursive: true, force: true });
  });
  teardown(() => assert.equal(failed, undefined));

  test('serveLogs() lists folders and gives files', async () => {
    const listing = await get('/logs/pods/');
    assert.deepEqual([listing.code, listing.headers['content-type']], [200, 'text/html; charset=utf-8']);
    assert.match(listing.body.toString(), /<pre>\n<a href="default_web_uid\/">default_web_uid\/<\/a>\n<\/pre>\n$/);
    assert.match(await text('/logs/'), /<a href="a%20b%3F%23%252f\.log">a b\?#%2f\.log<\/a>/);
    const file = await get('/logs/syslog');
    assert.deepEqual(
      [file.code, file.body.toString(), file.headers['content-type'], file.headers['content-length']],
      [200, 'one\ntwo\n', 'text/plain; charset=utf-8', '8'],
    );
    assert.ok(!Number.isNaN(Date.parse(file.headers['last-modified']!)));
    const binary = await get('/logs/wtmp');
    assert.deepEqual(
      [binary.headers['content-type'], binary.body],
      ['application/octet-stream', Buffer.from([1, 2, 0, 4])],
    );
    assert.equal(await text('/logs/empty'), '200 ');
    assert.equal(await text('/logs/a%20b%3F%23%252f.log'), '200 odd');
    assert.equal((await get('/logs/big')).body.length, 8 * mebi);
    assert.equal(await text('/logs/none'), nothing);
    assert.equal(await text('/logs/syslog/x'), nothing);
    assert.equal(await text(`/logs/${'n'.repeat(300)}`), nothing);
  });

  test('serveLogs() sends folders to a slash, and files away from it', async () => {
    assert.equal(await redirect('/logs'), '301 logs/');
    assert.equal(await redirect('/logs/pods?a=1'), '301 pods/?a=1');
    assert.equal(await redirect('/logs/containers/to-pods'), '301 to-pods/');
    assert.equal(await redirect('/logs/syslog/'), '301 ../syslog');
    assert.equal(await redirect('/logs/a%20b%3F%23%252f.log/'), '301 ../a%20b%3F%23%252f.log');
  });

  test('serveLogs() answers HEAD without the body', async () => {
    const file = await get('/logs/big', 'HEAD');
    assert.deepEqual([file.code, file.headers['content-length'], file.body.length], [200, String(8 * mebi), 0]);
    const folder = await get('/logs/pods/', 'HEAD');
    assert.deepEqual([folder.code, folder.body.length], [200, 0]);
  });

  test('serveLogs() follows links within the folder', async () => {
    assert.equal(await text('/logs/containers/web.log'), '200 of the pod\n');
    assert.equal(await text('/logs/containers/to-pods/default_web_uid/app/0.log'), '200 of the pod\n');
    // Such a link would lead into what another process sees; it is taken for the path that it shows.
    assert.equal(await text('/logs/by-proc'), '200 one\ntwo\n');
  });

  test('serveLogs() gives nothing that lies elsewhere, and nothing but files and folders', async () => {
    const inside = path.basename(root);
    for (const target of [
      '/../secret',
      '/..%2fsecret',
      '/%2e%2e/secret',
      '/%2e%2e%2fsecret',
      '/pods/..%2f..%2fsecret',
      '/pods/../../secret',
      '/..',
      '/.',
      '/%2f',
      '/pods%2fdefault_web_uid/',
      `/${encodeURIComponent(path.join(root, 'secret'))}`,
      `//${root}/secret`,
      '/syslog%00.log',
      '/secret',
      '/other/x',
      '/other/',
      '/slash/',
      '/slash/etc/passwd',
      `/slash/tmp/${inside}/secret`,
      '/loop',
      '/zero',
      '/fifo',
    ])
      assert.equal(await text(`/logs${target}`), nothing, target);
  });

  test('serveLogs() holds nothing of what it does not send, and lets go of what nobody waits for', async () => {
    const before = openFiles();
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('/logs/big')));
    for (const answer of answers) answer.destroy();
    await Promise.all([get('/logs/pods/'), get('/logs/secret'), get('/logs/syslog/x'), get('/logs/fifo')]);
    for (const deadline = Date.now() + 5000; openFiles() > before;) {
      assert.ok(Date.now() < deadline, `${openFiles()} files are open, and were ${before}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  test('serveLogs() does not leave who waits for more than there is', async () => {
    writeFileSync(at('cut'), Buffer.alloc(64 * mebi, 'x'));
    const answer = await ask('/logs/cut');
    truncateSync(at('cut'), 10);
    await assert.rejects(buffer(answer), { code: 'ECONNRESET' });
  });
});
