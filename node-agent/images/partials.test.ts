import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { makeRealEnv } from '#lib/env/real.ts';
import { eventually } from '../../test/harness/cluster.ts';
import { makeImages } from './images.ts';
import { tryLock } from './lock.ts';
import { layerWith, manifestType } from './registry.fixture.ts';
import { foldersIn, lockPath, sha256 } from './store.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });
const signal = new AbortController().signal;
const beginning = 3 * 1024 * 1024;

const layer = layerWith('big', randomBytes(2 * beginning));
const digest = sha256(layer);
const config = Buffer.from(
  JSON.stringify({
    os: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    config: {},
    rootfs: { type: 'layers', diff_ids: [digest] },
  }),
);
const part = (kind: string, body: Buffer) => ({
  mediaType: `application/vnd.oci.image.${kind}`,
  digest: sha256(body),
  size: body.length,
});
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: part('config.v1+json', config),
    layers: [part('layer.v1.tar', layer)],
  }),
);

/** A registry of one image, which stops in the middle of its layer and says no more as long as it `hangs`. */
async function startSlowRegistry() {
  const asked: (string | undefined)[] = [];
  const state = { hangs: true };
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    if (url.includes('/manifests/')) return response.writeHead(200, { 'content-type': manifestType }).end(manifest);
    if (!url.endsWith(digest)) return response.end(config);
    const { range } = request.headers;
    asked.push(range);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(range ? 206 : 200, {
      'content-length': layer.length - from,
      ...(range && { 'content-range': `bytes ${from}-${layer.length - 1}/${layer.length}` }),
    });
    return state.hangs ? response.write(layer.subarray(from, beginning)) : response.end(layer.subarray(from));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    asked,
    state,
    name: `127.0.0.1:${(server.address() as AddressInfo).port}/slow:1`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

suite('partials', function () {
  this.timeout(60_000);
  let dir: string;
  let registry: Awaited<ReturnType<typeof startSlowRegistry>>;

  setup(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'wherry-partials-'));
    registry = await startSlowRegistry();
  });
  teardown(async () => {
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const partial = () => path.join(dir, 'partial', digest.slice('sha256:'.length));
  const partials = () => readdirSync(path.join(dir, 'partial'));
  const isThere = () =>
    eventually('the beginning', () => statSync(partial(), { throwIfNoEntry: false })?.size === beginning, 20_000);
  const pullWhole = async () => {
    registry.state.hangs = false;
    const { image } = await makeImages({ dir }, env).pull(registry.name, { signal });
    assert.equal(image.id, sha256(config));
    assert.equal(statSync(path.join(image.layers[0]!, 'big')).size, 2 * beginning);
    assert.deepEqual(partials(), []);
  };

  test('a download goes on after its process was killed', async () => {
    const script = path.join(dir, 'pull.ts');
    const at = (file: string) => JSON.stringify(path.resolve(import.meta.dirname, file));
    writeFileSync(
      script,
      `import { makeImages } from ${at('images.ts')};
       import { makeRealEnv } from ${at('../../lib/env/real.ts')};
       const images = makeImages({ dir: ${JSON.stringify(dir)} }, makeRealEnv({ service: 'test' }));
       await images.pull(${JSON.stringify(registry.name)}, { signal: new AbortController().signal });`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
    await isThere();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await pullWhole();
    assert.deepEqual(registry.asked, [undefined, `bytes=${beginning}-`]);
  });

  test('a download goes on after everybody has left it', async () => {
    const leave = new AbortController();
    const left = makeImages({ dir }, env).pull(registry.name, { signal: leave.signal });
    await isThere();
    leave.abort(new Error('had enough'));
    await assert.rejects(left, /had enough/);
    await pullWhole();
    assert.deepEqual(registry.asked, [undefined, `bytes=${beginning}-`]);
  });

  test('a beginning that is of something else, or too long, costs no more than what was fetched in vain', async () => {
    mkdirSync(path.join(dir, 'partial'));
    writeFileSync(partial(), randomBytes(1000));
    await pullWhole();
    assert.deepEqual(registry.asked, ['bytes=1000-', undefined]);
    rmSync(dir, { recursive: true });
    mkdirSync(path.join(dir, 'partial'), { recursive: true });
    writeFileSync(partial(), randomBytes(layer.length + 1));
    await pullWhole();
    assert.deepEqual(registry.asked.slice(2), [undefined]);
  });

  test('what another process is at is left to it, and one fetches all by itself', async () => {
    const images = makeImages({ dir }, env);
    await images.list();
    writeFileSync(partial(), layer.subarray(0, 1000));
    const lock = await tryLock({
      file: lockPath(foldersIn(dir), `blob-${digest.slice('sha256:'.length)}`),
      mode: 'exclusive',
    });
    registry.state.hangs = false;
    await images.pull(registry.name, { signal });
    assert.deepEqual([registry.asked, statSync(partial()).size], [[undefined], 1000]);
    const hourAgo = env.now() / 1000 - 3700;
    utimesSync(partial(), hourAgo, hourAgo);
    await images.dropStale();
    assert.equal(partials().length, 1);
    await lock!.release();
    await images.dropStale();
    assert.deepEqual(partials(), []);
  });

  test('dropStale() leaves what may still be gone on with', async () => {
    const images = makeImages({ dir }, env);
    await images.list();
    writeFileSync(partial(), layer.subarray(0, 1000));
    await images.dropStale();
    assert.equal(partials().length, 1);
    // So does the next start, which clears away everything else.
    await makeImages({ dir }, env).list();
    assert.equal(partials().length, 1);
  });
});
