import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createServer } from 'node:tls';
import zlib from 'node:zlib';
import { makeRealEnv } from '#lib/env/real.ts';
import { account, startRegistry } from '../../test/harness/registry.ts';
import type { TestRegistry } from '../../test/harness/registry.ts';
import { startRelay } from '../../test/harness/relay.ts';
import { makeSmallDisk } from '../../test/harness/small-disk.ts';
import { makeImages } from './images.ts';
import type { ImagesOptions } from './images.ts';
import { makeKeyring } from './keyring.ts';
import { dockerTypes, layerWith, manifestType, pushImage, simpleLayer } from './registry.fixture.ts';
import { readRegistries } from './registries.ts';
import { sha256 } from './store.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });
const signal = new AbortController().signal;
const indexType = 'application/vnd.oci.image.index.v1+json';

/** Mirrors as the file of a node has them. */
const mirrored = (mirrors: Record<string, string[]>, configs: object = {}): Partial<ImagesOptions> => {
  const listed = Object.entries(mirrors).map(([host, endpoint]) => [host, { endpoint }] as const);
  const read = readRegistries({ mirrors: Object.fromEntries(listed), configs });
  return { registries: () => Promise.resolve(read) };
};

/** A TLS front of a loopback port, with a certificate of its own. */
async function startTls(target: number, folder: string) {
  const [keyFile, caFile] = [path.join(folder, 'tls.key'), path.join(folder, 'tls.crt')];
  const options = [
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ];
  execFileSync('openssl', ['req', '-x509', ...options, '-days', '1', '-keyout', keyFile, '-out', caFile], {
    stdio: 'ignore',
  });
  const sockets = new Set<Socket>();
  const server = createServer({ key: readFileSync(keyFile), cert: readFileSync(caFile) }, (near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) sockets.add(socket.on('error', () => socket.destroy()));
    near.pipe(far).pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    caFile,
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

suite('pull', () => {
  let registry: TestRegistry;
  let root: string;
  let stores = 0;

  suiteSetup(async () => {
    registry = await startRegistry();
  });
  suiteTeardown(async () => {
    await registry.stop();
  });
  setup(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-pull-'));
  });
  teardown(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const openStore = (options: Partial<ImagesOptions> = {}) => {
    const dir = path.join(root, `store-${stores++}`);
    mkdirSync(dir);
    return { dir, images: makeImages({ dir, ...options }, env) };
  };
  const leftovers = (dir: string) => readdirSync(path.join(dir, 'tmp'));

  test('pull() brings an image with layers of all forms, and find() has it from then on', async () => {
    const layers = [
      simpleLayer('gzip'),
      ...[(all: Buffer) => zlib.zstdCompressSync(all), (all: Buffer) => all].map((pack, index) => {
        const layer = layerWith(`other-${index}`, Buffer.from('x'));
        return { packed: pack(layer), diffId: sha256(layer) };
      }),
    ];
    const pushed = await pushImage(registry, 'team/forms', layers);
    const { dir, images } = openStore();
    const name = `${registry.address}/team/forms:1`;
    assert.equal(await images.find(name), undefined);
    const { image, bytes, durationMs } = await images.pull(name, { signal });
    assert.equal(image.id, pushed.id);
    assert.equal(image.digest, `${registry.address}/team/forms@${pushed.manifest}`);
    assert.deepEqual([image.name, image.config.cmd, image.config.env], [name, ['/run'], ['A=1']]);
    assert.equal(image.layers.length, 3);
    assert.equal(readFileSync(path.join(image.layers[2]!, 'file'), 'utf8'), 'gzip');
    assert.ok(bytes > 0 && durationMs > 0);
    assert.deepEqual(await images.find(name), image);
    assert.equal((await images.find(`${registry.address}/team/forms@${pushed.manifest}`))?.id, pushed.id);
    assert.equal((await images.find(pushed.id))?.id, pushed.id);
    const [listed] = await images.list();
    assert.deepEqual(listed?.tags, [name]);
    assert.deepEqual(listed?.digests, [`${registry.address}/team/forms@${pushed.manifest}`]);
    assert.deepEqual(leftovers(dir), []);
  });

  test('pull() chooses its platform from an index, and remembers the digest of the index', async () => {
    const ours = await pushImage(registry, 'multi', [simpleLayer('ours')], { tag: 'a' });
    const theirs = await pushImage(registry, 'multi', [simpleLayer('theirs')], { tag: 'b', architecture: 's390x' });
    const entry = ({ manifest, manifestBytes }: typeof ours, architecture: string) => ({
      mediaType: manifestType,
      digest: manifest,
      size: manifestBytes,
      platform: { os: 'linux', architecture },
    });
    const here = process.arch === 'x64' ? 'amd64' : process.arch;
    const index = (manifests: object[]) =>
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
    const both = await registry.pushManifest(
      'multi',
      '1',
      index([entry(theirs, 's390x'), entry(ours, here)]),
      indexType,
    );
    const { images } = openStore();
    const { image } = await images.pull(`${registry.address}/multi:1`, { signal });
    assert.equal(image.id, ours.id);
    assert.deepEqual((await images.list())[0]?.digests, [`${registry.address}/multi@${both}`]);
    assert.equal((await images.pull(`${registry.address}/multi@${both}`, { signal })).image.id, ours.id);
    await registry.pushManifest('multi', '2', index([entry(theirs, 's390x')]), indexType);
    await assert.rejects(
      images.pull(`${registry.address}/multi:2`, { signal }),
      /no match for platform linux\/\w+ in manifest sha256:\w+, which has linux\/s390x: not found$/,
    );
  });

  test('pull() reads schema 2 of Docker, by itself and in a list', async () => {
    const pushed = await pushImage(registry, 'docker', [simpleLayer('docker')], { types: dockerTypes });
    const here = process.arch === 'x64' ? 'amd64' : process.arch;
    const entry = { mediaType: dockerTypes.manifest, digest: pushed.manifest, size: pushed.manifestBytes };
    const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const manifests = [{ ...entry, platform: { os: 'linux', architecture: here } }];
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: list, manifests }));
    const digest = await registry.pushManifest('docker', 'list', body, list);
    const { images } = openStore();
    const { image } = await images.pull(`${registry.address}/docker:1`, { signal });
    assert.deepEqual([image.id, image.digest], [pushed.id, `${registry.address}/docker@${pushed.manifest}`]);
    const listed = await images.pull(`${registry.address}/docker:list`, { signal });
    assert.deepEqual([listed.image.id, listed.image.digest], [pushed.id, `${registry.address}/docker@${digest}`]);
  });

  test('many pulls of one image in one process and in two stores of one folder are one download', async () => {
    const pushed = await pushImage(registry, 'shared', [simpleLayer('shared layer'), simpleLayer('second')]);
    const { dir, images } = openStore();
    const neighbour = makeImages({ dir }, env);
    const name = `${registry.address}/shared:1`;
    const pulled = await Promise.all(
      [images, images, images, neighbour, neighbour].map((store) => store.pull(name, { signal })),
    );
    assert.deepEqual(new Set(pulled.map(({ image }) => image.id)), new Set([pushed.id]));
    for (const layer of pushed.layers) assert.equal(registry.served(`/v2/shared/blobs/${layer}`), 1);
  });

  test('a caller that aborts leaves the others their pull; when all abort, nothing stays', async () => {
    await pushImage(registry, 'abort', [simpleLayer('abort')]);
    const { dir, images } = openStore();
    const name = `${registry.address}/abort:1`;
    const first = new AbortController();
    const [left, stayed] = [images.pull(name, { signal: first.signal }), images.pull(name, { signal })];
    first.abort(new Error('had enough'));
    await assert.rejects(left, /had enough/);
    await stayed;
    const other = openStore();
    const alone = new AbortController();
    const pull = other.images.pull(name, { signal: alone.signal });
    alone.abort(new Error('had enough'));
    await assert.rejects(pull, /had enough/);
    assert.deepEqual(await other.images.list(), []);
    assert.deepEqual(leftovers(dir), []);
  });

  test('a corrupt blob is refused, and nothing of it stays', async () => {
    const pushed = await pushImage(registry, 'corrupt', [simpleLayer('corrupt')]);
    const file = registry.blobFile(pushed.layers[0]!);
    const good = readFileSync(file);
    const bad = Buffer.from(good);
    bad[bad.length - 9]! ^= 1;
    writeFileSync(file, bad);
    const { dir, images } = openStore();
    const name = `${registry.address}/corrupt:1`;
    await assert.rejects(images.pull(name, { signal }), {
      name: 'PullError',
      reason: 'ErrImagePull',
      message: `failed to pull and unpack image "${name}": failed to copy: unexpected commit digest ${sha256(bad)}, expected ${pushed.layers[0]}: failed precondition`,
    });
    assert.deepEqual(leftovers(dir), []);
    assert.deepEqual(readdirSync(path.join(dir, 'layers')), []);
    assert.ok(!readdirSync(path.join(dir, 'blobs/sha256')).includes(pushed.layers[0]!.slice(7)));
    truncateSync(file, 0);
    writeFileSync(file, good);
    await images.pull(name, { signal });
  });

  test('a layer that unpacks to something else than its config says is refused', async () => {
    const layer = layerWith('file', Buffer.from('swapped'));
    await pushImage(registry, 'swapped', [{ packed: zlib.gzipSync(layer), diffId: sha256('another') }]);
    const { dir, images } = openStore();
    await assert.rejects(
      images.pull(`${registry.address}/swapped:1`, { signal }),
      new RegExp(
        `failed to extract layer ${sha256('another')}: wrong diff id calculated on extraction "${sha256(layer)}"`,
      ),
    );
    assert.deepEqual([...leftovers(dir), ...readdirSync(path.join(dir, 'layers'))], []);
  });

  test('a layer that tries to leave its folder is refused, and nothing of it stays', async () => {
    const layer = layerWith('../../escaped', Buffer.from('bad'));
    await pushImage(registry, 'evil', [{ packed: zlib.gzipSync(layer), diffId: sha256(layer) }]);
    const { dir, images } = openStore();
    await assert.rejects(
      images.pull(`${registry.address}/evil:1`, { signal }),
      /entry "..\/..\/escaped" leaves the layer/,
    );
    assert.deepEqual([...leftovers(dir), ...readdirSync(path.join(dir, 'layers'))], []);
    assert.deepEqual(await images.list(), []);
  });

  test('pull() of what is not there fails with containerd’s sentences', async () => {
    const { images } = openStore();
    const nope = `${registry.address}/nope:1`;
    await assert.rejects(images.pull(nope, { signal }), {
      reason: 'ErrImagePull',
      message: `failed to pull and unpack image "${nope}": failed to resolve reference "${nope}": ${nope}: not found`,
    });
    await assert.rejects(images.pull('127.0.0.1:1/x', { signal }), {
      message:
        'failed to pull and unpack image "127.0.0.1:1/x:latest": failed to resolve reference "127.0.0.1:1/x:latest": ' +
        'failed to do request: Get "http://127.0.0.1:1/v2/x/manifests/latest": dial tcp 127.0.0.1:1: connect: connection refused',
    });
    await assert.rejects(images.pull('a b', { signal }), { reason: 'InvalidImageName' });
  });

  test('mirrors come first, and the registry itself when they fail', async () => {
    const pushed = await pushImage(registry, 'library/mirrored', [simpleLayer('mirrored')]);
    const { images } = openStore(mirrored({ 'docker.io': ['127.0.0.1:1', `http://${registry.address}`] }));
    const { image } = await images.pull('mirrored:1', { signal });
    assert.equal(image.id, pushed.id);
    assert.deepEqual((await images.list())[0]?.tags, ['docker.io/library/mirrored:1']);
    const { images: other } = openStore(mirrored({ [registry.address]: ['127.0.0.1:1'] }));
    await other.pull(`${registry.address}/library/mirrored:1`, { signal });
  });

  test('a mirror that serves something else does not keep the registry from serving', async () => {
    const bad = await startRegistry();
    try {
      await pushImage(bad, 'library/twice', [simpleLayer('twice')]);
      const pushed = await pushImage(registry, 'library/twice', [simpleLayer('twice')]);
      const file = bad.blobFile(pushed.layers[0]!);
      const spoiled = readFileSync(file);
      spoiled[spoiled.length - 9]! ^= 1;
      writeFileSync(file, spoiled);
      const { dir, images } = openStore(mirrored({ [registry.address]: [bad.address] }));
      const { image } = await images.pull(`${registry.address}/library/twice:1`, { signal });
      assert.equal(readFileSync(path.join(image.layers[0]!, 'file'), 'utf8'), 'twice');
      assert.equal(
        bad.served(`/v2/library/twice/blobs/${pushed.layers[0]}?ns=${encodeURIComponent(registry.address)}`),
        1,
      );
      assert.deepEqual(leftovers(dir), []);
    } finally {
      await bad.stop();
    }
  });

  test('a mirror has all of it when the registry itself is down', async () => {
    const pushed = await pushImage(registry, 'hub/down', [simpleLayer('down'), simpleLayer('twice')]);
    const registries = readRegistries({
      mirrors: { '127.0.0.1:1': { endpoint: ['localhost:1', registry.address], rewrite: { '^team/(.*)': 'hub/$1' } } },
    });
    const { images } = openStore({ registries: () => Promise.resolve(registries) });
    const { image } = await images.pull('127.0.0.1:1/team/down:1', { signal });
    assert.equal(image.digest, `127.0.0.1:1/team/down@${pushed.manifest}`);
  });

  test('a mirror with a login and a certificate of its own is served by what the file says', async () => {
    const closed = await startRegistry({ auth: 'basic' });
    const tls = await startTls(closed.port, root);
    try {
      await pushImage(closed, 'secret', [simpleLayer('secret')]);
      const address = `https://localhost:${tls.port}`;
      const pull = (config: object) => {
        const { images } = openStore(mirrored({ '127.0.0.1:1': [address] }, { [`localhost:${tls.port}`]: config }));
        return images.pull('127.0.0.1:1/secret:1', { signal });
      };
      const auth = account;
      await assert.rejects(pull({ auth }), /connection refused/);
      await assert.rejects(pull({ auth: { ...auth, password: 'wrong' }, tls: { ca_file: tls.caFile } }), /refused/);
      await pull({ auth, tls: { ca_file: tls.caFile } });
      await pull({ auth, tls: { insecure_skip_verify: true } });
    } finally {
      await tls.stop();
      await closed.stop();
    }
  });

  test('credentials of the registry are not shown to its mirrors', async () => {
    const asked: (string | undefined)[] = [];
    const mirror = http.createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    await once(mirror.listen(0, '127.0.0.1'), 'listening');
    const { port } = mirror.address() as AddressInfo;
    const closed = await startRegistry({ auth: 'basic' });
    try {
      await pushImage(closed, 'private', [simpleLayer('private')]);
      const { images } = openStore(mirrored({ [closed.address]: [`127.0.0.1:${port}`] }));
      const auth = makeKeyring([{ [closed.address]: account }]);
      await images.pull(`${closed.address}/private:1`, { auth, signal });
      assert.ok(asked.length > 0);
      assert.deepEqual([...new Set(asked)], [undefined]);
    } finally {
      mirror.close();
      await closed.stop();
    }
  });

  test('a pull without credentials gets nothing by a pull with them that is under way', async () => {
    const closed = await startRegistry({ auth: 'basic' });
    try {
      await pushImage(closed, 'private', [simpleLayer('private')]);
      const name = `${closed.address}/private:1`;
      const { images } = openStore();
      const [allowed, refused] = await Promise.allSettled([
        images.pull(name, { auth: () => [account], signal }),
        images.pull(name, { signal }),
      ]);
      assert.deepEqual([allowed.status, refused.status], ['fulfilled', 'rejected']);
      const { images: own } = openStore({ credentials: () => [account] });
      await own.pull(name, { signal });
    } finally {
      await closed.stop();
    }
  });

  test('two images with a layer in common fetch it once', async () => {
    const shared = simpleLayer(`shared by two ${'x'.repeat(500_000)}`);
    const [one, two] = [
      await pushImage(registry, 'one', [shared]),
      await pushImage(registry, 'two', [shared, simpleLayer('2')]),
    ];
    const { images } = openStore();
    await Promise.all(['one', 'two'].map((name) => images.pull(`${registry.address}/${name}:1`, { signal })));
    assert.equal(one.layers[0], two.layers[0]);
    const served = ['one', 'two'].map((name) => registry.served(`/v2/${name}/blobs/${one.layers[0]}`));
    assert.equal(served[0]! + served[1]!, 1);
  });

  test('an image larger than the disk is refused before anything of it is fetched', async function () {
    this.timeout(60_000);
    const layer = layerWith('large', randomBytes(20_000_000));
    const pushed = await pushImage(registry, 'large', [{ packed: layer, diffId: sha256(layer) }]);
    const disk = await makeSmallDisk(16 * 1024 * 1024);
    try {
      const images = makeImages({ dir: path.join(disk.folder, 'store') }, env);
      await assert.rejects(
        images.pull(`${registry.address}/large:1`, { signal }),
        /failed to copy: no space left on device/,
      );
      assert.equal(registry.served(`/v2/large/blobs/${pushed.layers[0]}`), 0);
    } finally {
      await disk.remove();
    }
  });

  test('a download goes on where a lost connection left it', async () => {
    const content = Buffer.alloc(900_000, 'incompressible');
    const layer = layerWith('big', content);
    const pushed = await pushImage(registry, 'resumed', [{ packed: layer, diffId: sha256(layer) }]);
    const relay = await startRelay(registry.port);
    try {
      relay.cutAfter(400_000);
      const { images } = openStore(mirrored({ 'far.example': [`127.0.0.1:${relay.port}`] }));
      // The origin does not exist, so all comes through the relay.
      await assert.rejects(images.pull('far.example/none:1', { signal }), /not found|lookup|resolution/);
      const { images: direct } = openStore();
      await direct.pull(`${registry.address}/resumed:1`, { signal });
      const { images: cut } = openStore();
      const { image } = await cut.pull(`127.0.0.1:${relay.port}/resumed:1`, { signal });
      assert.equal(image.id, pushed.id);
      assert.ok(relay.opened >= 3);
    } finally {
      await relay.stop();
    }
  });

  for (const auth of ['basic', 'token'] as const)
    test(`pull() logs in by ${auth}`, async () => {
      const closed = await startRegistry({ auth });
      try {
        await pushImage(closed, 'private', [simpleLayer('private')]);
        const name = `${closed.address}/private:1`;
        const { images } = openStore();
        await assert.rejects(images.pull(name, { signal }), {
          reason: 'ErrImagePull',
          message: new RegExp(
            `failed to resolve reference "${name}": .*pull access denied, repository does not exist or may require authorization: server message: .*authorization failed`,
          ),
        });
        const wrong = { username: account.username, password: 'wrong' };
        await assert.rejects(images.pull(name, { auth: () => [wrong], signal }), /pull access denied/);
        const asked: string[] = [];
        const auth = (repository: string) => {
          asked.push(repository);
          return [wrong, { username: 'nobody', password: 'x' }, account];
        };
        await images.pull(name, { auth, signal });
        assert.deepEqual([...new Set(asked)], [`${closed.address}/private`]);
      } finally {
        await closed.stop();
      }
    });

  test('a tag that moved brings the new image, and the old one stays by its digest', async () => {
    const { images } = openStore();
    const name = `${registry.address}/moving:1`;
    const before = await pushImage(registry, 'moving', [simpleLayer('before')]);
    await images.pull(name, { signal });
    const after = await pushImage(registry, 'moving', [simpleLayer('after')]);
    assert.equal((await images.pull(name, { signal })).image.id, after.id);
    assert.equal((await images.find(`${registry.address}/moving@${before.manifest}`))?.id, before.id);
    assert.equal((await images.list()).length, 2);
  });
});
