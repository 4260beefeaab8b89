/** Volumes of all kinds, as containers see them. Those that the pods suite has (live updates, tokens) are not repeated. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { HostPathVolumeSource } from '#lib/kinds/gen/core-v1.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('volumes', function () {
  this.timeout(60_000);
  let place: Place;
  let folder: string;

  suiteSetup(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-host-path-'));
    writeFileSync(`${folder}/file`, 'of the node');
    place = await makePlace('volumes');
    const { kubectl } = place;
    await Promise.all([
      kubectl('create', 'configmap', 'settings', '--from-literal=a=1', '--from-literal=b=2'),
      kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=word=hush', '--from-literal=other=x'),
    ]);
    // The node measures volumes every ten seconds: the pod grows while other tests run.
    await place.run('greedy', {
      containers: [
        container(`dd if=/dev/zero of=/data/x bs=1M count=3; ${forever}`, {
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
      ],
      volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Mi' } }],
    });
  });
  suiteTeardown(async () => {
    await place.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test('items, modes and optional sources decide on files, and one projection holds them all', async () => {
    const at = (name: string) => ({ name, mountPath: `/v/${name}` });
    await place.run(
      'files',
      {
        securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
        containers: [
          container(forever, {
            resources: { limits: { memory: '64Mi' } },
            volumeMounts: ['items', 'optional', 'secret', 'all', 'scratch', 'about'].map(at),
          }),
        ],
        volumes: [
          {
            name: 'items',
            configMap: {
              name: 'settings',
              defaultMode: 0o440,
              items: [
                { key: 'a', path: 'deep/er/a', mode: 0o400 },
                { key: 'b', path: 'b' },
              ],
            },
          },
          { name: 'optional', configMap: { name: 'absent', optional: true } },
          { name: 'secret', secret: { secretName: 'hidden', optional: false, items: [{ key: 'word', path: 'w' }] } },
          { name: 'scratch', emptyDir: {} },
          {
            name: 'about',
            downwardAPI: {
              defaultMode: 0o644,
              items: [
                { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
                { path: 'note', fieldRef: { fieldPath: "metadata.annotations['note']" } },
                {
                  path: 'memory',
                  resourceFieldRef: { containerName: 'app', resource: 'limits.memory', divisor: '1Mi' },
                },
                { path: 'cpu', resourceFieldRef: { containerName: 'app', resource: 'limits.cpu' } },
              ],
            },
          },
          {
            name: 'all',
            projected: {
              defaultMode: 0o444,
              sources: [
                { configMap: { name: 'settings', items: [{ key: 'a', path: 'map/a' }] } },
                { secret: { name: 'hidden', items: [{ key: 'word', path: 'secret/word', mode: 0o400 }] } },
                { secret: { name: 'absent', optional: true } },
                { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
                { serviceAccountToken: { path: 'token', audience: 'elsewhere', expirationSeconds: 600 } },
              ],
            },
          },
        ],
      },
      { annotations: { note: 'ahoy' } },
    );
    await place.ready('files');
    const script = `
      cd /v
      for f in items/deep/er/a items/b secret/w all/map/a all/secret/word all/labels all/token about/name; do stat -Lc "%n %a %u %g" $f; done
      ls optional | wc -l
      cat items/deep/er/a items/b secret/w all/map/a all/secret/word all/labels about/name about/note about/memory
      echo; test $(cat about/cpu) -gt 0 && echo cpus
      readlink items/b; readlink items/..data | sed 's/[0-9].*/STAMP/'
      touch scratch/mine && stat -c "%a %u %g" scratch scratch/mine
      id -u; id -G
    `;
    assert.equal(
      await place.exec('files', script),
      [
        'items/deep/er/a 440 0 2000',
        'items/b 440 0 2000',
        'secret/w 644 0 2000',
        'all/map/a 444 0 2000',
        'all/secret/word 440 0 2000',
        'all/labels 444 0 2000',
        'all/token 640 1000 2000',
        'about/name 644 0 2000',
        '0',
        '12hush1hushapp="files"filesahoy64',
        'cpus',
        '..data/b',
        '..STAMP',
        '2777 0 2000',
        '644 1000 2000',
        '1000',
        '1000 2000',
        '',
      ].join('\n'),
    );
    const token = await place.exec('files', 'cat /v/all/token');
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    assert.deepEqual(claims['aud'], ['elsewhere']);
    assert.equal(Number(claims['exp']) - Number(claims['iat']), 600);
  });

  test('paths below a volume are mounted by themselves, made when missing, and named by variables', async () => {
    await place.run('below', {
      containers: [
        container(`echo main > /mine/f; echo log > /logs/l; ${forever}`, {
          env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          volumeMounts: [
            { name: 'data', mountPath: '/all' },
            { name: 'data', mountPath: '/mine', subPath: 'a/b' },
            { name: 'data', mountPath: '/logs', subPathExpr: 'logs/$(POD)' },
            { name: 'data', mountPath: '/fixed', subPath: 'a', readOnly: true },
            { name: 'settings', mountPath: '/etc/one.conf', subPath: 'a' },
            { name: 'memory', mountPath: '/all/memory' },
          ],
        }),
        {
          ...container(forever, { volumeMounts: [{ name: 'data', mountPath: '/shared' }] }),
          name: 'other',
        },
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'settings', configMap: { name: 'settings' } },
      ],
    });
    await place.ready('below');
    assert.equal(
      await place.exec(
        'below',
        'cat /all/a/b/f /all/logs/below/l /fixed/b/f /etc/one.conf; touch /fixed/x 2>&1; grep -c " /all/memory tmpfs" /proc/mounts',
      ),
      'main\nlog\nmain\n1touch: /fixed/x: Read-only file system\n1\n',
    );
    assert.equal(await place.exec('below', 'cat /shared/a/b/f', 'other'), 'main\n');
    // What a container's file system held is gone after a restart, what was in the volume is not.
    await place.exec('below', 'echo kept > /all/kept; echo lost > /lost; kill 1');
    await eventually('a restart', async () => {
      const { restartCount, ready } = (await place.status('below', 'app'))!;
      return restartCount === 1 && ready;
    });
    assert.equal(
      await place.exec('below', 'cat /all/kept; ls /lost 2>&1 || true'),
      'kept\nls: /lost: No such file or directory\n',
    );
  });

  test('paths of the node are checked by their type, and made where that is asked', async () => {
    const one = (name: string, type: NonNullable<HostPathVolumeSource['type']>, from: string) => ({
      name,
      hostPath: { path: from, type },
    });
    const volumes = [
      one('any', '', folder),
      one('folder', 'Directory', folder),
      one('made', 'DirectoryOrCreate', `${folder}/made`),
      one('file', 'File', `${folder}/file`),
      one('new-file', 'FileOrCreate', `${folder}/new-file`),
      one('device', 'CharDevice', '/dev/null'),
    ];
    await place.run('host-paths', {
      containers: [
        container(`echo in > /v/made/inside; echo more > /v/new-file; ${forever}`, {
          volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` })),
        }),
      ],
      volumes,
    });
    await place.run('not-a-file', {
      containers: [container(forever, { volumeMounts: [{ name: 'x', mountPath: '/x' }] })],
      volumes: [one('x', 'File', folder)],
    });
    await place.run('no-map', {
      containers: [container(forever, { volumeMounts: [{ name: 'x', mountPath: '/x' }] })],
      volumes: [{ name: 'x', configMap: { name: 'absent' } }],
    });
    await place.ready('host-paths');
    assert.equal(
      await place.exec(
        'host-paths',
        'cat /v/file /v/any/made/inside /v/any/new-file; test -c /v/device && ls /v/folder',
      ),
      'of the nodein\nmore\nfile\nmade\nnew-file\n',
    );
    await eventually('refusals', async () =>
      (await place.events('not-a-file')).includes(
        `FailedMount: MountVolume.SetUp failed for volume "x" : hostPath type check failed: ${folder} is not a file`,
      ),
    );
    assert.ok(
      (await place.events('no-map')).includes(
        'FailedMount: MountVolume.SetUp failed for volume "x" : configmap "absent" not found',
      ),
    );
    await eventually('it is told of', async () =>
      /no-map\s+0\/1\s+ContainerCreating\s+0/.test(await place.kubectl('get', 'pod', 'no-map')),
    );
    await place.kubectl('create', 'configmap', 'absent');
    await place.ready('no-map');
  });

  test('mounts inside volumes are shared as told, read-only through and through where told, and never emptied', async () => {
    const privileged = { securityContext: { privileged: true } };
    const data = (mountPropagation?: string) => ({
      volumeMounts: [{ name: 'data', mountPath: '/data', mountPropagation }],
    });
    const host = { name: 'host', hostPath: { path: folder } };
    await place.run('mounter', {
      containers: [
        container(forever, {
          ...privileged,
          volumeMounts: [
            { name: 'data', mountPath: '/data', mountPropagation: 'Bidirectional' },
            { name: 'host', mountPath: '/host', mountPropagation: 'Bidirectional' },
          ],
        }),
        { ...container(forever, data('HostToContainer')), name: 'follower' },
        { ...container(forever, data('None')), name: 'apart' },
      ],
      volumes: [{ name: 'data', emptyDir: {} }, host],
    });
    await place.ready('mounter');
    await place.exec(
      'mounter',
      `mkdir /data/inside /host/below; ln -s ${folder} /data/link
       mount --bind /host /data/inside; mount -t tmpfs tmpfs /host/below`,
      'app',
    );
    assert.equal(await place.exec('mounter', 'cat /data/inside/file', 'follower'), 'of the node');
    assert.equal(await place.exec('mounter', 'ls /data/inside', 'apart'), '');

    const mount = (mountPath: string, recursiveReadOnly?: string) => ({
      name: 'host',
      mountPath,
      readOnly: true,
      recursiveReadOnly,
    });
    const { nodeName } = (await place.pod('mounter')).spec;
    await place.run('reader', {
      nodeName: nodeName!,
      containers: [container(forever, { volumeMounts: [mount('/deep', 'Enabled'), mount('/flat')] })],
      volumes: [host],
    });
    await place.ready('reader');
    const script = 'cd /; for d in flat flat/below deep deep/below; do touch $d/x 2>/dev/null && echo $d; done; true';
    assert.equal(await place.exec('reader', script), 'flat/below\n');
    assert.deepEqual(
      (await place.status('reader'))?.volumeMounts
        ?.filter(({ name }) => name === 'host')
        .map(({ mountPath, readOnly, recursiveReadOnly }) => [mountPath, readOnly, recursiveReadOnly]),
      [
        ['/deep', true, 'Enabled'],
        ['/flat', true, 'Disabled'],
      ],
    );
    await place.kubectl('delete', 'pod', 'reader', '--wait');
    await place.exec('mounter', 'umount /host/below', 'app');
    await place.kubectl('delete', 'pod', 'mounter', '--wait');
    assert.equal(readFileSync(`${folder}/file`, 'utf8'), 'of the node');
  });

  test('a volume of a block device is shown as one, to read and write or to read alone', async () => {
    writeFileSync(`${folder}/disk`, Buffer.alloc(1024 * 1024));
    const device = execFileSync('losetup', ['--find', '--show', `${folder}/disk`], { encoding: 'utf8' }).trim();
    try {
      const { nodeName = '' } = (await place.pod('files')).spec;
      const claim = {
        accessModes: ['ReadWriteOnce'],
        volumeMode: 'Block',
        storageClassName: '',
        resources: { requests: { storage: '1Mi' } },
      };
      const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] };
      await place.cluster.apply([
        {
          apiVersion: 'v1',
          kind: 'PersistentVolume',
          metadata: { name: 'volumes-disk' },
          spec: {
            capacity: { storage: '1Mi' },
            accessModes: ['ReadWriteOnce'],
            volumeMode: 'Block',
            claimRef: { namespace: 'volumes', name: 'disk' },
            local: { path: device },
            nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
          },
        },
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'disk', namespace: 'volumes' },
          spec: { ...claim, volumeName: 'volumes-disk' },
        },
      ]);
      const volume = (readOnly: boolean) => ({ name: 'disk', persistentVolumeClaim: { claimName: 'disk', readOnly } });
      const volumeDevices = [{ name: 'disk', devicePath: '/dev/mine' }];
      await place.run('disk', { containers: [container(forever, { volumeDevices })], volumes: [volume(false)] });
      await place.run('look', { containers: [container(forever, { volumeDevices })], volumes: [volume(true)] });
      await place.run('amiss', {
        containers: [container(forever, { volumeMounts: [{ name: 'disk', mountPath: '/mine' }] })],
        volumes: [volume(false)],
      });
      await place.ready('disk');
      await place.ready('look');
      const write = 'test -b /dev/mine && printf written | dd of=/dev/mine conv=notrunc,fsync 2>/dev/null';
      await place.exec('disk', write);
      assert.equal(await place.exec('look', 'head -c 7 /dev/mine'), 'written');
      await assert.rejects(place.exec('look', write));
      await eventually('the refusal', async () =>
        (await place.events('amiss')).some((line) =>
          line.endsWith('volume disk has volumeMode Block, but is specified in volumeMounts'),
        ),
      );
      await place.kubectl('delete', 'pod', 'disk', 'look', 'amiss', '--wait');
    } finally {
      execFileSync('losetup', ['--detach', device]);
      await place.cluster.kubectl('delete', 'pv', 'volumes-disk', '--wait=false');
    }
  });

  test('a container that swaps a folder for a link shows no other container the files of the node', async () => {
    const victims = Array.from({ length: 8 }, (_, i) => `victim-${i}`);
    const swap = 'mv here aside; mv link here; mv here link; mv aside here';
    await place.run('swapper', {
      initContainers: [
        {
          ...container(
            `cd /v; mkdir here; echo mine > here/f; ln -s /etc link; touch ready; while :; do ${swap}; done`,
            {
              volumeMounts: [{ name: 'shared', mountPath: '/v' }],
              startupProbe: { exec: { command: ['test', '-e', '/v/ready'] }, periodSeconds: 1, failureThreshold: 60 },
            },
          ),
          name: 'swapper',
          restartPolicy: 'Always',
        },
      ],
      containers: victims.map((name, i) => ({
        ...container(`ls /mnt; ${forever}`, {
          env: [{ name: 'WHERE', value: 'here' }],
          volumeMounts: [
            { name: 'shared', mountPath: '/mnt', ...(i % 2 === 0 ? { subPath: 'here' } : { subPathExpr: '$(WHERE)' }) },
          ],
        }),
        name,
      })),
      volumes: [{ name: 'shared', emptyDir: {} }],
    });
    const outcomes = await eventually('all have had their turn', async () => {
      const { status } = await place.pod('swapper');
      const states = (status?.containerStatuses ?? []).map(({ name, state }) => ({
        name,
        ran: state?.running !== undefined,
        refused: state?.waiting?.reason === 'CreateContainerConfigError',
      }));
      return states.length === victims.length && states.every(({ ran, refused }) => ran || refused) && states;
    });
    for (const { name, ran } of outcomes) {
      if (!ran) continue;
      // In the moment between two renames there is no such folder: one is made, and the others may be moved into it.
      const [seen] = await eventually('its list', () =>
        place.kubectl('logs', 'swapper', '-c', name).then((text) => [text]),
      );
      const foreign = seen.split('\n').filter((line) => !['', 'f', 'here', 'link', 'aside'].includes(line));
      assert.deepEqual(foreign, [], name);
    }
    await place.kubectl('delete', 'pod', 'swapper', '--wait');
  });

  test('the node tells how full the volumes of claims and of pods are', async () => {
    const { nodeName = '' } = (await place.pod('files')).spec;
    await place.cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'volumes-measured' },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          claimRef: { namespace: 'volumes', name: 'measured' },
          hostPath: { path: `${folder}/measured`, type: 'DirectoryOrCreate' },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'measured', namespace: 'volumes' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: '',
          volumeName: 'volumes-measured',
          resources: { requests: { storage: '1Gi' } },
        },
      },
    ]);
    const names = ['claimed', 'scratch', 'memory'];
    await place.run('measured', {
      nodeName,
      containers: [
        container(`for v in ${names.join(' ')}; do dd if=/dev/zero of=/$v/x bs=1M count=2; done; ${forever}`, {
          volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })),
        }),
      ],
      volumes: [
        { name: 'claimed', persistentVolumeClaim: { claimName: 'measured' } },
        { name: 'scratch', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
      ],
    });
    try {
      await place.ready('measured');
      await place.exec('measured', 'until test -s /memory/x; do sleep 0.1; done');
      const page = (name: string) => place.kubectl('get', '--raw', `/api/v1/nodes/${nodeName}/proxy/${name}`);
      const used =
        /^kubelet_volume_stats_used_bytes\{namespace="volumes",persistentvolumeclaim="measured"\} ([\d.e+]+)$/m;
      // The disk is measured once a minute.
      const bytes = await eventually(
        'the claim’s use',
        async () => Number(used.exec(await page('metrics'))?.[1] ?? 0) >= 2 * 2 ** 20 && page('metrics'),
        100_000,
      );
      assert.match(bytes, /^kubelet_volume_stats_health_status_abnormal\{.*"measured"\} 0$/m);
      interface Told {
        podRef: { name: string };
        volume: { name: string; pvcRef?: object; usedBytes: number; capacityBytes: number }[];
      }
      const { pods } = JSON.parse(await page('stats/summary')) as { pods: Told[] };
      const told = new Map(
        pods.find(({ podRef }) => podRef.name === 'measured')?.volume.map((volume) => [volume.name, volume]),
      );
      assert.deepEqual(told.get('claimed')?.pvcRef, { name: 'measured', namespace: 'volumes' });
      assert.equal(told.get('memory')?.capacityBytes, 4 * 2 ** 20);
      for (const name of names) assert.ok(told.get(name)!.usedBytes >= 2 * 2 ** 20, name);
    } finally {
      await place.kubectl('delete', 'pod', 'measured', '--wait');
      await place.cluster.kubectl('delete', 'pv', 'volumes-measured', '--wait=false');
    }
  }).timeout(120_000);

  test('an image is a volume too: to read, not to execute, and kept as long as it is mounted', async () => {
    const { cluster } = place;
    writeFileSync(`${folder}/Dockerfile`, 'FROM scratch\nCOPY file /site/page\nCOPY file /bin/tool\n');
    await cluster.wherry('image', 'build', folder, '--tag', 'wherry.local/volumes/site:1');
    const image = (name: string, reference: string) => ({ name, image: { reference, pullPolicy: 'Never' as const } });
    await place.run('shown', {
      containers: [
        container(forever, {
          volumeMounts: [
            { name: 'site', mountPath: '/all' },
            { name: 'site', mountPath: '/page', subPath: 'site/page' },
            { name: 'tools', mountPath: '/tools' },
          ],
        }),
      ],
      volumes: [image('site', 'wherry.local/volumes/site:1'), image('tools', testImage)],
    });
    await place.run('not-shown', {
      containers: [container(forever, { volumeMounts: [{ name: 'site', mountPath: '/all' }] })],
      volumes: [image('site', 'wherry.local/volumes/absent:1')],
    });
    await place.ready('shown');
    assert.equal(
      await place.exec('shown', 'cat /all/site/page /page; touch /all/x 2>&1; /tools/bin/busybox true 2>&1; true'),
      'of the nodeof the nodetouch: /all/x: Read-only file system\nsh: /tools/bin/busybox: Permission denied\n',
    );
    await assert.rejects(cluster.wherry('image', 'rm', 'wherry.local/volumes/site:1'), /it is in use by a container/);
    const events = await place.events('shown');
    assert.ok(
      events.includes('Pulled: Container image "wherry.local/volumes/site:1" already present on machine'),
      events.join('\n'),
    );
    await eventually(
      'the reason',
      async () => (await place.status('not-shown'))?.state?.waiting?.reason === 'ErrImageNeverPull',
    );
    assert.equal(
      (await place.status('not-shown'))!.state!.waiting!.message,
      'Container image "wherry.local/volumes/absent:1" is not present with pull policy of Never',
    );
    await place.kubectl('delete', 'pod', 'shown', 'not-shown', '--wait');
    await cluster.wherry('image', 'rm', 'wherry.local/volumes/site:1');
  });

  test('a volume that outgrows its limit costs the pod its place', async () => {
    await place.phase('greedy', 'Failed');
    const message = 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ';
    const { status } = await place.pod('greedy');
    assert.deepEqual([status?.reason, status?.message], ['Evicted', message]);
    await eventually('its event', async () => (await place.events('greedy')).includes(`Evicted: ${message}`));
  });
});
