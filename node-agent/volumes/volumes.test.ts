import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type { Client } from '#lib/client/types.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import type { ConfigMap, Secret, Volume } from '#lib/kinds/gen/core-v1.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { writePayload } from './atomic-writer.ts';
import { hugePageSize } from './empty-dir.ts';
import { mountPoints, parseMountInfo, removeTree } from './mounts.ts';
import type { PayloadFile } from './payload.ts';
import { bindSubPath } from './sub-path.ts';
import { makeVolumes } from './volumes.ts';
import type { Volumes } from './volumes.ts';

const meta = { uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const running = new AbortController().signal;

suite('node-agent/volumes', () => {
  let root: string;
  let env: FakeEnv;
  let volumes: Volumes;
  let configMaps: Map<string, Record<string, string>>;
  let tokens: number;
  let claims: (name: string) => Promise<unknown>;
  let told: string[];

  setup(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-volumes-'));
    env = makeFakeEnv();
    tokens = 0;
    told = [];
    configMaps = new Map([['cm', { a: '1', b: '2' }]]);
    const answerToken = () => {
      const expirationTimestamp = new Date(env.now() + 3600_000).toISOString();
      return Promise.resolve({ status: { token: `token-${++tokens}`, expirationTimestamp } });
    };
    volumes = await makeVolumes({
      env,
      client: { post: answerToken, get: (_: unknown, { name }: { name: string }) => claims(name) } as unknown as Client,
      stateDir: `${root}/state`,
      runDir: `${root}/run`,
      objects: {
        hold: () => {},
        configMap: (_, name) => {
          const data = configMaps.get(name);
          return Promise.resolve(data && ({ metadata: { ...meta, name }, data } as unknown as ConfigMap));
        },
        secret: (_, name) =>
          Promise.resolve(
            name === 's'
              ? ({ metadata: { ...meta, name }, data: { key: btoa('hush') } } as unknown as Secret)
              : undefined,
          ),
      },
      factsOf: () => ({ nodeName: 'n1', hostIps: ['10.0.0.1'], podIps: ['10.1.0.5'], allocatable: { cpu: '2' } }),
      memoryBytes: 64 * 1024 * 1024,
      alsoNeeded: () => ({ configMaps: [], secrets: [] }),
      tell: (_, fault) => told.push(fault),
    });
  });
  teardown(async () => {
    volumes.stop();
    await removeTree(root);
  });

  const podWith = (list: Volume[], more = {}) =>
    makePod({ volumes: list, ...more }, undefined, { labels: { app: 'web' } });
  const mountOne = async (volume: Omit<Volume, 'name'>, more = {}) => {
    const pod = podWith([{ name: 'v', ...volume }], more);
    return { pod, folder: (await volumes.mount(pod, running))['v']! };
  };

  test('mount() shows a ConfigMap through ..data, and refresh() swaps it whole', async () => {
    const { pod, folder } = await mountOne({ configMap: { name: 'cm' } });
    assert.equal(readFileSync(`${folder}/a`, 'utf8'), '1');
    assert.equal(readlinkSync(`${folder}/a`), '..data/a');
    const before = readlinkSync(`${folder}/..data`);
    await volumes.refresh(pod);
    assert.equal(readlinkSync(`${folder}/..data`), before);
    configMaps.set('cm', { a: 'new', c: '3' });
    await volumes.refresh(pod);
    assert.equal(readFileSync(`${folder}/a`, 'utf8'), 'new');
    assert.deepEqual(
      readdirSync(folder)
        .filter((name) => !name.startsWith('..'))
        .sort(),
      ['a', 'c'],
    );
    assert.equal(existsSync(`${folder}/${before}`), false);
  });

  test('mount() follows items, modes and fsGroup, and keeps secrets in memory', async () => {
    const items = [{ key: 'key', path: 'deep/file', mode: 0o400 }];
    const { folder } = await mountOne({ secret: { secretName: 's', items } }, { securityContext: { fsGroup: 4242 } });
    const file = statSync(`${folder}/deep/file`);
    assert.equal(readFileSync(`${folder}/deep/file`, 'utf8'), 'hush');
    assert.deepEqual([file.mode & 0o777, file.gid], [0o440, 4242]);
    assert.ok((await mountPoints()).includes(`${root}/run/volumes`));
    assert.ok(folder.startsWith(`${root}/run/volumes/`));
  });

  test('mount() says which object is missing, unless it is optional', async () => {
    await assert.rejects(mountOne({ configMap: { name: 'absent' } }), {
      name: 'VolumeError',
      message: 'MountVolume.SetUp failed for volume "v" : configmap "absent" not found',
    });
    const two = [
      { name: 'one', configMap: { name: 'absent' } },
      { name: 'two', secret: { secretName: 'none' } },
      { name: 'three', emptyDir: {} },
    ];
    await assert.rejects(volumes.mount(podWith(two), running), {
      faults: [
        'MountVolume.SetUp failed for volume "one" : configmap "absent" not found',
        'MountVolume.SetUp failed for volume "two" : secret "none" not found',
      ],
    });
    const { folder } = await mountOne({ configMap: { name: 'absent', optional: true } });
    assert.deepEqual(
      readdirSync(folder).filter((name) => !name.startsWith('..')),
      [],
    );
  });

  test('mount() says that there are no trust bundles, and shows an empty file to who can do without', async () => {
    const asking = (bundle: object) =>
      mountOne({ projected: { sources: [{ clusterTrustBundle: { path: 'ca.pem', ...bundle } }] } });
    const none = 'this cluster has no API for ClusterTrustBundles';
    const start = 'MountVolume.SetUp failed for volume "v" : clustertrustbundle';
    await assert.rejects(asking({ name: 'roots' }), { message: `${start} "roots" not found: ${none}` });
    await assert.rejects(asking({ signerName: 'example.com/a' }), {
      message: `${start} of signer "example.com/a" not found: ${none}`,
    });
    const { folder } = await asking({ name: 'roots', optional: true });
    assert.equal(readFileSync(`${folder}/ca.pem`, 'utf8'), '');
  });

  test('mount() projects several sources, and fetches tokens again before they expire', async () => {
    const { folder } = await mountOne({
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
          { configMap: { name: 'cm', items: [{ key: 'a', path: 'ca' }] } },
          { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
    });
    assert.equal(readFileSync(`${folder}/token`, 'utf8'), 'token-1');
    assert.equal(readFileSync(`${folder}/labels`, 'utf8'), 'app="web"');
    await env.advance(0.79 * 3600_000);
    assert.equal(tokens, 1);
    await env.advance(0.02 * 3600_000);
    await until(() => readFileSync(`${folder}/token`, 'utf8') === 'token-2');
  });

  test('refresh() leaves what is mounted within a volume, and folders that a subPath asked for', async () => {
    const { pod, folder } = await mountOne({ configMap: { name: 'cm' } });
    mkdirSync(`${folder}/nested`);
    mkdirSync(`${folder}/later`);
    mkdirSync(`${root}/other`);
    writeFileSync(`${root}/other/file`, 'mounted');
    execFileSync('mount', ['--bind', `${root}/other`, `${folder}/nested`]);
    configMaps.set('cm', { b: '2', later: 'a key now' });
    await volumes.refresh(pod);
    assert.deepEqual(
      readdirSync(folder)
        .filter((name) => !name.startsWith('..'))
        .sort(),
      ['b', 'later', 'nested'],
    );
    assert.equal(readFileSync(`${folder}/nested/file`, 'utf8'), 'mounted');
    assert.equal(readFileSync(`${folder}/..data/later`, 'utf8'), 'a key now');
  });

  test('mount() makes an emptyDir in memory as large as its limit, the pod and the node allow', async () => {
    const limits = (memory: string) => ({ containers: [makeContainer('app', { resources: { limits: { memory } } })] });
    const megabytes = async (sizeLimit: string | undefined, more: object) => {
      const { pod, folder } = await mountOne({ emptyDir: { medium: 'Memory', ...(sizeLimit && { sizeLimit }) } }, more);
      const { blocks, bsize } = statfsSync(folder);
      await volumes.unmount(pod.metadata.uid);
      return (blocks * bsize) / 2 ** 20;
    };
    assert.equal(await megabytes(undefined, {}), 64);
    assert.equal(await megabytes('0', {}), 64);
    assert.equal(await megabytes('1Gi', {}), 64);
    assert.equal(await megabytes(undefined, limits('8Mi')), 8);
    assert.equal(await megabytes('4Mi', limits('8Mi')), 4);
    assert.equal(await megabytes('16Mi', limits('8Mi')), 8);
  });

  test('mount() makes emptyDirs, in memory when asked, and unmount() removes them with their contents', async () => {
    const { pod, folder } = await mountOne({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } });
    assert.equal(statSync(folder).mode & 0o7777, 0o777);
    assert.throws(() => writeFileSync(`${folder}/big`, Buffer.alloc(2 * 1024 * 1024)), { code: 'ENOSPC' });
    assert.deepEqual(await volumes.uids(), [pod.metadata.uid]);
    await volumes.unmount(pod.metadata.uid);
    assert.equal(existsSync(folder), false);
    assert.deepEqual(await volumes.uids(), []);
  });

  test('mount() takes an emptyDir from huge pages, of the size that the pod asks for', async () => {
    const asking = (...sizes: string[]) => ({
      containers: [
        makeContainer('app', {
          resources: { requests: Object.fromEntries(sizes.map((size) => [`hugepages-${size}`, '2Mi'])) },
        }),
      ],
    });
    const mount = (medium: string, more: object) => mountOne({ emptyDir: { medium } }, more);
    await assert.rejects(mount('HugePages', asking()), /there is no resource request for huge pages$/);
    await assert.rejects(mount('HugePages', asking('2Mi', '1Gi')), /multiple huge page sizes$/);
    await assert.rejects(mount('HugePages-1Gi', asking('2Mi')), /requires a resource request/);
    assert.equal(hugePageSize(podWith([], asking('2Mi', '1Gi')), 'HugePages-1Gi'), '1Gi');
    if (!existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB')) return;
    const { pod, folder } = await mount('HugePages', asking('2Mi'));
    assert.match(readFileSync('/proc/mounts', 'utf8'), new RegExp(`${folder} hugetlbfs .*pagesize=2M`));
    await volumes.unmount(pod.metadata.uid);
  });

  test('mount() checks what a hostPath is', async () => {
    writeFileSync(`${root}/file`, '');
    const type = (kind: string, target = `${root}/file`) =>
      mountOne({ hostPath: { path: target, type: kind as 'File' } });
    assert.equal((await type('File')).folder, `${root}/file`);
    await assert.rejects(type('Directory'), /hostPath type check failed: .*\/file is not a directory$/);
    await assert.rejects(type('Socket'), /is not a socket file$/);
    await assert.rejects(type('File', `${root}/absent`), /absent is not a file$/);
    await type('DirectoryOrCreate', `${root}/made/here`);
    assert.ok(statSync(`${root}/made/here`).isDirectory());
    assert.equal((await type('CharDevice', '/dev/null')).folder, '/dev/null');
  });

  test('mount() takes a claim for the pod, and gives to its group only what is there for claims', async () => {
    const fsGroup = 4242;
    const owner = { uid: 'somebody', controller: true };
    const from =
      (spec: object, owners: object[] = [], annotations = {}) =>
      (name: string) =>
        Promise.resolve(
          name === 'pv'
            ? { metadata: { annotations }, spec: { claimRef: { uid: 'c' }, ...spec } }
            : {
                metadata: { uid: 'c', ownerReferences: owners },
                spec: { volumeName: 'pv' },
                status: { phase: 'Bound' },
              },
        );
    const group = (folder: string) => statSync(folder).gid;
    mkdirSync(`${root}/local`);
    mkdirSync(`${root}/host`);
    const context = { securityContext: { fsGroup } };
    const claim = (readOnly: boolean) => mountOne({ persistentVolumeClaim: { claimName: 'c', readOnly } }, context);
    claims = from({ local: { path: `${root}/local` } });
    assert.equal(group((await claim(true)).folder), 0);
    assert.equal(group((await claim(false)).folder), fsGroup);
    claims = from({ hostPath: { path: `${root}/host` } });
    assert.equal(group((await claim(false)).folder), 0);
    claims = from({ hostPath: { path: `${root}/host` } }, [], { 'pv.kubernetes.io/provisioned-by': 'someone' });
    assert.equal(group((await claim(false)).folder), fsGroup);

    const own = { ephemeral: { volumeClaimTemplate: { spec: {} } } };
    claims = from({ local: { path: `${root}/local` } }, [owner]);
    await assert.rejects(mountOne(own), /: PVC .*-v was not created for pod .* \(pod is not owner\)$/);
    claims = from({ local: { path: `${root}/local` } }, [{ ...owner, uid: makePod().metadata.uid }]);
    assert.equal((await mountOne(own)).folder, `${root}/local`);
    claims = (name) => from({})(name).then((found) => ({ ...found, status: { phase: 'Pending' } }));
    await assert.rejects(
      claim(false),
      /^VolumeError: Unable to attach or mount volumes: unmounted volumes=\[v\], unattached volumes=\[\], failed to process volumes=\[v\]: error processing PVC .*\/c: PVC is not bound$/,
    );
    claims = () => Promise.reject(new Error('persistentvolumeclaims "c" not found'));
    await assert.rejects(claim(false), /: failed to fetch PVC from API server: persistentvolumeclaims "c" not found$/);
    claims = from({ local: { path: `${root}/absent` } });
    const noPath = `MountVolume.NewMounter initialization failed for volume "pv" : path "${root}/absent" does not exist`;
    await assert.rejects(claim(false), { message: noPath });
    claims = from({ hostPath: { path: `${root}/local`, type: 'File' } });
    await assert.rejects(
      claim(false),
      /^VolumeError: MountVolume.SetUp failed for volume "pv" : hostPath type check failed/,
    );
  });

  test('mount() mounts a local volume that is a device, with a file system where it has none', async () => {
    const devices: string[] = [];
    const disk = (name: string) => {
      writeFileSync(`${root}/${name}`, Buffer.alloc(4 * 1024 * 1024));
      const device = execFileSync('losetup', ['--find', '--show', `${root}/${name}`], { encoding: 'utf8' }).trim();
      devices.push(device);
      return device;
    };
    const from = (path: string) => (name: string) =>
      Promise.resolve(
        name === 'pv'
          ? { metadata: {}, spec: { claimRef: { uid: 'c' }, mountOptions: ['noatime'], local: { path } } }
          : { metadata: { uid: 'c' }, spec: { volumeName: 'pv' }, status: { phase: 'Bound' } },
      );
    const claim = (more = {}) => mountOne({ persistentVolumeClaim: { claimName: 'c' } }, more);
    try {
      const [blank, other] = [disk('blank'), disk('other')];
      execFileSync('mkswap', [other], { stdio: 'ignore' });
      claims = from(blank);
      const { pod, folder } = await claim({ securityContext: { fsGroup: 4242 } });
      writeFileSync(`${folder}/kept`, 'of the user');
      assert.equal(statSync(folder).gid, 4242);
      assert.match(readFileSync('/proc/mounts', 'utf8'), new RegExp(`^${blank} ${folder} ext4 .*noatime`, 'm'));
      await volumes.mount(pod, running);
      await volumes.unmount(pod.metadata.uid);
      assert.equal(existsSync(folder), false);
      const again = await claim();
      assert.equal(readFileSync(`${again.folder}/kept`, 'utf8'), 'of the user');
      await volumes.unmount(pod.metadata.uid);
      claims = from(other);
      await assert.rejects(claim(), /MountVolume.SetUp failed for volume ".*" : Cannot mount/);
      assert.match(execFileSync('blkid', ['-p', other], { encoding: 'utf8' }), /TYPE="swap"/);
    } finally {
      await volumes.unmount(makePod().metadata.uid);
      for (const device of devices) execFileSync('losetup', ['--detach', device]);
    }
  });

  test('unmount() leaves alone what links and mounts in a volume lead to', async () => {
    const { pod, folder } = await mountOne({ emptyDir: {} });
    mkdirSync(`${root}/precious`);
    writeFileSync(`${root}/precious/file`, 'kept');
    symlinkSync(`${root}/precious`, `${folder}/link`);
    mkdirSync(`${folder}/deep/mounted`, { recursive: true });
    execFileSync('mount', ['--bind', `${root}/precious`, `${folder}/deep/mounted`]);
    // One upon the other, and one that is in use.
    execFileSync('mount', ['--bind', `${root}/precious`, `${folder}/deep/mounted`]);
    const busy = openSync(`${folder}/deep/mounted/file`, 'r');
    await volumes.unmount(pod.metadata.uid);
    closeSync(busy);
    assert.deepEqual([existsSync(folder), readFileSync(`${root}/precious/file`, 'utf8')], [false, 'kept']);
  });

  test('mountsOf() binds subPaths, keeps shown objects read-only and expands names', async () => {
    const pod = podWith([
      { name: 'data', emptyDir: {} },
      { name: 'config', configMap: { name: 'cm' } },
    ]);
    const paths = await volumes.mount(pod, running);
    const spec = makeContainer('app', {
      volumeMounts: [
        { name: 'data', mountPath: '/data', subPathExpr: '$(WHO)/x' },
        { name: 'config', mountPath: '/etc/a', subPath: 'a' },
        { name: 'config', mountPath: '/etc/config', mountPropagation: 'HostToContainer' },
        { name: 'data', mountPath: '/all', readOnly: true, recursiveReadOnly: 'IfPossible' },
        { name: 'data', mountPath: '/top', readOnly: true, recursiveReadOnly: 'Disabled' },
      ],
    });
    const mounts = await volumes.mountsOf(pod, spec, paths, new Map([['WHO', 'me']]));
    assert.deepEqual(
      mounts.map(({ target, readOnly, recursive = false, propagation }) => [target, readOnly, recursive, propagation]),
      [
        ['/data', false, false, 'private'],
        ['/etc/a', true, false, 'private'],
        ['/etc/config', true, false, 'rslave'],
        ['/all', true, true, 'private'],
        ['/top', true, false, 'private'],
      ],
    );
    writeFileSync(`${mounts[0]!.source}/f`, 'deep');
    assert.equal(readFileSync(`${paths['data']}/me/x/f`, 'utf8'), 'deep');
    assert.equal(readFileSync(mounts[1]!.source, 'utf8'), '1');
    for (const [who, complaint] of [
      ['', /^missing value for WHO$/],
      ['/tmp', /^error SubPath `\/tmp\/x` must not be an absolute path$/],
      ['..', /^unable to provision SubPath `\.\.\/x`: must not contain '\.\.'$/],
    ] as const)
      await assert.rejects(volumes.mountsOf(pod, spec, paths, new Map([['WHO', who]])), { message: complaint });
    await volumes.unmount(pod.metadata.uid);
    assert.deepEqual(
      (await mountPoints()).filter((point) => point.startsWith(`${root}/state`)),
      [],
    );
  });

  test('mountsOf() shows images, of one layer or more, to read alone', async () => {
    const layer = (name: string, files: Record<string, string>) => {
      mkdirSync(`${root}/layers/${name}/bin`, { recursive: true });
      for (const [file, text] of Object.entries(files)) writeFileSync(`${root}/layers/${name}/${file}`, text);
      return `${root}/layers/${name}`;
    };
    const [below, above] = [layer('below', { 'bin/a': '1', 'bin/b': '2' }), layer('above', { 'bin/b': '3' })];
    const config = {
      entrypoint: [],
      cmd: [],
      env: [],
      workingDir: '',
      user: '',
      stopSignal: '',
      labels: {},
      volumes: [],
    };
    const images = {
      one: { name: 'one', id: 'sha256:1', config, layers: [below] },
      two: { name: 'two', id: 'sha256:2', config, layers: [above, below] },
      none: { name: 'none', id: 'sha256:3', config, layers: [] },
    };
    const pod = podWith(Object.keys(images).map((name) => ({ name, image: { reference: name } })));
    const spec = makeContainer('app', {
      volumeMounts: [
        ...Object.keys(images).map((name) => ({ name, mountPath: `/${name}` })),
        { name: 'two', mountPath: '/file', subPath: 'bin/b' },
      ],
    });
    assert.deepEqual(await volumes.mount(pod, running), {});
    for (let i = 0; i < 2; i++) {
      const [one, two, none, file] = await volumes.mountsOf(pod, spec, {}, new Map(), images);
      assert.equal(readFileSync(`${one!.source}/bin/b`, 'utf8'), '2');
      assert.deepEqual([readFileSync(`${two!.source}/bin/b`, 'utf8'), readdirSync(none!.source)], ['3', []]);
      assert.equal(readFileSync(file!.source, 'utf8'), '3');
      assert.deepEqual([one!.readOnly, one!.image], [true, true]);
      assert.throws(() => writeFileSync(`${two!.source}/bin/b`, ''), { code: 'EROFS' });
    }
    const gone = makeContainer('app', { volumeMounts: [{ name: 'one', mountPath: '/x', subPath: 'absent' }] });
    await assert.rejects(volumes.mountsOf(pod, gone, {}, new Map(), images), /failed to prepare subPath/);
    await volumes.unmount(pod.metadata.uid);
    assert.equal(readFileSync(`${below}/bin/b`, 'utf8'), '2');
    await assert.rejects(volumes.mountsOf(pod, spec, {}, new Map()), /cannot find volume "one"/);
  });

  test('refresh() goes on past what is missing, and tells of it once', async () => {
    configMaps.set('other', { x: '1' });
    const pod = podWith([
      { name: 'v', configMap: { name: 'cm' } },
      { name: 'w', configMap: { name: 'other' } },
    ]);
    const { w } = await volumes.mount(pod, running);
    configMaps.delete('cm');
    configMaps.set('other', { x: '2' });
    for (let i = 0; i < 3; i++) await volumes.refresh(pod);
    assert.equal(readFileSync(`${w}/x`, 'utf8'), '2');
    const fault = 'MountVolume.SetUp failed for volume "v" : configmap "cm" not found';
    assert.deepEqual(told, [fault]);
    configMaps.set('cm', {});
    await volumes.refresh(pod);
    configMaps.delete('cm');
    await volumes.refresh(pod);
    assert.deepEqual(told, [fault, fault]);
  });

  test('bindSubPath() refuses to leave the volume, whatever the pod has put into it', async () => {
    mkdirSync(`${root}/volume`);
    symlinkSync('/etc', `${root}/volume/out`);
    symlinkSync('inside', `${root}/volume/in`);
    mkdirSync(`${root}/volume/inside`);
    const bind = (subPath: string) => bindSubPath(`${root}/volume`, subPath, `${root}/target`);
    await assert.rejects(bind('out'), /not within volume path/);
    await assert.rejects(bind('out/passwd'), /not within volume path/);
    await assert.rejects(bind('../volume'), /must not contain/);
    await assert.rejects(bind('/etc'), /must not be an absolute path/);
    await bind('in');
  });

  test('removeTree() unmounts what is below before it deletes', async () => {
    mkdirSync(`${root}/precious`);
    writeFileSync(`${root}/precious/file`, 'kept');
    mkdirSync(`${root}/tree/mounted`, { recursive: true });
    execFileSync('mount', ['--bind', `${root}/precious`, `${root}/tree/mounted`]);
    await removeTree(`${root}/tree`);
    assert.equal(readFileSync(`${root}/precious/file`, 'utf8'), 'kept');
    assert.equal(existsSync(`${root}/tree`), false);
  });

  test('parseMountInfo() undoes escapes', () => {
    const line = '36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw\n';
    assert.deepEqual(parseMountInfo(line), ['/mnt/a b']);
  });

  test('writePayload() ends with exactly the payload, whatever was there before', async () => {
    const names = fc.constantFrom('a', 'b', 'd/e', 'd/f', 'g');
    const payloads = fc.array(fc.dictionary(names, fc.string({ maxLength: 5 })), { minLength: 1, maxLength: 3 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(payloads, async (list) => {
        const folder = `${root}/payload-${run++}`;
        for (const [i, files] of list.entries()) {
          const payload = new Map<string, PayloadFile>(
            Object.entries(files).map(([name, text]) => [name, { data: Buffer.from(text), mode: 0o644 }]),
          );
          await writePayload(folder, payload, { stamp: `s${i}` });
          const visible = readdirSync(folder).filter((name) => !name.startsWith('..'));
          assert.deepEqual(
            visible.toSorted(byName),
            [...new Set(Object.keys(files).map((name) => name.split('/')[0]!))].toSorted(byName),
          );
          for (const [name, text] of Object.entries(files)) {
            assert.equal(readFileSync(path.join(folder, name), 'utf8'), text);
          }
          for (const name of visible) assert.ok(lstatSync(path.join(folder, name)).isSymbolicLink());
        }
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 30 },
    );
  });
});

/** Waits for what a timer has set off on the real file system; the test's own limit is the deadline. */
async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setImmediate(resolve));
}

const byName = (a: string, b: string) => (a < b ? -1 : 1);
