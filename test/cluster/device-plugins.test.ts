/** A vendor's device plug-in as its users run it: a DaemonSet that mounts the node's /var/lib/kubelet/device-plugins, on a node whose agent gets killed. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import type { Node, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { podResourcesListerService } from '#protos/gen/pod-resources.ts';
import type { GetPodResourcesResponse } from '#protos/gen/pod-resources.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const resource = 'example.com/fake';
const plugins = '/var/lib/kubelet/device-plugins';
const root = path.resolve(import.meta.dirname, '../..');

suite('device plug-ins', function () {
  this.timeout(120_000);
  let place: Place;
  let lists: string;
  /** All pods of the suite are for this node, of which alone there is a list. */
  const node = 'node-1';
  const asking = (count: number) => ({ resources: { limits: { [resource]: String(count) } } });
  const run = (name: string, spec: Partial<PodSpec>) => place.run(name, { nodeSelector: here, ...spec });
  const here = { 'kubernetes.io/hostname': node };
  const list = (...devices: string[]) => writeFileSync(`${lists}/devices`, devices.join('\n'));
  const amounts = async () => {
    const { status } = await place.cluster.get<Node>('node', node);
    return `${status?.capacity?.[resource]} ${status?.allocatable?.[resource]}`;
  };
  const nodeHas = (wanted: string) => eventually(`the node has ${wanted}`, async () => (await amounts()) === wanted);
  const devicesOf = async (pod: string, name?: string) =>
    (await place.exec(pod, 'echo $FAKE_DEVICES', name)).trim().split(',');
  const failed = (name: string) =>
    eventually(`${name} is refused`, async () => {
      const { status } = await place.pod(name);
      return status?.phase === 'Failed' && status;
    });
  const gone = (name: string) => place.kubectl('delete', 'pod', name);

  suiteSetup(async () => {
    place = await makePlace('device-plugins');
    lists = mkdtempSync(path.join(os.tmpdir(), 'wherry-devices-'));
    list('fake-0', 'fake-1', 'fake-2!');
    await place.cluster.apply(daemonSet());
    await nodeHas('3 2');
  });
  suiteTeardown(async () => {
    await place?.remove();
    rmSync(lists, { recursive: true, force: true });
  });

  /** The plug-in with what it needs of the machine: Node.js and its libraries, and this repository. */
  function daemonSet(): object {
    const modules = realpathSync(`${root}/node_modules`);
    const folders = { usr: '/usr', lib: '/lib', lib64: '/lib64', root, modules, lists, plugins };
    const names = Object.entries(folders).filter(([, folder]) => existsSync(folder) || folder === plugins);
    return {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'plugin', namespace: place.namespace },
      spec: {
        selector: { matchLabels: { app: 'plugin' } },
        template: {
          metadata: { labels: { app: 'plugin' } },
          spec: {
            nodeSelector: here,
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'plugin',
                image: testImage,
                workingDir: root,
                command: [process.execPath, 'test/harness/device-plugin.ts', plugins, resource, `${lists}/devices`],
                volumeMounts: names.map(([name, folder]) => ({
                  name,
                  mountPath: folder,
                  readOnly: folder !== plugins,
                })),
              },
            ],
            volumes: names.map(([name, folder]) => ({ name, hostPath: { path: folder } })),
          },
        },
      },
    };
  }

  /** What the pod resources API says that a pod has. */
  const toldOf = async (podName: string) => {
    const { kubeletDir } = place.cluster.layout.nodes[0]!;
    const client = new Client(`unix:${kubeletDir}/pod-resources/kubelet.sock`, credentials.createInsecure());
    const { path: method, requestSerialize, responseDeserialize } = podResourcesListerService.get;
    const request = { podName, podNamespace: place.namespace };
    try {
      const { podResources } = await new Promise<GetPodResourcesResponse>((resolve, reject) => {
        client.makeUnaryRequest(method, requestSerialize, responseDeserialize, request, (error, answer) =>
          error ? reject(error) : resolve(answer!),
        );
      });
      return podResources?.containers.flatMap(({ devices }) => devices.flatMap(({ deviceIds }) => deviceIds));
    } finally {
      client.close();
    }
  };

  const restartAgent = async () => {
    const { layout } = place.cluster;
    const log = `${layout.logDir}/${node}.log`;
    const starts = () => readFileSync(log, 'utf8').split('Ready for pods').length;
    const before = starts();
    process.kill(place.cluster.pidOf(node), 'SIGKILL');
    await eventually('the agent runs again', () => starts() > before);
  };

  test('give containers devices, variables and mounts', async () => {
    const script =
      'echo into > /dev/fake-0 && echo into > /dev/fake-1 && ls /opt/fake/hostname && echo works; ' + forever;
    await run('user', { containers: [container(script, asking(2))] });
    await place.ready('user');
    assert.deepEqual(await devicesOf('user'), ['fake-0', 'fake-1']);
    assert.deepEqual(await toldOf('user'), ['fake-0', 'fake-1']);
    await eventually('its words', async () => /works/.test(await place.kubectl('logs', 'user')));
    assert.match(await place.exec('user', 'ls -l /dev/fake-0'), /1,\s+3/);
    await assert.rejects(place.exec('user', 'echo > /opt/fake/written'), /Read-only/);
    await gone('user');
  });

  test('keep who has which over a kill of the agent, and give no device twice', async () => {
    await run('first', { containers: [container(forever, asking(1))] });
    await place.ready('first');
    const [own] = await devicesOf('first');
    const { containerID } = (await place.status('first'))!;
    await restartAgent();
    await nodeHas('3 2');
    await run('second', { containers: [container(forever, asking(1))] });
    await place.ready('second');
    const [other] = await devicesOf('second');
    assert.deepEqual(new Set([own, other]), new Set(['fake-0', 'fake-1']));
    assert.deepEqual([await devicesOf('first'), (await place.status('first'))!.containerID], [[own], containerID]);
    await run('third', { containers: [container(forever, asking(1))] });
    await eventually('the scheduler says no', async () =>
      (await place.events('third')).some((event) => event.includes(`Insufficient ${resource}`)),
    );
    await gone('first');
    await place.ready('third');
    assert.deepEqual(await devicesOf('third'), [own]);
    await Promise.all([gone('second'), gone('third')]);
  });

  test('hand on to the containers what init containers had, and keep what sidecars have', async () => {
    const say = 'echo $FAKE_DEVICES';
    await run('stages', {
      initContainers: [
        container(say, { name: 'init', ...asking(2) }),
        container(forever, { name: 'side', restartPolicy: 'Always', ...asking(1) }),
      ],
      containers: [container(forever, asking(1))],
    });
    await place.ready('stages');
    assert.equal((await place.kubectl('logs', 'stages', '-c', 'init')).trim(), 'fake-0,fake-1');
    const both = [...(await devicesOf('stages', 'side')), ...(await devicesOf('stages'))];
    assert.deepEqual(both.sort(), ['fake-0', 'fake-1']);
    await gone('stages');
  });

  test('refuse who comes without a scheduler when there is nothing left, in upstream’s words', async () => {
    await run('holder', { containers: [container(forever, asking(2))] });
    await place.ready('holder');
    await run('pushed', { nodeName: node, containers: [container(forever, asking(1))] });
    const { reason, message } = await failed('pushed');
    const because = `Allocate failed due to requested number of devices unavailable for ${resource}. Requested: 1, Available: 0, which is unexpected`;
    assert.deepEqual([reason, message], ['UnexpectedAdmissionError', `Pod was rejected: ${because}`]);
    assert.deepEqual(await place.events('pushed'), [`UnexpectedAdmissionError: ${because}`]);
    // Who has ended, has nothing any more.
    await place.kubectl('delete', 'pod', 'holder');
    await run('ends', { restartPolicy: 'Never', containers: [container('true', asking(2))] });
    await place.phase('ends', 'Succeeded');
    await run('after', { containers: [container(forever, asking(2))] });
    await place.ready('after');
    await Promise.all(['pushed', 'ends', 'after'].map(gone));
  });

  test('count as the node’s while they are broken or their plug-in is away, but are given to nobody', async () => {
    list('fake-0!', 'fake-1', 'fake-2');
    await nodeHas('3 2');
    list('fake-0!', 'fake-1!', 'fake-2!');
    await nodeHas('3 0');
    await run('pushed', { nodeName: node, containers: [container(forever, asking(1))] });
    const { message } = await failed('pushed');
    assert.match(message!, /no healthy devices present; cannot allocate unhealthy devices example.com\/fake/);
    list('fake-0', 'fake-1');
    await nodeHas('2 2');
    await place.kubectl('delete', 'daemonset', 'plugin');
    await nodeHas('2 0');
    await place.cluster.apply(daemonSet());
    await nodeHas('2 2');
    await run('user', { containers: [container(forever, asking(1))] });
    await place.ready('user');
    await Promise.all(['user', 'pushed'].map(gone));
  });

  test('are asked for as whole ones, as many as are limits', async () => {
    const refused = (resources: object, because: RegExp) =>
      assert.rejects(run('never', { containers: [container('true', { resources })] }), because);
    await refused({ limits: { [resource]: '500m' } }, /must be an integer/);
    await refused(
      { limits: { [resource]: '2' }, requests: { [resource]: '1' } },
      /must be equal to example.com\/fake limit of 2/,
    );
    await refused({ requests: { [resource]: '1' } }, /Limit must be set for non overcommitable resources/);
  });

  test('are what CDI specifications say, once there is one', async () => {
    // All nodes of the machine see the same specifications, those of other clusters too.
    const name = `cdi-${randomUUID()}`;
    const file = `/var/run/cdi/${name}.yaml`;
    list(name);
    await nodeHas('1 1');
    await run('user', { containers: [container(forever, asking(1))] });
    const waiting = await eventually(
      'the pod waits',
      async () =>
        (await place.status('user'))?.state?.waiting?.reason === 'CreateContainerError' && place.status('user'),
    );
    const because = `CDI device injection failed: unresolvable CDI devices example.com/fake=${name}`;
    assert.equal(waiting?.state?.waiting?.message, because);
    assert.ok((await place.events('user')).includes(`Failed: Error: ${because}`));
    const made = mkdirSync(path.dirname(file), { recursive: true });
    try {
      writeFileSync(
        file,
        `
cdiVersion: 0.5.0
kind: example.com/fake
containerEdits:
  env: [FAKE=whole]
devices:
- name: ${name}
  containerEdits:
    deviceNodes: [{path: /dev/fake, hostPath: /dev/null}]
    mounts: [{hostPath: /etc, containerPath: /opt/fake, options: [ro, rbind]}]
`,
      );
      await place.ready('user');
      const script = 'echo $FAKE; echo x >/dev/fake && test -e /opt/fake/hostname && echo works';
      assert.equal(await place.exec('user', script), 'whole\nworks\n');
    } finally {
      rmSync(file, { force: true });
      if (made && readdirSync(made).length === 0) rmdirSync(made);
    }
    await gone('user');
    list('fake-0', 'fake-1');
    await nodeHas('2 2');
  });

  test('are counted', async () => {
    const metrics = await place.kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/metrics`);
    assert.match(metrics, /kubelet_device_plugin_registration_total\{resource_name="example.com\/fake"\} [1-9]/);
    assert.match(
      metrics,
      /kubelet_device_plugin_alloc_duration_seconds_count\{resource_name="example.com\/fake"\} [1-9]/,
    );
  });
});
