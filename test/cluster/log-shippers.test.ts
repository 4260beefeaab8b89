/** Container logs as log shippers find them: a DaemonSet that reads its node's /var/log. */
import assert from 'node:assert/strict';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('log shippers', function () {
  this.timeout(60_000);
  let place: Place;

  suiteSetup(async () => {
    place = await makePlace('shippers');
    await place.cluster.apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'shipper', namespace: 'shippers' },
      spec: {
        selector: { matchLabels: { app: 'shipper' } },
        template: {
          metadata: { labels: { app: 'shipper' } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'shipper',
                image: testImage,
                command: ['sh', '-c', forever],
                volumeMounts: [{ name: 'logs', mountPath: '/var/log', readOnly: true }],
              },
            ],
            volumes: [{ name: 'logs', hostPath: { path: '/var/log' } }],
          },
        },
      },
    });
    for (const { name } of place.cluster.layout.nodes) {
      await place.run(`talker-${name}`, { nodeName: name, containers: [container(`echo from ${name}; ${forever}`)] });
      await place.ready(`talker-${name}`);
    }
    await place.kubectl('rollout', 'status', 'daemonset/shipper', '--timeout=60s');
  });
  suiteTeardown(() => place.remove());

  /** Runs a script in the shipper of a node. */
  async function ship(node: string, script: string): Promise<string> {
    const pod = await place.kubectl(
      ...['get', 'pods', '-l', 'app=shipper', `--field-selector=spec.nodeName=${node}`],
      ...['-o', 'jsonpath={.items[0].metadata.name}'],
    );
    return place.exec(pod, script);
  }

  test('each node has the logs of its own pods under upstream’s names, and no others', async () => {
    const nodes = place.cluster.layout.nodes.map(({ name }) => name);
    for (const node of nodes) {
      const { metadata, status } = await place.pod(`talker-${node}`);
      const id = status!.containerStatuses![0]!.containerID!.split('//')[1];
      const link = `/var/log/containers/talker-${node}_shippers_app-${id}.log`;
      const file = `/var/log/pods/shippers_talker-${node}_${metadata.uid}/app/0.log`;
      assert.match(await ship(node, `cat ${link}`), new RegExp(`^\\S+ stdout F from ${node}\n$`));
      assert.equal(await ship(node, `readlink ${link}`), `${file}\n`);
      assert.equal(await ship(node, 'ls /var/log/containers/talker-* | wc -l'), '1\n');
      assert.equal(await ship(node, 'ls -d /var/log/pods/shippers_talker-* | wc -l'), '1\n');
    }
  });

  test('links follow restarts, and logs and links outlive their pod', async () => {
    const node = place.cluster.layout.nodes[0]!.name;
    const name = `talker-${node}`;
    const look = () => ship(node, `cat /var/log/containers/${name}_shippers_app-*.log`);
    // The command may end with its container.
    await place.exec(name, '(sleep 0.3; kill 1) >/dev/null 2>&1 &');
    await eventually('two runs', async () => (await look()).match(/from node/g)?.length === 2);
    await place.kubectl('delete', 'pod', name, '--wait');
    assert.equal((await look()).match(/from node/g)?.length, 2);
  });
});
