import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import {
  claimBridge,
  connectNodes,
  disconnectNodes,
  makeBridge,
  renderCables,
  renderNat,
  renderNodeAddresses,
} from './host-network.ts';
import { layoutOf } from './layout.ts';
import { run } from './run.ts';

const cluster = layoutOf(
  { name: `t${process.pid}`, slot: 31, nodes: 2 },
  { stateRoot: '/nowhere', runRoot: '/nowhere' },
);

suite('host network', () => {
  test('renderCables() makes what is missing and sets up what is there', () => {
    assert.equal(
      renderCables(cluster, new Set(['wherry31', 'wherry31n1'])),
      `address replace 172.29.31.1/24 dev wherry31
link set wherry31 up
link set wherry31n1 master wherry31 up
link add wherry31n2 type veth peer name eth0 netns wherry-t${process.pid}-node-2
link set wherry31n2 master wherry31 up
`,
    );
  });

  test('renderNodeAddresses() and renderNat() name the cluster’s own ranges', () => {
    assert.match(renderNodeAddresses(cluster, cluster.nodes[0]!), /address replace 172\.29\.31\.11\/24 dev eth0/);
    assert.match(
      renderNat(cluster),
      /ip saddr \{ 172\.29\.31\.0\/24, 10\.104\.0\.0\/16 \} oifname != "wherry31" masquerade/,
    );
  });

  test('connectNodes() twice gives one network over which nodes reach each other; disconnectNodes() leaves nothing', async () => {
    const before = await run('ip', ['-brief', 'link']);
    try {
      for (let round = 0; round < 2; round++) {
        await claimBridge(cluster);
        await connectNodes(cluster);
      }
      await run('ip', [
        'netns',
        'exec',
        cluster.nodes[0]!.netns,
        'busybox',
        'ping',
        '-c',
        '1',
        '-W',
        '5',
        cluster.nodes[1]!.address,
      ]);
    } finally {
      await disconnectNodes(cluster);
    }
    await disconnectNodes(cluster);
    assert.deepEqual((await run('ip', ['-brief', 'link'])).includes('wherry31'), before.includes('wherry31'));
    assert.equal((await run('nft', ['list', 'tables'])).includes(cluster.table), false);
    for (const node of cluster.nodes) assert.equal(existsSync(`/run/netns/${node.netns}`), false);
  });

  test('a cluster whose slot another has taken meanwhile neither starts nor takes that one down', async () => {
    const other = layoutOf({ name: 'other', slot: 31, nodes: 1 }, { stateRoot: '/elsewhere', runRoot: '/elsewhere' });
    assert.equal(await makeBridge(other), true);
    try {
      assert.equal(await makeBridge(cluster), false);
      await assert.rejects(claimBridge(cluster), /the cluster in \/elsewhere\/other runs with its addresses/);
      await disconnectNodes(cluster);
      assert.ok((await run('ip', ['-brief', 'link'])).includes(other.bridge));
    } finally {
      await disconnectNodes(other);
    }
    assert.equal((await run('ip', ['-brief', 'link'])).includes(other.bridge), false);
  });
});
