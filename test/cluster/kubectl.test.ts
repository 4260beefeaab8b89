/** What a person does in the first half hour, with the real kubectl against a real cluster. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { eventually, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { sharedCluster } from './shared.ts';

const namespace = 'kubectl';

interface Deployment {
  status: { replicas?: number; readyReplicas?: number; updatedReplicas?: number; availableReplicas?: number };
  metadata: { annotations: Record<string, string> };
}

interface Pod {
  metadata: { name: string };
  spec: { nodeName?: string; containers: { image: string }[] };
  status: { phase: string; podIP?: string };
}

interface PodList {
  items: Pod[];
}

const web = (greeting: string, replicas = 2) => [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'page', namespace },
    data: { 'index.html': 'hello from a config map\n' },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'httpd',
              image: testImage,
              command: ['sh', '-c', `echo "$GREETING"; trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait`],
              env: [{ name: 'GREETING', value: greeting }],
              ports: [{ name: 'http', containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
              resources: { requests: { cpu: '5m', memory: '4Mi' } },
              volumeMounts: [{ name: 'page', mountPath: '/www' }],
            },
          ],
          volumes: [{ name: 'page', configMap: { name: 'page' } }],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  },
];

suite('kubectl', function () {
  this.timeout(180_000);
  let cluster: TestCluster;
  const kubectl = (...args: string[]) => cluster.kubectl('-n', namespace, ...args);

  suiteSetup(async () => {
    cluster = await sharedCluster();
    await cluster.kubectl('create', 'namespace', namespace);
  });
  suiteTeardown(async () => {
    await cluster.kubectl('delete', 'namespace', namespace, '--wait=true', '--timeout=90s');
  });

  test('get nodes,pods,services -A -o wide lists two ready nodes and the kubernetes Service', async () => {
    const text = await cluster.kubectl('get', 'nodes,pods,services', '-A', '-o', 'wide');
    assert.match(text, /node\/node-1\s+Ready\s+<none>\s+\S+\s+v1\.32/);
    assert.match(text, /node\/node-2\s+Ready/);
    assert.match(text, /default\s+service\/kubernetes\s+ClusterIP\s+10\.\d+\.0\.1\s+<none>\s+443\/TCP/);
  });

  test('apply makes a Deployment, a Service and a ConfigMap that answer, and says unchanged the second time', async () => {
    const text = await cluster.apply(web('one'));
    assert.match(text, /deployment\.apps\/web created/);
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
    const { items } = await cluster.get<PodList>('pods', '-n', namespace, '-l', 'app=web');
    assert.equal(items.length, 2);
    assert.ok(items.every((pod) => pod.status.phase === 'Running' && pod.status.podIP));
    assert.equal(new Set(items.map((pod) => pod.spec.nodeName)).size, 2, 'spread over both nodes');
    const { spec } = await cluster.get<{ spec: { clusterIP: string } }>('service', 'web', '-n', namespace);
    assert.equal(
      await eventually('the Service answers', () => fetchText(`http://${spec.clusterIP}/`)),
      'hello from a config map\n',
    );
    assert.match(await cluster.apply(web('one')), /deployment\.apps\/web unchanged[\s\S]*service\/web unchanged/);
  });

  test('a pod finds the Service by its names and reaches it, and pods of other nodes too', async () => {
    const { items } = await cluster.get<PodList>('pods', '-n', namespace, '-l', 'app=web');
    const { spec } = await cluster.get<{ spec: { clusterIP: string } }>('service', 'web', '-n', namespace);
    // The static busybox dies in its C library's resolver, so wget is of no use; nslookup and nc with an address are.
    const shell = (pod: Pod, script: string) => kubectl('exec', pod.metadata.name, '--', 'sh', '-c', script);
    const ask = (pod: Pod, address: string, port: number) =>
      shell(pod, `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address} ${port}`);
    for (const pod of items) {
      const name = `web.${namespace}.svc.cluster.local`;
      assert.ok((await shell(pod, `nslookup -type=a ${name}`)).includes(`Address: ${spec.clusterIP}\n`), name);
      assert.match(await ask(pod, spec.clusterIP, 80), /hello from a config map/);
    }
    const [one, two] = items;
    assert.match(await ask(one!, two!.status.podIP!, 8080), /hello from a config map/);
    assert.match(await ask(two!, one!.status.podIP!, 8080), /hello from a config map/);
  });

  test('scale to 20 and back', async () => {
    await kubectl('scale', 'deployment/web', '--replicas=20');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=150s');
    const { status } = await cluster.get<Deployment>('deployment', 'web', '-n', namespace);
    assert.equal(status.readyReplicas, 20);
    await kubectl('scale', 'deployment/web', '--replicas=2');
    await eventually(
      'two pods are left',
      async () => (await cluster.get<PodList>('pods', '-n', namespace)).items.length === 2,
    );
  });

  test('a rolling update replaces all pods, and undo brings the old template back', async () => {
    await cluster.apply(web('two'));
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
    await eventually(
      'pods say the new greeting',
      async () => (await kubectl('logs', '-l', 'app=web')).match(/^two$/m) !== null,
    );
    const history = await kubectl('rollout', 'history', 'deployment/web');
    assert.match(history, /1\s+<none>\n2\s+<none>/);
    await kubectl('rollout', 'undo', 'deployment/web');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
    const { metadata } = await cluster.get<Deployment>('deployment', 'web', '-n', namespace);
    assert.equal(metadata.annotations['deployment.kubernetes.io/revision'], '3');
    await eventually(
      'pods say the old greeting',
      async () => (await kubectl('logs', '-l', 'app=web')).match(/^one$/m) !== null,
    );
  });

  test('logs -f follows until the container ends', async () => {
    await kubectl(
      'run',
      'talker',
      `--image=${testImage}`,
      '--restart=Never',
      '--command',
      '--',
      'sh',
      '-c',
      'for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done',
    );
    const follow = await eventually('logs can be followed', () => kubectl('logs', '-f', 'talker'));
    assert.equal(follow, 'line 1\nline 2\nline 3\nline 4\nline 5\n');
    assert.equal(await kubectl('logs', 'talker', '--tail=2'), 'line 4\nline 5\n');
    await eventually(
      'the pod is Succeeded',
      async () => (await kubectl('get', 'pod', 'talker', '-o', 'jsonpath={.status.phase}')) === 'Succeeded',
    );
  });

  test('exec gives output, exit code and input, and with -it a terminal', async () => {
    assert.equal(await kubectl('exec', 'deployment/web', '--', 'sh', '-c', 'echo out; echo $POD_NONE'), 'out\n\n');
    await assert.rejects(kubectl('exec', 'deployment/web', '--', 'sh', '-c', 'exit 7'), /exit code 7/);
    const shell = cluster.spawnKubectl(['-n', namespace, 'exec', '-it', 'deployment/web', '--', 'sh'], { tty: true });
    await eventually('a prompt', () => shell.output().includes('#'));
    shell.write('tty; echo $((40 + 2))\n');
    await eventually('the answer', () => shell.output().includes('42') && shell.output().includes('/dev/pts/'));
    shell.write('exit 3\n');
    assert.notEqual(await shell.exited, 0);
  });

  test('exec over SPDY, as older clients do', async () => {
    const text = await withEnvironment({ KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }, () =>
      kubectl('exec', 'deployment/web', '--', 'echo', 'by spdy'),
    );
    assert.equal(text, 'by spdy\n');
  });

  test('port-forward carries requests to a Service’s pod', async () => {
    const forward = cluster.spawnKubectl(['-n', namespace, 'port-forward', 'service/web', ':80']);
    const port = await eventually('the local port', () => /127\.0\.0\.1:(\d+)/.exec(forward.output())?.[1]);
    for (let i = 0; i < 5; i++) assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'hello from a config map\n');
    await forward.end();
  });

  test('cp copies a file out and in', async () => {
    const { items } = await cluster.get<PodList>('pods', '-n', namespace, '-l', 'app=web');
    const pod = items[0]!.metadata.name;
    const local = `${cluster.layout.stateDir}/copied`;
    await kubectl('exec', pod, '--', 'sh', '-c', 'echo cargo > /cargo');
    await kubectl('cp', `${pod}:cargo`, local);
    await kubectl('cp', local, `${pod}:/landed`);
    assert.equal(await kubectl('exec', pod, '--', 'cat', '/landed'), 'cargo\n');
  });

  test('describe tells of nodes, deployments and pods, with their events', async () => {
    assert.match(
      await cluster.kubectl('describe', 'node', 'node-1'),
      /Ready\s+True[\s\S]*KubeletReady[\s\S]*Allocated resources/,
    );
    assert.match(
      await kubectl('describe', 'deployment', 'web'),
      /StrategyType:\s+RollingUpdate[\s\S]*ScalingReplicaSet/,
    );
    const text = await kubectl('describe', 'pod', '-l', 'app=web', '--show-events=true');
    for (const reason of ['Scheduled', 'Created', 'Started']) assert.match(text, new RegExp(`Normal\\s+${reason}\\s`));
  });

  test('version, api-resources, explain and who one is', async () => {
    const { serverVersion } = JSON.parse(await cluster.kubectl('version', '-o', 'json')) as {
      serverVersion: { gitVersion: string };
    };
    assert.match(serverVersion.gitVersion, /^v1\.32\./);
    assert.match(await cluster.kubectl('api-resources'), /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/);
    assert.match(await cluster.kubectl('explain', 'deployment.spec.strategy'), /rollingUpdate/);
    assert.equal(await cluster.kubectl('auth', 'can-i', 'delete', 'nodes'), 'yes\n');
  });

  test('diff shows what an apply would change, and nothing after it', async () => {
    const [page] = web('one');
    await cluster.apply(page!);
    const diff = (data: string) => cluster.diff({ ...page, data: { 'index.html': data } });
    assert.match(await diff('changed\n'), /-\s+hello from a config map[\s\S]*\+\s+changed/);
    assert.equal(await diff('hello from a config map\n'), '');
  });

  test('a pod that fits nowhere says why per node', async () => {
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'huge', namespace },
      spec: { containers: [{ name: 'c', image: testImage, resources: { requests: { cpu: '1000' } } }] },
    });
    await eventually('the event', async () =>
      (await kubectl('describe', 'pod', 'huge')).includes('0/2 nodes are available: 2 Insufficient cpu.'),
    );
    await kubectl('delete', 'pod', 'huge');
  });

  test('delete removes pods, and the namespace takes everything along', async () => {
    await kubectl('delete', 'deployment', 'web', '--timeout=60s');
    await eventually(
      'no pods of it are left',
      async () => (await cluster.get<PodList>('pods', '-n', namespace, '-l', 'app=web')).items.length === 0,
    );
    await cluster.kubectl('create', 'namespace', 'goner');
    await cluster.kubectl('-n', 'goner', 'create', 'configmap', 'x', '--from-literal=a=b');
    await cluster.kubectl('delete', 'namespace', 'goner', '--timeout=60s');
    await assert.rejects(cluster.kubectl('get', 'namespace', 'goner'), /namespaces "goner" not found/);
  });
});

async function withEnvironment<T>(values: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, values);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(values)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, timeout: 2000 }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
    request.on('error', reject);
  });
}
