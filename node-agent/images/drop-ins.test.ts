import assert from 'node:assert/strict';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { eventually } from '../../test/harness/cluster.ts';
import { buildImage } from './build.ts';
import { followDropIns } from './drop-ins.ts';
import { makeImages } from './images.ts';

const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };

suite('drop-ins', function () {
  this.timeout(60_000);
  let root: string;
  let stopping: AbortController;
  const running: Promise<void>[] = [];

  setup(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-drop-ins-'));
    stopping = new AbortController();
  });
  teardown(async () => {
    stopping.abort();
    await Promise.all(running.splice(0));
    rmSync(root, { recursive: true, force: true });
  });

  const dir = () => path.join(root, 'drop');
  const images = () => makeImages({ dir: path.join(root, 'store') }, env);
  const has = (name: string) => eventually(name, async () => (await images().find(name)) !== undefined);

  /** The bytes of a tar with one image. */
  const tarOf = async (tag: string): Promise<Buffer> => {
    const context = path.join(root, tag.replaceAll(/\W/g, '-'));
    mkdirSync(context);
    writeFileSync(path.join(context, 'name'), tag);
    const source = makeImages({ dir: `${context}.store` }, env);
    await buildImage(source, { context, tag });
    await source.exportTar([tag], `${context}.tar`);
    return readFileSync(`${context}.tar`);
  };

  /** A store that counts what it reads. */
  const follow = () => {
    const store = images();
    const imported: string[] = [];
    const counting = {
      find: store.find,
      importTar: (file: string) => {
        imported.push(path.basename(file));
        return store.importTar(file);
      },
    };
    const options = { env, images: counting, dir: dir(), memory: path.join(root, 'memory.json'), settledMs: 50 };
    running.push(followDropIns(options, stopping.signal));
    return { imported, store };
  };

  test('followDropIns() takes in what is there and what arrives, in all forms', async () => {
    mkdirSync(dir());
    writeFileSync(path.join(dir(), 'a.tar'), await tarOf('local.example/a:1'));
    writeFileSync(path.join(dir(), 'README.txt'), 'not an image');
    follow();
    await has('local.example/a:1');
    writeFileSync(path.join(dir(), 'b.tar.gz'), gzipSync(await tarOf('local.example/b:1')));
    writeFileSync(path.join(dir(), 'c.tar.zst'), zstdCompressSync(await tarOf('local.example/c:1')));
    await has('local.example/b:1');
    await has('local.example/c:1');
  });

  test('followDropIns() waits for a file to be whole, and takes a broken one when it is repaired', async () => {
    const tar = await tarOf('local.example/slow:1');
    follow();
    await eventually('the folder', () => mkdtempSync(path.join(dir(), 'x')) !== '');
    const writer = createWriteStream(path.join(dir(), 'slow.tar'));
    for (let at = 0; at < tar.length; at += 512) {
      writer.write(tar.subarray(at, at + 512));
      if (at % 4096 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
    }
    writer.end();
    await has('local.example/slow:1');
    writeFileSync(path.join(dir(), 'broken.tar'), 'nothing');
    const good = await tarOf('local.example/repaired:1');
    writeFileSync(path.join(dir(), 'broken.tar'), good);
    await has('local.example/repaired:1');
  });

  test('a second start reads only what has changed, or whose images are gone', async () => {
    mkdirSync(dir());
    writeFileSync(path.join(dir(), 'a.tar'), await tarOf('local.example/a:1'));
    writeFileSync(path.join(dir(), 'b.tar'), await tarOf('local.example/b:1'));
    const first = follow();
    await eventually('both', () => first.imported.length === 2);
    await has('local.example/b:1');
    await eventually(
      'memory',
      () => Object.keys(JSON.parse(readFileSync(path.join(root, 'memory.json'), 'utf8')) as object).length === 2,
    );
    stopping.abort();
    await Promise.all(running.splice(0));
    stopping = new AbortController();
    await first.store.remove('local.example/a:1');
    writeFileSync(path.join(dir(), 'c.tar'), await tarOf('local.example/c:1'));
    const second = follow();
    await has('local.example/a:1');
    await has('local.example/c:1');
    assert.deepEqual(second.imported, ['a.tar', 'c.tar']);
  });
});
