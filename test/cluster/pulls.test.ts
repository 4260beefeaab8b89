/** Images from a real registry: policies, digests, credentials, and what is said when it will not do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import zlib from 'node:zlib';
import tar from 'tar-stream';
import { makeRealEnv } from '#lib/env/real.ts';
import { buildImage } from '../../node-agent/images/build.ts';
import { makeImages } from '../../node-agent/images/images.ts';
import { beginning, digest, startSlowRegistry } from '../../node-agent/images/slow-registry.fixture.ts';
import { eventually } from '../harness/cluster.ts';
import { account, startRegistry } from '../harness/registry.ts';
import type { TestRegistry } from '../harness/registry.ts';
import { container, makePlace } from './place.ts';
import type { Place } from './place.ts';

const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

suite('pulling images', function () {
  this.timeout(60_000);
  let place: Place;
  let open: TestRegistry;
  let closed: TestRegistry;
  const relays: (() => void)[] = [];

  suiteSetup(async () => {
    place = await makePlace('pulls');
    const { gateway } = place.cluster.layout;
    open = await startRegistry({ host: gateway });
    closed = await startRegistry({ host: gateway, auth: 'basic' });
    // On its loopback a node speaks plain HTTP with a registry.
    for (const { port } of [open, closed]) {
      const relay = relayTo(port);
      relays.push(() => relay.kill());
    }
    await Promise.all([pushBusybox(open, 'tools'), pushBusybox(closed, 'team/tools')]);
  });
  suiteTeardown(async () => {
    await place.remove();
    for (const stop of relays) stop();
    await Promise.all([open.stop(), closed.stop()]);
  });

  /** Has the first node find a port of the machine on its own loopback. */
  function relayTo(port: number) {
    const { gateway, nodes } = place.cluster.layout;
    return spawn('ip', [
      ...['netns', 'exec', nodes[0]!.netns, 'socat'],
      ...[`TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, `TCP:${gateway}:${port}`],
    ]);
  }

  const run = (name: string, image: string, more: object = {}) =>
    place.run(name, {
      nodeName: place.cluster.layout.nodes[0]!.name,
      restartPolicy: 'Never',
      containers: [{ ...container('echo ran'), image, ...more }],
    });

  test('a missing image is pulled, one that is there is not, and a digest is as good as a tag', async () => {
    const tag = `127.0.0.1:${open.port}/tools:1`;
    await run('first', tag);
    await place.phase('first', 'Succeeded');
    assert.equal(await place.kubectl('logs', 'first'), 'ran\n');
    const { imageID, image } = (await place.status('first'))!;
    assert.equal(image, tag);
    const digest = /sha256:[0-9a-f]{64}$/.exec(imageID)?.[0];
    await eventually('its events', async () => {
      const events = await place.events('first');
      return (
        events.includes(`Pulling: Pulling image "${tag}"`) &&
        events.some((line) =>
          /^Pulled: Successfully pulled image ".*" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: \d+ bytes\.$/.test(
            line,
          ),
        )
      );
    });
    const before = open.served('/v2/tools/manifests/1');
    await run('again', tag, { imagePullPolicy: 'IfNotPresent' });
    await run('always', tag, { imagePullPolicy: 'Always' });
    await run('by-digest', `127.0.0.1:${open.port}/tools@${digest}`);
    for (const name of ['again', 'always', 'by-digest']) await place.phase(name, 'Succeeded');
    assert.equal(open.served('/v2/tools/manifests/1'), before + 1);
    assert.match(imageID, /^127\.0\.0\.1:\d+\/tools@sha256:/);
  });

  test('credentials come from secrets of the pod or of its account', async () => {
    const image = `127.0.0.1:${closed.port}/team/tools:1`;
    await place.run('refused', {
      nodeName: place.cluster.layout.nodes[0]!.name,
      imagePullSecrets: [{ name: 'absent' }, { name: 'gone' }],
      containers: [{ ...container('echo ran'), image }],
    });
    await eventually(
      'a refusal',
      async () => (await place.status('refused'))?.state?.waiting?.reason === 'ImagePullBackOff',
    );
    const { message = '' } = (await place.status('refused'))!.state!.waiting!;
    assert.match(
      message,
      new RegExp(`^Back-off pulling image "${image}": ErrImagePull: .*(401|unauthorized|no basic auth credentials)`),
    );
    await eventually('its event', async () =>
      (await place.events('refused')).includes(
        'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (absent, gone); attempting to pull the image may not succeed.',
      ),
    );
    await place.kubectl(
      ...['create', 'secret', 'docker-registry', 'key', `--docker-server=127.0.0.1:${closed.port}`],
      ...[`--docker-username=${account.username}`, `--docker-password=${account.password}`],
    );
    await place.run('allowed', {
      nodeName: place.cluster.layout.nodes[0]!.name,
      restartPolicy: 'Never',
      imagePullSecrets: [{ name: 'key' }],
      containers: [{ ...container('echo ran'), image }],
    });
    await place.phase('allowed', 'Succeeded');
    await place.kubectl('patch', 'serviceaccount', 'default', '-p', '{"imagePullSecrets":[{"name":"key"}]}');
    await run('by-account', image, { imagePullPolicy: 'Always' });
    await place.phase('by-account', 'Succeeded');
    assert.deepEqual((await place.pod('by-account')).spec.imagePullSecrets, [{ name: 'key' }]);
  });

  test('an image that the registry has not is told of as missing', async () => {
    const image = `127.0.0.1:${open.port}/tools:nothing`;
    await run('absent', image);
    await eventually(
      'not found',
      async () => (await place.status('absent'))?.state?.waiting?.reason === 'ImagePullBackOff',
    );
    assert.match((await place.status('absent'))!.state!.waiting!.message!, /: not found$/);
    await eventually('its event', async () =>
      (await place.events('absent')).some(
        (line) => line.startsWith(`Failed: Failed to pull image "${image}": `) && line.endsWith(': not found'),
      ),
    );
  });

  test('an image that may not be pulled, or that nobody could, says so', async () => {
    await run('never', `127.0.0.1:${open.port}/tools:never`, { imagePullPolicy: 'Never' });
    await run('invalid', 'Not A Name');
    const waiting = async (name: string) => (await place.status(name))?.state?.waiting;
    await eventually('never', async () => (await waiting('never'))?.reason === 'ErrImageNeverPull');
    assert.equal(
      (await waiting('never'))!.message,
      `Container image "127.0.0.1:${open.port}/tools:never" is not present with pull policy of Never`,
    );
    await eventually('invalid', async () => (await waiting('invalid'))?.reason === 'InvalidImageName');
    assert.equal(
      (await waiting('invalid'))!.message,
      'Failed to apply default image tag "Not A Name": couldn\'t parse image name "Not A Name": invalid reference format',
    );
    await eventually('their events', async () =>
      [...(await place.events('never')), ...(await place.events('invalid'))].includes(
        'Failed: Error: InvalidImageName',
      ),
    );
  });

  test('a node takes mirrors and logins from its folder, as soon as they change', async () => {
    const { stateDir } = place.cluster.layout.nodes[0]!;
    const { gateway } = place.cluster.layout;
    await run('before', 'far.example/tools:1');
    await eventually('no such host', async () =>
      ['ErrImagePull', 'ImagePullBackOff'].includes((await place.status('before'))?.state?.waiting?.reason ?? ''),
    );
    const files = [`${stateDir}/registries.yaml`, `${stateDir}/config.json`];
    const mirrors = {
      'far.example': { endpoint: [`http://${open.address}`] },
      'closed.example': { endpoint: [`http://${closed.address}`], rewrite: { '^(.*)$': 'team/$1' } },
    };
    try {
      writeFileSync(files[0]!, JSON.stringify({ mirrors }));
      writeFileSync(files[1]!, JSON.stringify({ auths: { [`${gateway}:${closed.port}`]: account } }));
      // A first try may come before the agent has heard of the files; the next one is 10 s later.
      await run('mirrored', 'far.example/tools:1');
      await run('known', 'closed.example/tools:1');
      for (const name of ['mirrored', 'known']) await place.phase(name, 'Succeeded');
      assert.match((await place.status('mirrored'))!.imageID, /^far\.example\/tools@sha256:[0-9a-f]{64}$/);
    } finally {
      for (const file of files) rmSync(file, { force: true });
    }
  });

  test('a tar in the folder of a node becomes an image', async () => {
    const { stateDir } = place.cluster.layout.nodes[0]!;
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-dropped-'));
    try {
      const env = makeRealEnv({ service: 'test' });
      const store = makeImages({ dir: path.join(folder, 'store') }, env);
      mkdirSync(path.join(folder, 'context/bin'), { recursive: true });
      cpSync('/bin/busybox', path.join(folder, 'context/bin/sh'));
      await buildImage(store, { context: path.join(folder, 'context'), tag: 'dropped.example/tools:1' });
      await store.exportTar(['dropped.example/tools:1'], path.join(folder, 'image.tar'));
      writeFileSync(`${stateDir}/images/tools.tar.gz`, zlib.gzipSync(readFileSync(path.join(folder, 'image.tar'))));
      await eventually('the image', async () =>
        (await place.cluster.wherry('image', 'ls')).includes('dropped.example/tools:1'),
      );
      await run('dropped', 'dropped.example/tools:1', { imagePullPolicy: 'Never' });
      await place.phase('dropped', 'Succeeded');
    } finally {
      rmSync(`${stateDir}/images/tools.tar.gz`, { force: true });
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('a download goes on after the agent was killed in the midst of it', async () => {
    const { gateway, imageDir, nodes } = place.cluster.layout;
    const slow = await startSlowRegistry(gateway);
    const relay = relayTo(slow.port);
    try {
      await run('patient', `127.0.0.1:${slow.port}/slow:1`, { command: ['/nothing'] });
      const partial = `${imageDir}/partial/${digest.slice('sha256:'.length)}`;
      await eventually('the beginning', () => statSync(partial, { throwIfNoEntry: false })?.size === beginning);
      slow.state.hangs = false;
      process.kill(place.cluster.pidOf(nodes[0]!.name), 'SIGKILL');
      await eventually('the whole', async () =>
        (await place.events('patient')).some((line) => line.startsWith('Pulled: Successfully pulled image')),
      );
      assert.deepEqual(slow.asked, [undefined, `bytes=${beginning}-`]);
      assert.equal(existsSync(partial), false);
    } finally {
      relay.kill();
      await slow.stop();
    }
  });

  test('an image whose layers have been damaged is whole again before a container runs on it', async () => {
    const name = `127.0.0.1:${open.port}/tools:1`;
    await run('whole', name);
    await place.phase('whole', 'Succeeded');
    const { imageDir } = place.cluster.layout;
    const damaged = readdirSync(`${imageDir}/layers`).filter(
      (layer) =>
        lstatSync(`${imageDir}/layers/${layer}`).isDirectory() && !existsSync(`${imageDir}/layers/${layer}/bin/ls`),
    );
    assert.ok(damaged.length > 0);
    for (const layer of damaged) rmSync(`${imageDir}/layers/${layer}/bin/busybox`, { force: true });
    await place.run('healed', {
      nodeName: place.cluster.layout.nodes[1]!.name,
      restartPolicy: 'Never',
      containers: [{ ...container('echo ran'), image: name, imagePullPolicy: 'Never' }],
    });
    await place.phase('healed', 'Succeeded');
  });
});

/** Pushes busybox and its shell as an image of one layer. */
async function pushBusybox(registry: TestRegistry, repository: string): Promise<void> {
  const pack = tar.pack();
  pack.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync('/bin/busybox'));
  pack.entry({ name: 'bin/sh', type: 'symlink', linkname: 'busybox' });
  pack.finalize();
  const layer = await buffer(pack);
  const packed = zlib.gzipSync(layer, { level: 1 });
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
    }),
  );
  const part = (digest: string, body: Buffer, kind: string) => ({
    mediaType: `application/vnd.oci.image.${kind}`,
    digest,
    size: body.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: part(await registry.pushBlob(repository, config), config, 'config.v1+json'),
    layers: [part(await registry.pushBlob(repository, packed), packed, 'layer.v1.tar+gzip')],
  };
  await registry.pushManifest(repository, '1', Buffer.from(JSON.stringify(manifest)), manifestType);
}
