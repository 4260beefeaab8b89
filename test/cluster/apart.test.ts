/** The five services as five processes, as on machines of their own: the same code that `wherry up` runs as two. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { endSupervised, supervise } from '../../cli/cluster/run.ts';
import { assertNothingRemains, eventually, startTestCluster, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';

const root = path.resolve(import.meta.dirname, '../..');

suite('five processes', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  const services = ['apiserver', 'scheduler', 'controller-manager', 'node-agent', 'proxy'];
  const stem = (name: string) => `${cluster.layout.runDir}/${name}`;

  suiteSetup(async () => {
    cluster = await startTestCluster('apart', 1);
    await endSupervised(stem('node-1'));
    await endSupervised(stem('control-plane'));
  });
  suiteTeardown(async () => {
    await Promise.all(services.map((service) => endSupervised(stem(service))));
    await cluster.remove();
    await assertNothingRemains(cluster.layout);
  });

  test('a Deployment and its Service come up, whatever order the services start in', async () => {
    const { layout } = cluster;
    const node = layout.nodes[0]!;
    const plane = readConfig(`${layout.stateDir}/control-plane.json`);
    const hands = readConfig(`${node.stateDir}/node.json`);
    const configs: Record<string, unknown> = {
      proxy: hands.proxy,
      'node-agent': hands.agent,
      'controller-manager': plane.controllerManager,
      scheduler: plane.scheduler,
      apiserver: plane.apiserver,
    };
    const inside = ['nsenter', `--mount=${node.mountNamespace}`, `--net=/run/netns/${node.netns}`];
    for (const [service, config] of Object.entries(configs)) {
      const file = `${layout.stateDir}/${service}.json`;
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
      const command = [process.execPath, `${root}/${service}/main.ts`, '--config', file];
      supervise(
        stem(service),
        `${layout.logDir}/${service}.log`,
        ['proxy', 'node-agent'].includes(service) ? [...inside, ...command] : command,
      );
    }
    await eventually('the API answers', () => cluster.kubectl('get', 'nodes'));
    await cluster.kubectl(
      'create',
      'deployment',
      'web',
      `--image=${testImage}`,
      '--',
      'httpd',
      '-f',
      '-p',
      '8080',
      '-h',
      '/bin',
    );
    await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    await cluster.kubectl('expose', 'deployment', 'web', '--port=80', '--target-port=8080');
    const service = await cluster.get<{ spec: { clusterIP: string } }>('service', 'web');
    const ask = `printf 'HEAD /busybox HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${service.spec.clusterIP} 80`;
    const answer = await eventually('the Service answers', () =>
      cluster.kubectl('exec', 'deployment/web', '--', 'sh', '-c', ask),
    );
    assert.match(answer, /^HTTP\/1\.[01] 200 OK/);
  });
});

function readConfig(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}
