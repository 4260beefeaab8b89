import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/grpc-js';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { podResourcesListerService } from '#protos/gen/pod-resources.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { makeDeviceMeter } from './meter.ts';
import { servePodResources } from './pod-resources.ts';
import type { SocketServer } from './socket-server.ts';

suite('node-agent/devices/pod-resources', () => {
  let dir: string;
  let server: SocketServer;
  let client: Client;
  const meter = makeDeviceMeter();
  const response = { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] };
  const grant = (container: string, ...devices: string[]) => ({
    uid: 'uid-1',
    container,
    resource: 'a.b/c',
    devices,
    response,
  });
  const device = (id: string, healthy: boolean, ...numaNodes: number[]) => ({ id, healthy, numaNodes });

  const ask = <Q, A>({ path: name, requestSerialize, responseDeserialize }: MethodDefinition<Q, A>, request: Q) =>
    new Promise<A>((resolve, reject) => {
      client.makeUnaryRequest(name, requestSerialize, responseDeserialize, request, (error, answer) =>
        error ? reject(error) : resolve(answer!),
      );
    });

  setup(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'wherry-pr-'));
    const file = path.join(dir, 'pod-resources/kubelet.sock');
    const pod = makePod({
      initContainers: [makeContainer('init'), makeContainer('side', { restartPolicy: 'Always' })],
    });
    server = await servePodResources({
      env: makeFakeEnv(),
      file,
      pods: () => [pod],
      devices: {
        view: () => ({
          pools: new Map([['a.b/c', [device('x', true, 1), device('y', false)]]]),
          grants: [grant('init', 'x'), grant('app', 'x', 'y')],
        }),
      },
      cpus: { own: (_uid, name) => (name === 'app' ? [2, 3] : []), ownable: () => [1, 2, 3] },
      meter,
    });
    client = new Client(`unix:${file}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  });
  teardown(() => {
    client.close();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const entry = (id: string, ...nodes: number[]) => ({
    resourceName: 'a.b/c',
    deviceIds: [id],
    topology: nodes.length > 0 ? { nodes: nodes.map((ID) => ({ ID })) } : null,
  });
  const ofPod = {
    name: 'web',
    namespace: 'default',
    containers: [
      { name: 'side', devices: [], cpuIds: [] },
      { name: 'app', devices: [entry('x', 1), entry('y')], cpuIds: [2, 3] },
    ],
  };

  test('tells who has what, and counts who asks', async () => {
    const { list, get, getAllocatableResources } = podResourcesListerService;
    assert.deepEqual(await ask(list, {}), { podResources: [ofPod] });
    assert.deepEqual(await ask(get, { podName: 'web', podNamespace: 'default' }), { podResources: ofPod });
    await assert.rejects(ask(get, { podName: 'other', podNamespace: 'default' }), {
      details: 'pod other in namespace default not found',
    });
    assert.deepEqual(await ask(getAllocatableResources, {}), { devices: [entry('x', 1)], cpuIds: [1, 2, 3] });
    const lines = meter.render().split('\n');
    for (const line of [
      'kubelet_pod_resources_endpoint_requests_total{server_api_version="v1"} 4',
      'kubelet_pod_resources_endpoint_requests_get{server_api_version="v1"} 2',
      'kubelet_pod_resources_endpoint_errors_get{server_api_version="v1"} 1',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });
});
