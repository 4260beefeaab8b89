import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Container } from '#lib/kinds/gen/core-v1.ts';
import { registrationService } from '#protos/gen/device-plugin.ts';
import { eventually } from '../../test/harness/cluster.ts';
import { startTestPlugin } from '../../test/harness/device-plugin.ts';
import type { PluginWishes, TestPlugin } from '../../test/harness/device-plugin.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { openDevices } from './devices.ts';
import type { Devices } from './devices.ts';
import { makeDeviceMeter } from './meter.ts';

const resource = 'example.com/gpu';
const never = new AbortController().signal;

suite('node-agent/devices/devices', () => {
  let dir: string;
  let devices: Devices;
  let plugins: TestPlugin[];
  const time = makeFakeEnv();
  /** Calls have deadlines by the real clock; what is forgotten after minutes is so when the test says. */
  const env: Env = { ...makeRealEnv({ service: 'test' }), after: time.after, log: silentLog };
  const meter = makeDeviceMeter();

  const open = async () => (devices = await openDevices({ env, dir, cdiFolders: [path.join(dir, 'cdi')], meter }));
  const plug = async (wishes: Partial<PluginWishes> = {}) => {
    const plugin = await startTestPlugin({ dir, resource, devices: ['gpu-0', 'gpu-1'], ...wishes });
    plugins.push(plugin);
    await plugin.register();
    return plugin;
  };
  const amounts = (name = resource) => [devices.amounts().capacity[name], devices.amounts().allocatable[name]].join();
  const has = (wanted: string, name = resource) =>
    eventually(`${name} is ${wanted}`, () => amounts(name) === wanted, 10_000);
  const asking = (count: number, name = resource): Partial<Container> => ({
    resources: { limits: { [name]: String(count) } },
  });
  const pod = (uid: string, ...containers: Container[]) =>
    makePod({ containers: containers.length > 0 ? containers : [makeContainer('app', asking(1))] }, undefined, { uid });
  const owned = () => devices.view().grants.map(({ uid, devices: ids }) => `${uid}: ${ids.join()}`);

  setup(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'wherry-dp-'));
    plugins = [];
    await open();
  });
  teardown(() => {
    devices.stop();
    for (const plugin of plugins) plugin.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  test('counts what a plug-in offers, and follows it', async () => {
    let told = 0;
    devices.onChange(() => void told++);
    const plugin = await plug({ devices: ['gpu-0', 'gpu-1', 'gpu-2!'] });
    await has('3,2');
    assert.equal(told, 1);
    plugin.setDevices(['gpu-0!', 'gpu-1!', 'gpu-2!']);
    await has('3,0');
    plugin.setDevices([]);
    await has('0,0');
    assert.equal(told, 1);
    await time.advance(1000);
    assert.equal(told, 2);
    assert.match(meter.render(), /kubelet_device_plugin_registration_total\{resource_name="example.com\/gpu"\} [1-9]/);
  });

  test('gives devices with what their plug-in says, and takes them back', async () => {
    const plugin = await plug({
      allocate: (ids) => ({
        envs: { GPUS: ids.join() },
        devices: [{ containerPath: '/dev/gpu', hostPath: '/dev/null', permissions: 'rw' }],
        mounts: [{ containerPath: '/lib/gpu', hostPath: '/etc', readOnly: true }],
        annotations: { 'example.com/gpu': 'yes' },
      }),
    });
    await has('2,2');
    const one = pod('one');
    assert.equal(devices.lacks(one), true);
    assert.equal(await devices.give(one, never), undefined);
    assert.equal(devices.lacks(one), false);
    const { env: variables, ...rest } = await devices.ready(one, 'app', never);
    assert.deepEqual([...variables], [['GPUS', 'gpu-0']]);
    assert.deepEqual(rest, {
      devices: [{ source: '/dev/null', target: '/dev/gpu', access: 'rw' }],
      mounts: [{ source: '/etc', target: '/lib/gpu', readOnly: true }],
      annotations: { 'example.com/gpu': 'yes' },
    });
    assert.deepEqual(await devices.give(pod('two', makeContainer('app', asking(2))), never), {
      reason: 'UnexpectedAdmissionError',
      message:
        'Allocate failed due to requested number of devices unavailable for example.com/gpu. Requested: 2, Available: 1, which is unexpected',
    });
    devices.release('one');
    assert.equal(await devices.give(pod('two', makeContainer('app', asking(2))), never), undefined);
    assert.deepEqual(plugin.calls, ['allocate gpu-0', 'allocate gpu-0,gpu-1']);
    assert.deepEqual(owned(), ['two: gpu-0,gpu-1']);
  });

  test('finds again what an earlier process gave, and has plug-ins register anew', async () => {
    const plugin = await plug({ allocate: () => ({ envs: { A: 'b' } }) });
    await has('2,2');
    await devices.give(pod('one'), never);
    devices.stop();
    await open();
    assert.deepEqual([amounts(), owned()], ['0,0', ['one: gpu-0']]);
    assert.deepEqual([...(await devices.ready(pod('one'), 'app', never)).env], [['A', 'b']]);
    const refused = await devices.give(pod('two'), never);
    assert.match(refused!.message, /no healthy devices present; cannot allocate unhealthy devices example.com\/gpu/);
    plugin.kill();
    await plug();
    await has('2,2');
    await devices.give(pod('two'), never);
    assert.deepEqual(owned(), ['one: gpu-0', 'two: gpu-1']);
    devices.keepOnly((uid) => uid === 'two');
    assert.deepEqual(owned(), ['two: gpu-1']);
    const saved = JSON.parse(readFileSync(path.join(dir, 'kubelet_internal_checkpoint'), 'utf8')) as { Data: object };
    assert.deepEqual(saved.Data, {
      PodDeviceEntries: [
        {
          PodUID: 'two',
          ContainerName: 'app',
          ResourceName: resource,
          DeviceIDs: { '-1': ['gpu-1'] },
          Response: { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] },
        },
      ],
      RegisteredDevices: { [resource]: ['gpu-0', 'gpu-1'] },
    });
  });

  test('removes the sockets that an earlier process left, as plug-ins expect', async () => {
    const plugin = await plug();
    const socket = path.join(dir, 'example.com_gpu.sock');
    assert.ok(existsSync(socket));
    devices.stop();
    plugin.kill();
    await open();
    assert.equal(existsSync(socket), false);
    assert.ok(existsSync(path.join(dir, 'kubelet.sock')));
  });

  test('gives nothing of a plug-in that is gone, forgets it after a while, and takes it back', async () => {
    const plugin = await plug();
    await has('2,2');
    plugin.kill();
    await has('2,0');
    const refusal = await devices.give(pod('one'), never);
    assert.match(refusal!.message, /no healthy devices present/);
    const again = await plug();
    await has('2,2');
    again.kill();
    await has('2,0');
    await time.advance(5 * 60_000);
    assert.equal(amounts(), '0,0');
    await plug();
    await has('2,2');
  });

  test('goes by the latest of two plug-ins of one resource', async () => {
    const first = await plug({ endpoint: 'a.sock' });
    await has('2,2');
    await plug({ endpoint: 'b.sock', devices: ['gpu-7'] });
    await has('1,1');
    first.kill();
    await devices.give(pod('one'), never);
    assert.deepEqual([amounts(), owned()], ['1,1', ['one: gpu-7']]);
  });

  test('asks which devices a plug-in prefers, and has it make them ready before each start', async () => {
    const plugin = await plug({
      devices: ['gpu-0', 'gpu-1', 'gpu-2'],
      options: { preStartRequired: true, getPreferredAllocationAvailable: true },
      prefer: (available) => available.slice(-1),
    });
    await has('3,3');
    const spec = {
      ...pod('one'),
      spec: { initContainers: [makeContainer('init', asking(1))], containers: [makeContainer('app', asking(2))] },
    };
    assert.equal(await devices.give(spec, never), undefined);
    await devices.ready(spec, 'app', never);
    await devices.ready(spec, 'app', never);
    assert.deepEqual(plugin.calls, [
      'prefer 1 of gpu-0,gpu-1,gpu-2 with ',
      'allocate gpu-2',
      'prefer 2 of gpu-2,gpu-0,gpu-1 with gpu-2',
      'allocate gpu-2,gpu-1',
      'preStart gpu-2,gpu-1',
      'preStart gpu-2,gpu-1',
    ]);
  });

  test('says why a plug-in refuses, and keeps nothing of the pod', async () => {
    await plug({
      options: { preStartRequired: true },
      allocate(ids) {
        if (ids.length > 1) throw new Error('too hot');
        if (ids.includes('gpu-1')) throw new Error('too cold');
        return {};
      },
      preStart() {
        throw new Error('cannot reset');
      },
    });
    await has('2,2');
    const refused = await devices.give(pod('one', makeContainer('a', asking(1)), makeContainer('b', asking(1))), never);
    assert.equal(
      refused!.message,
      'Allocate failed due to rpc error: code = Unknown desc = too cold, which is unexpected',
    );
    assert.deepEqual(owned(), []);
    assert.equal(
      (await devices.give(pod('two', makeContainer('app', asking(2))), never))!.message,
      'Allocate failed due to rpc error: code = Unknown desc = too hot, which is unexpected',
    );
    await devices.give(pod('three'), never);
    await assert.rejects(devices.ready(pod('three'), 'app', never), {
      name: 'DeviceError',
      message: 'device plugin PreStartContainer rpc failed with err: rpc error: code = Unknown desc = cannot reset',
    });
  });

  test('looks up at each start what CDI devices need, and keeps their names', async () => {
    await plug({ allocate: (ids) => ({ cdiDevices: ids.map((id) => ({ name: `example.com/gpu=${id}` })) }) });
    await has('2,2');
    const both = pod('one', makeContainer('app', asking(2)));
    assert.equal(await devices.give(both, never), undefined);
    await assert.rejects(devices.ready(both, 'app', never), {
      name: 'CdiError',
      message: 'CDI device injection failed: unresolvable CDI devices example.com/gpu=gpu-0, example.com/gpu=gpu-1',
    });
    const ones = ['gpu-0', 'gpu-1'].map((name) => ({ name, containerEdits: { env: [`${name.at(-1)}=here`] } }));
    mkdirSync(path.join(dir, 'cdi'));
    writeFileSync(
      path.join(dir, 'cdi', 'gpu.json'),
      JSON.stringify({ cdiVersion: '0.5.0', kind: 'example.com/gpu', devices: ones }),
    );
    devices.stop();
    await open();
    const { cdi } = await devices.ready(both, 'app', never);
    assert.deepEqual(
      [...cdi!.env],
      [
        ['0', 'here'],
        ['1', 'here'],
      ],
    );
  });

  test('gives devices at a later start to a pod that came before the plug-in', async () => {
    const early = pod('early');
    assert.equal(devices.lacks(early), false);
    assert.deepEqual((await devices.ready(early, 'app', never)).devices, []);
    await plug({ allocate: (ids) => ({ envs: { GPUS: ids.join() } }) });
    await has('2,2');
    assert.deepEqual([...(await devices.ready(early, 'app', never)).env], [['GPUS', 'gpu-0']]);
  });

  test('lets a pod give up waiting, while others wait for theirs', async () => {
    const answers: (() => void)[] = [];
    await plug({ allocate: () => new Promise((resolve) => answers.push(() => resolve({}))) });
    await has('2,2');
    const gone = new AbortController();
    const first = devices.give(pod('one'), gone.signal);
    await eventually('the question', () => answers.length === 1);
    const second = devices.give(pod('two'), never);
    gone.abort(new Error('overtaken'));
    await assert.rejects(first, /overtaken/);
    await eventually('the next question', () => answers.length === 2);
    answers[1]!();
    assert.equal(await second, undefined);
    assert.deepEqual(owned(), ['two: gpu-0']);
  });

  test('knows nothing of a device whose plug-in had not answered when the process ended, and gives it anew', async () => {
    const answers: (() => void)[] = [];
    await plug({ allocate: () => new Promise((resolve) => answers.push(() => resolve({}))) });
    await has('2,2');
    const ended = new AbortController();
    const cut = devices.give(pod('one'), ended.signal);
    await eventually('the question', () => answers.length === 1);
    ended.abort(new Error('the process ends'));
    await assert.rejects(cut, /the process ends/);
    devices.stop();
    plugins.pop()!.kill();
    await open();
    assert.deepEqual(owned(), []);
    assert.equal(devices.lacks(pod('one')), true);
    await plug();
    await has('2,2');
    assert.equal(await devices.give(pod('one'), never), undefined);
    assert.deepEqual(owned(), ['one: gpu-0']);
  });

  test('two pods that ask at once get different devices', async () => {
    await plug({ allocate: () => new Promise((resolve) => setImmediate(() => resolve({}))) });
    await has('2,2');
    const results = await Promise.all(['one', 'two', 'three'].map((uid) => devices.give(pod(uid), never)));
    assert.equal(results.filter((refusal) => refusal === undefined).length, 2);
    assert.deepEqual(new Set(devices.view().grants.flatMap((grant) => grant.devices)), new Set(['gpu-0', 'gpu-1']));
  });

  test('refuses who speaks another version, offers what is no extended resource, or does not serve', async () => {
    const plugin = await startTestPlugin({ dir, resource, devices: [], version: 'v1alpha1' });
    plugins.push(plugin);
    await assert.rejects(plugin.register(), {
      message: 'requested API version "v1alpha1" is not supported by kubelet. Supported version is ["v1beta1"]',
    });
    await assert.rejects(plug({ resource: 'cpu' }), { message: 'the ResourceName "cpu" is invalid' });
    await assert.rejects(plug({ resource: 'kubernetes.io/gpu' }), { message: /is invalid/ });
    assert.deepEqual(devices.amounts().capacity, {});
  });

  test('understands clients that name the path of the socket as authority', async () => {
    const socket = path.join(dir, 'kubelet.sock');
    const session = http2.connect('http://localhost', { createConnection: () => net.connect(socket) });
    const body = registrationService.register.requestSerialize({
      version: 'v0',
      endpoint: '',
      resourceName: '',
      options: undefined,
    });
    const ask = () =>
      new Promise((resolve, reject) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/v1beta1.Registration/Register',
          ':authority': socket,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.on('response', (headers) => headers['grpc-message'] !== undefined && resolve(headers['grpc-message']));
        stream.on('trailers', (headers) => resolve(headers['grpc-message']));
        stream.on('error', reject);
        const head = Buffer.alloc(5);
        head.writeUInt32BE(body.length, 1);
        stream.end(Buffer.concat([head, body]));
        stream.resume();
      });
    try {
      for (let i = 0; i < 2; i++) assert.match(decodeURIComponent(String(await ask())), /requested API version "v0"/);
    } finally {
      session.destroy();
    }
  });
});
