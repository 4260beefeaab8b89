/** What a specification of the Container Device Interface says, in real containers. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readCdi } from '../../devices/cdi/read.ts';
import { changesFor } from '../../devices/cdi/resolve.ts';
import type { ObservedContainer, SandboxSpec } from '../types.ts';
import { containerSpec, makeBench, podSpec } from './bench.fixture.ts';
import type { Bench } from './bench.fixture.ts';
import { probeFeatures } from './features.ts';

const ampleMs = 120_000;
const device = 'vendor.com/gpu=gpu0';

suite('CDI devices in containers', () => {
  let bench: Bench;

  suiteSetup(async () => {
    bench = await makeBench();
    await bench.call('prepareNode');
    mkdirSync(`${bench.folder}/lib`);
    writeFileSync(`${bench.folder}/lib/libgpu.so`, 'code');
    mkdirSync(`${bench.folder}/cdi`);
  });
  suiteTeardown(() => bench.close());
  teardown(async () => {
    assert.deepEqual(await bench.leftovers(), []);
  });

  const specify = (more = '') =>
    writeFileSync(
      `${bench.folder}/cdi/vendor.yaml`,
      `
cdiVersion: 0.7.0
kind: vendor.com/gpu
containerEdits:
  env: [GPU_DRIVER=1.2]
  mounts:
  - {hostPath: ${bench.folder}/lib, containerPath: /opt/gpu, options: [ro, nosuid, nodev, rbind]}
  - {hostPath: tmpfs, containerPath: /opt/scratch, type: tmpfs, options: [nosuid, size=1m]}
devices:
- name: gpu0
  containerEdits:
    additionalGids: [44]
    deviceNodes:
    - {path: /dev/gpu0, hostPath: /dev/loop-control, permissions: r, fileMode: 0640, uid: 1000, gid: 44}
    - {path: /dev/gpuctl, type: c, major: 1, minor: 3}
${more}`,
    );
  const start = async (pod: SandboxSpec) => {
    const { env, groups, devices, mounts, hooks } = changesFor([device], await readCdi([`${bench.folder}/cdi`]));
    await bench.call('preparePod', pod);
    const wishes = {
      user: 'app',
      env: [...env].map(([name, value]) => `${name}=${value}`),
      supplementalGroups: [...groups],
      devices: [...devices],
      mounts: [...mounts],
      hooks,
    };
    const script = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
    return bench.call<ObservedContainer>('startContainer', containerSpec(bench, pod, script, wishes));
  };
  const shell = async (id: string, script: string) => {
    const { output } = await bench.call<{ output: string }>('execSync', id, ['sh', '-c', script], ampleMs);
    return output.trimEnd().split('\n');
  };
  const look = [
    'echo $GPU_DRIVER',
    'cat /opt/gpu/libgpu.so; echo',
    'echo x 2>/dev/null >/opt/gpu/x || echo read-only',
    'echo x >/opt/scratch/x && cat /opt/scratch/x',
    "ls -ln /dev/gpu0 /dev/gpuctl | awk '{ print $1, $3, $4, $5, $6, $NF }'",
    '(: </dev/gpu0) && echo can be read; (: >/dev/gpu0) 2>/dev/null || echo cannot be written',
    'echo x >/dev/gpuctl && echo written',
    'id -G',
  ].join('\n');
  const seen = [
    '1.2',
    'code',
    'read-only',
    'x',
    'crw-r----- 1000 44 10, 237 /dev/gpu0',
    'crw-rw-rw- 1000 1000 1, 3 /dev/gpuctl',
    'can be read',
    'cannot be written',
    'written',
    '44 1000 2000',
  ];

  test('startContainer() shows device nodes, variables, mounts and groups', async () => {
    specify();
    const { id } = await start(podSpec());
    const words = await shell(id, look);
    assert.deepEqual(
      [...words.slice(0, -1), words.at(-1)!.split(' ').sort().join(' ')],
      [...seen.slice(0, -1), '1000 2000 44'],
    );
  });

  test('startContainer() shows the same to pods with users of their own', async function () {
    const { noUserNamespaces } = await probeFeatures(`${bench.folder}/state`, `${bench.folder}/run`);
    if (noUserNamespaces !== undefined) this.skip();
    specify();
    const { id } = await start(podSpec({ hostUsers: false }));
    assert.deepEqual((await shell(id, look)).slice(0, -1), seen.slice(0, -1));
  });

  test('crun runs hooks in their order, and says which failed', async () => {
    const file = `${bench.folder}/hooks`;
    const hook = (name: string, script: string) =>
      `    - {hookName: ${name}, path: /bin/sh, args: [sh, -c, '${script}'], env: [WHERE=${file}]}`;
    const note = (name: string) => hook(name, `echo ${name} >>$WHERE`);
    specify(['    hooks:', ...['poststop', 'createContainer', 'createRuntime'].map(note)].join('\n'));
    const { id } = await start(podSpec());
    assert.equal(readFileSync(file, 'utf8'), 'createRuntime\ncreateContainer\n');
    await bench.call('stopContainer', id, 100);
    await bench.call('removeContainer', id);
    assert.equal(readFileSync(file, 'utf8'), 'createRuntime\ncreateContainer\npoststop\n');
    specify(['    hooks:', hook('createRuntime', 'exit 3')].join('\n'));
    await assert.rejects(
      () => start(podSpec()),
      (error: Error & { reason: string }) => {
        assert.equal(error.reason, 'RunContainerError');
        assert.match(error.message, /error executing hook `\/bin\/sh` \(exit code: 3\)/);
        return true;
      },
    );
  });

  test('startContainer() says which device of the node is not there', async () => {
    specify('    - {path: /dev/gpu1}');
    await assert.rejects(
      () => start(podSpec()),
      /failed to stat CDI host device "\/dev\/gpu1": no such file or directory/,
    );
  });
});
