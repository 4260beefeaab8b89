/** What becomes of a store that lost or changed something while nobody looked. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { startRegistry } from '../../test/harness/registry.ts';
import type { TestRegistry } from '../../test/harness/registry.ts';
import { startRelay } from '../../test/harness/relay.ts';
import { makeImages } from './images.ts';
import { layerWith, pushImage, simpleLayer } from './registry.fixture.ts';
import { sha256 } from './store.ts';

/** Quiet: what is healed is told of in the log. */
const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
const signal = new AbortController().signal;

suite('healing', () => {
  let registry: TestRegistry;
  let root: string;

  suiteSetup(async () => {
    registry = await startRegistry();
  });
  suiteTeardown(async () => {
    await registry.stop();
  });
  setup(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-heal-'));
  });
  teardown(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const dir = () => path.join(root, 'store');
  /** As a process that has just started: it knows nothing but what is on the disk. */
  const open = () => makeImages({ dir: dir() }, env);
  const blob = (digest: string) => path.join(dir(), 'blobs/sha256', digest.slice(7));
  const content = async (name: string, images = open()) => {
    const found = await images.find(name);
    return found && found.layers.map((layer) => readFileSync(path.join(layer, 'file'), 'utf8'));
  };

  /** An image of one layer in the store. */
  const pulled = async (repository: string, text = 'whole') => {
    const pushed = await pushImage(registry, repository, [simpleLayer(text)]);
    const name = `${registry.address}/${repository}:1`;
    const images = open();
    const { image } = await images.pull(name, { signal });
    return { name, pushed, images, layer: image.layers[0]!, digest: pushed.layers[0]! };
  };

  for (const [what, damage] of [
    ['is gone', (layer: string) => rmSync(layer, { recursive: true })],
    ['is empty', (layer: string) => rmSync(path.join(layer, 'file'))],
    ['has another file', (layer: string) => writeFileSync(path.join(layer, 'more'), 'x')],
    ['has a changed file', (layer: string) => appendFileSync(path.join(layer, 'file'), 'x')],
    ['has a file of the same size and another time', (layer: string) => utimesSync(path.join(layer, 'file'), 1, 1)],
    ['has lost its record', (layer: string) => rmSync(`${layer}.json`)],
    ['has a record that is cut short', (layer: string) => truncateSync(`${layer}.json`, 9)],
  ] as const)
    test(`find() extracts a layer anew that ${what}, without a registry`, async () => {
      const { name, layer } = await pulled('extracted');
      const served = registry.served('/v2/extracted/manifests/1');
      damage(layer);
      assert.deepEqual(await content(name), ['whole']);
      assert.deepEqual(readdirSync(layer), ['file']);
      assert.equal(registry.served('/v2/extracted/manifests/1'), served);
      assert.deepEqual(readdirSync(path.join(dir(), 'tmp')), []);
    });

  test('find() sees a layer go that it has looked at before', async () => {
    const { name, layer, images } = await pulled('seen');
    assert.deepEqual(await content(name, images), ['whole']);
    rmSync(layer, { recursive: true });
    assert.deepEqual(await content(name, images), ['whole']);
    rmSync(path.join(layer, 'file'));
    assert.deepEqual(await content(name, images), ['whole']);
  });

  test('find() sees a change deep in a layer at the latest an hour after it has looked', async () => {
    const layer = layerWith('deep/er/file', Buffer.from('whole'));
    await pushImage(registry, 'deep', [{ packed: layer, diffId: sha256(layer) }]);
    const name = `${registry.address}/deep:1`;
    let clock = 0;
    const images = makeImages({ dir: dir() }, { ...env, monotonic: () => clock });
    const file = path.join((await images.pull(name, { signal })).image.layers[0]!, 'deep/er/file');
    appendFileSync(file, 'changed');
    clock += 3_700_000;
    assert.ok(await images.find(name));
    assert.equal(readFileSync(file, 'utf8'), 'whole');
  });

  test('many that find a damaged image at once get it whole', async () => {
    const { name, layer } = await pulled('crowd');
    rmSync(layer, { recursive: true });
    const images = open();
    const found = await Promise.all([1, 2, 3, 4].map(() => content(name, images)));
    assert.deepEqual(
      found,
      Array.from({ length: 4 }, () => ['whole']),
    );
  });

  for (const [what, damage] of [
    ['gone', (file: string) => rmSync(file)],
    ['cut short', (file: string) => truncateSync(file, 20)],
    ['changed', (file: string) => writeFileSync(file, Buffer.alloc(statSync(file).size, 1))],
    ['another', (file: string) => writeFileSync(file, zlib.gzipSync(layerWith('file', Buffer.from('evil'))))],
  ] as const)
    test(`an image whose layer and blob are both spoiled, the blob ${what}, is pulled anew`, async () => {
      const { name, layer, digest } = await pulled('pulled-anew');
      rmSync(layer, { recursive: true });
      damage(blob(digest));
      const images = open();
      assert.equal(await images.find(name), undefined);
      await images.pull(name, { signal });
      assert.deepEqual(await content(name), ['whole']);
      assert.equal(sha256(readFileSync(blob(digest))), digest);
      assert.deepEqual(readdirSync(path.join(dir(), 'tmp')), []);
    });

  test('a large blob that was spoiled is seen when it is extracted, and fetched anew in the same pull', async () => {
    const text = Array.from({ length: 300_000 }, (_, index) => sha256(String(index)).slice(7, 15)).join('');
    const { name, layer, digest, pushed } = await pulled('large', text);
    rmSync(layer, { recursive: true });
    rmSync(`${layer}.json`);
    const { size } = statSync(blob(digest));
    assert.ok(size > 1024 * 1024);
    writeFileSync(blob(digest), Buffer.alloc(size, 1));
    const images = open();
    assert.equal((await images.pull(name, { signal })).image.id, pushed.id);
    assert.deepEqual(await content(name, images), [text]);
  });

  test('a spoiled config or manifest is fetched anew', async () => {
    const { name, pushed } = await pulled('documents');
    writeFileSync(blob(pushed.id), Buffer.alloc(statSync(blob(pushed.id)).size, 1));
    truncateSync(blob(pushed.manifest), 3);
    const images = open();
    await images.pull(name, { signal });
    for (const digest of [pushed.id, pushed.manifest]) assert.equal(sha256(readFileSync(blob(digest))), digest);
  });

  test('a spoiled record costs its image, never the others, and a start clears it away', async () => {
    const { name } = await pulled('first');
    const other = await pulled('other', 'else');
    const record = path.join(dir(), 'images', `${other.pushed.id.slice(7)}.json`);
    truncateSync(record, 5);
    const images = open();
    assert.deepEqual(
      (await images.list()).map(({ tags }) => tags),
      [[name]],
    );
    assert.ok(!existsSync(record));
    assert.equal(await images.find(other.name), undefined);
    await images.pull(other.name, { signal });
    assert.deepEqual(await content(other.name), ['else']);
  });

  test('a damaged layer that is mounted is replaced for new containers, and stays for the old ones', async () => {
    const { name, layer } = await pulled('mounted');
    mkdirSync(path.join(root, 'empty'));
    mkdirSync(path.join(root, 'merged'));
    const script = `mount -t overlay overlay -o lowerdir=${layer}:${root}/empty ${root}/merged && echo ready && read line && cat ${root}/merged/kept && cat`;
    writeFileSync(path.join(layer, 'kept'), 'still here');
    const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      assert.deepEqual(await content(name), ['whole']);
      assert.deepEqual(readdirSync(layer), ['file']);
      await open().list();
      holder.stdin.write('go\n');
      assert.equal(String((await once(holder.stdout, 'data'))[0]), 'still here');
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
    await open().list();
    assert.deepEqual(readdirSync(path.join(dir(), 'tmp')), []);
  });

  test('a store that was copied elsewhere is taken as it is', async () => {
    const { name } = await pulled('copied');
    const child = spawn('cp', ['-a', dir(), `${dir()}.copy`]);
    await once(child, 'exit');
    rmSync(dir(), { recursive: true });
    renameSync(`${dir()}.copy`, dir());
    assert.deepEqual(await content(name), ['whole']);
  });

  test('a pull that is killed at any moment leaves an image or nothing, and the next one works', async function () {
    this.timeout(60_000);
    const layers = ['one', 'two', 'three'].map((name, index) => {
      const layer = layerWith(name, Buffer.alloc(2_000_000, sha256(name)));
      return { packed: index === 0 ? layer : zlib.gzipSync(layer), diffId: sha256(layer) };
    });
    const pushed = await pushImage(registry, 'killed', layers);
    const relay = await startRelay(registry.port);
    const name = `127.0.0.1:${relay.port}/killed:1`;
    const script = path.join(root, 'pull.ts');
    const at = (file: string) => JSON.stringify(path.resolve(import.meta.dirname, file));
    writeFileSync(
      script,
      `import { makeImages } from ${at('images.ts')};
       import { makeRealEnv } from ${at('../../lib/env/real.ts')};
       const images = makeImages({ dir: ${JSON.stringify(dir())} }, makeRealEnv({ service: 'test' }));
       await images.list();
       console.log('ready');
       await images.pull(${JSON.stringify(name)}, { signal: new AbortController().signal });
       console.log('done');`,
    );
    const check = async () => {
      const found = await open().find(name);
      if (!found) return;
      assert.equal(found.id, pushed.id);
      for (const [index, file] of ['three', 'two', 'one'].entries())
        assert.equal(statSync(path.join(found.layers[index]!, file)).size, 2_000_000);
    };
    try {
      for (const delayMs of [5, 40, 80, 120, 160]) {
        const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
        const exited = once(child, 'exit');
        await once(child.stdout, 'data');
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        child.kill('SIGKILL');
        await exited;
        await check();
      }
      const images = open();
      await images.pull(name, { signal });
      await check();
      assert.equal((await images.find(name))?.layers.length, 3);
      assert.deepEqual(readdirSync(path.join(dir(), 'tmp')), []);
    } finally {
      await relay.stop();
    }
  });
});
