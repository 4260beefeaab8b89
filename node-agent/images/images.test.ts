import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeRealEnv } from '#lib/env/real.ts';
import { buildImage } from './build.ts';
import { makeImages } from './images.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });

suite('images', () => {
  let root: string;

  setup(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-images-'));
    mkdirSync(path.join(root, 'context/bin'), { recursive: true });
    writeFileSync(path.join(root, 'context/bin/tool'), '#!tool', { mode: 0o755 });
    symlinkSync('tool', path.join(root, 'context/bin/alias'));
  });
  teardown(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const dir = () => path.join(root, 'store');
  const open = () => makeImages({ dir: dir() }, env);
  const context = () => path.join(root, 'context');
  const dockerfile = (text: string) => {
    const file = path.join(root, 'Dockerfile');
    writeFileSync(file, text);
    return file;
  };
  const files = (folder: string) => readdirSync(path.join(dir(), folder), { recursive: true }).map(String).sort();

  test('buildImage() gives the same digest every time, whatever the dates of the files', async () => {
    const images = open();
    const first = await buildImage(images, { context: context(), tag: 'same:1' });
    utimesSync(path.join(context(), 'bin/tool'), 1, 1);
    const second = await buildImage(images, { context: context(), tag: 'same:2' });
    assert.equal(first.id, second.id);
    assert.deepEqual((await images.list())[0]?.tags, ['docker.io/library/same:1', 'docker.io/library/same:2']);
    const [layer] = (await images.find('same:1'))!.layers;
    assert.equal(readFileSync(path.join(layer!, 'bin/tool'), 'utf8'), '#!tool');
    assert.equal(readlinkSync(path.join(layer!, 'bin/alias')), 'tool');
  });

  test('buildImage() follows a Dockerfile, also on top of a local image', async () => {
    const images = open();
    const base = dockerfile(
      'FROM scratch\nCOPY bin /bin/\nCOPY --chmod=600 --chown=5:6 bin/tool /etc/secret\nENV PATH=/bin A="b c"\nCMD ["tool"]\nEXPOSE 80\nWORKDIR /srv\n',
    );
    await buildImage(images, { context: context(), dockerfile: base, tag: 'base:1' });
    const child = dockerfile(
      'FROM base:1\nCOPY bin/tool more/\nENTRYPOINT ["/bin/tool", "-v"]\nLABEL a=$A\nEXPOSE 81/udp\nUSER 7\n',
    );
    await buildImage(images, { context: context(), dockerfile: child, tag: 'child:1' });
    const found = (await images.find('child:1'))!;
    assert.deepEqual(found.config, {
      entrypoint: ['/bin/tool', '-v'],
      cmd: [],
      env: ['PATH=/bin', 'A=b c'],
      workingDir: '/srv',
      user: '7',
      stopSignal: '',
      labels: { a: 'b c' },
      volumes: [],
    });
    const [top, bottom] = found.layers;
    assert.ok(existsSync(path.join(top!, 'srv/more/tool')));
    const { mode, uid, gid } = lstatSync(path.join(bottom!, 'etc/secret'));
    assert.deepEqual([mode & 0o777, uid, gid], [0o600, 5, 6]);
    const raw = JSON.parse(readFileSync(path.join(dir(), 'blobs/sha256', found.id.slice(7)), 'utf8'));
    assert.deepEqual(Object.keys(raw.config.ExposedPorts), ['80/tcp', '81/udp']);
  });

  test('buildImage() copies through symlinks of the base', async () => {
    mkdirSync(path.join(context(), 'usr/bin'), { recursive: true });
    symlinkSync('usr/bin', path.join(context(), 'sbin'));
    const images = open();
    await buildImage(images, { context: context(), tag: 'base:1' });
    const child = dockerfile('FROM base:1\nCOPY bin/tool /sbin/\n');
    await buildImage(images, { context: context(), dockerfile: child, tag: 'child:1' });
    const [top] = (await images.find('child:1'))!.layers;
    assert.deepEqual(readdirSync(top!), ['usr']);
    assert.ok(existsSync(path.join(top!, 'usr/bin/tool')));
  });

  test('buildImage() does not copy from outside the context', async () => {
    symlinkSync('/etc/passwd', path.join(context(), 'leak'));
    const copy = (line: string) =>
      buildImage(open(), { context: context(), dockerfile: dockerfile(`FROM scratch\n${line}\n`), tag: 'x' });
    await assert.rejects(copy('COPY leak /'), /Dockerfile line 2: leak leaves the context/);
    await assert.rejects(copy('COPY ../../etc/passwd /'), /line 2: ..\/..\/etc\/passwd is not in the context/);
  });

  test('exportTar() and importTar() carry images to another store, gzipped as well', async () => {
    const images = open();
    const { id } = await buildImage(images, { context: context(), tag: 'wherry.local/carried:1' });
    const tar = path.join(root, 'out.tar');
    await images.exportTar(['wherry.local/carried:1'], tar);
    writeFileSync(`${tar}.gz`, gzipSync(readFileSync(tar)));
    for (const [name, file] of Object.entries({ plain: tar, gzip: `${tar}.gz` })) {
      const other = makeImages({ dir: path.join(root, name) }, env);
      assert.deepEqual(await other.importTar(file), ['wherry.local/carried:1']);
      assert.deepEqual((await other.list())[0]?.digests, (await images.list())[0]?.digests);
      assert.equal((await other.find('wherry.local/carried:1'))?.id, id);
      assert.deepEqual(readdirSync(path.join(root, name, 'tmp')), []);
    }
  });

  test('importTar() reads what older docker save wrote, with links between layers', async () => {
    const images = open();
    const saved = path.join(root, 'saved');
    mkdirSync(path.join(saved, 'one'), { recursive: true });
    mkdirSync(path.join(saved, 'two'));
    execFileSync('tar', ['-cf', path.join(saved, 'one/layer.tar'), '-C', context(), 'bin']);
    symlinkSync('../one/layer.tar', path.join(saved, 'two/layer.tar'));
    const diffId = `sha256:${execFileSync('sha256sum', [path.join(saved, 'one/layer.tar')], { encoding: 'utf8' }).split(' ')[0]}`;
    const config = {
      os: 'linux',
      architecture: 'amd64',
      config: {},
      rootfs: { type: 'layers', diff_ids: [diffId, diffId] },
    };
    writeFileSync(path.join(saved, 'config.json'), JSON.stringify(config));
    const manifest = [
      { Config: 'config.json', RepoTags: ['old:1', 'old:2'], Layers: ['one/layer.tar', 'two/layer.tar'] },
    ];
    writeFileSync(path.join(saved, 'manifest.json'), JSON.stringify(manifest));
    const tar = path.join(root, 'saved.tar');
    execFileSync('tar', ['-cf', tar, '-C', saved, 'config.json', 'one', 'two', 'manifest.json']);
    assert.deepEqual(await images.importTar(tar), ['docker.io/library/old:1', 'docker.io/library/old:2']);
    // overlayfs refuses the same folder twice.
    assert.equal((await images.find('old:2'))?.layers.length, 1);
  });

  test('importTar() of something else says so', async () => {
    const file = path.join(root, 'not.tar');
    writeFileSync(file, 'hello');
    await assert.rejects(open().importTar(file), /Cannot import .*not.tar: unexpected end of the archive/);
    execFileSync('tar', ['-cf', file, '-C', context(), 'bin']);
    await assert.rejects(open().importTar(file), /neither an OCI layout nor a manifest.json/);
  });

  test('remove() takes a name, and with the last name everything that nobody else needs', async () => {
    const images = open();
    await buildImage(images, { context: context(), tag: 'base:1' });
    await buildImage(images, { context: context(), tag: 'base:2' });
    const child = dockerfile('FROM base:1\nCOPY bin/tool /child\n');
    await buildImage(images, { context: context(), dockerfile: child, tag: 'child:1' });
    await images.remove('base:1');
    assert.equal(await images.find('base:1'), undefined);
    assert.ok(await images.find('base:2'));
    await images.remove('base:2');
    const rest = (await images.find('child:1'))!;
    assert.ok(rest.layers.every((layer) => existsSync(layer)));
    await images.remove(rest.id);
    await images.remove('child:1');
    assert.deepEqual(
      [...files('blobs/sha256'), ...files('layers'), ...files('images'), ...files('refs'), ...files('tmp')],
      [],
    );
  });

  test('remove() refuses an image that is in use, by its user’s word or by the kernel’s', async () => {
    const used = new Set<string>();
    const images = makeImages({ dir: dir(), inUse: async () => used }, env);
    const { id } = await buildImage(images, { context: context(), tag: 'used:1' });
    used.add(id);
    await assert.rejects(images.remove('used:1'), /Cannot remove image "used:1": it is in use by a container/);
    used.clear();
    const [layer] = (await images.find('used:1'))!.layers;
    const mountPoint = path.join(root, 'merged');
    mkdirSync(mountPoint);
    mkdirSync(path.join(root, 'empty'));
    const script = `mount -t overlay overlay -o lowerdir=${layer}:${root}/empty ${mountPoint} && echo ready && exec cat`;
    const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      await assert.rejects(images.remove(id), /it is in use by a container/);
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
    await images.remove(id);
    assert.deepEqual(await images.list(), []);
  });

  test('a start sweeps leftovers, but not while another process is at work', async () => {
    await open().list();
    const leave = () => {
      mkdirSync(path.join(dir(), 'tmp/half/layer'), { recursive: true });
      mkdirSync(path.join(dir(), 'layers/0123456789abcdef0123456789abcdef'), { recursive: true });
      utimesSync(path.join(dir(), 'layers/0123456789abcdef0123456789abcdef'), 1, 1);
    };
    leave();
    const busy = spawn('flock', ['--shared', path.join(dir(), 'locks/activity'), 'sh', '-c', 'echo; cat']);
    await once(busy.stdout, 'data');
    await open().list();
    assert.deepEqual(files('tmp'), ['half', 'half/layer']);
    busy.stdin.end();
    await once(busy, 'exit');
    await open().list();
    assert.deepEqual(files('tmp'), []);
  });

  test('a killed build leaves an image or nothing, and the next one works', async () => {
    const script = path.join(root, 'build.ts');
    writeFileSync(
      script,
      `import { buildImage } from ${JSON.stringify(path.resolve(import.meta.dirname, 'build.ts'))};
       import { makeImages } from ${JSON.stringify(path.resolve(import.meta.dirname, 'images.ts'))};
       import { makeRealEnv } from ${JSON.stringify(path.resolve(import.meta.dirname, '../../lib/env/real.ts'))};
       const images = makeImages({ dir: ${JSON.stringify(dir())} }, makeRealEnv({ service: 'test' }));
       await images.list();
       console.log('ready');
       await buildImage(images, { context: ${JSON.stringify(context())}, tag: 'killed:1' });
       console.log('done');`,
    );
    writeFileSync(path.join(context(), 'bin/big'), Buffer.alloc(3_000_000, 'x'));
    for (const delayMs of [0, 5, 15, 30, 60]) {
      const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      child.kill('SIGKILL');
      await ended;
      const found = await open().find('killed:1');
      if (found) assert.equal(lstatSync(path.join(found.layers[0]!, 'bin/big')).size, 3_000_000);
    }
    await buildImage(open(), { context: context(), tag: 'killed:1' });
    assert.ok(await open().find('killed:1'));
    assert.deepEqual(files('tmp'), []);
  });
});
