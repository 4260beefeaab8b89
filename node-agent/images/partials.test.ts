import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeRealEnv } from '#lib/env/real.ts';
import { eventually } from '../../test/harness/cluster.ts';
import { makeImages } from './images.ts';
import { tryLock } from './lock.ts';
import { beginning, config, digest, layer, startSlowRegistry } from './slow-registry.fixture.ts';
import type { SlowRegistry } from './slow-registry.fixture.ts';
import { foldersIn, lockPath, sha256 } from './store.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });
const signal = new AbortController().signal;
suite('partials', function () {
  this.timeout(60_000);
  let dir: string;
  let registry: SlowRegistry;
  let name: string;

  setup(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'wherry-partials-'));
    registry = await startSlowRegistry();
    name = `127.0.0.1:${registry.port}/slow:1`;
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
    const { image } = await makeImages({ dir }, env).pull(name, { signal });
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
       await images.pull(${JSON.stringify(name)}, { signal: new AbortController().signal });`,
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
    const left = makeImages({ dir }, env).pull(name, { signal: leave.signal });
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
    await images.pull(name, { signal });
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
