import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { openAddressClaims } from './address-claims.ts';
import { candidates, macOf, parsePool } from './address-pool.ts';
import { renderPublish, renderTable, renderUnpublish } from './port-table.ts';
import { bridgeCommands, nodeSettings, nodeSideCommands, podSideCommands } from './wiring.ts';

suite('address pool', () => {
  test('parsePool() leaves out network, gateway and broadcast', () => {
    const pool = parsePool('10.1.2.77/24');
    const all = [...candidates(pool, undefined)];
    assert.equal(pool.gateway, '10.1.2.1');
    assert.deepEqual([all.length, all[0], all.at(-1)], [253, '10.1.2.2', '10.1.2.254']);
    assert.throws(() => parsePool('fd00::/64'), /expected an IPv4 range/);
    assert.throws(() => parsePool('10.0.0.0/31'), /expected an IPv4 range/);
  });

  test('candidates() begins behind the last one and offers each address once', () => {
    const pool = parsePool('192.168.7.0/29');
    fc.assert(
      fc.property(fc.option(fc.integer({ min: 0, max: 7 }), { nil: undefined }), (last) => {
        const all = [...candidates(pool, last === undefined ? undefined : `192.168.7.${last}`)];
        assert.deepEqual(
          all.toSorted(),
          [2, 3, 4, 5, 6].map((part) => `192.168.7.${part}`),
        );
      }),
    );
    assert.equal([...candidates(pool, '192.168.7.4')][0], '192.168.7.5');
  });

  test('macOf() follows from the address', () => assert.equal(macOf('10.1.2.255'), '0a:58:0a:01:02:ff'));
});

suite('address claims', () => {
  let folder: string;
  const pool = parsePool('10.0.0.0/29');
  setup(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'wherry-addresses-'));
  });
  teardown(() => rmSync(folder, { recursive: true }));

  test('claim() gives one address an owner, also after a restart', () => {
    const claims = openAddressClaims(folder, pool);
    const first = claims.claim('a');
    assert.equal(claims.claim('a'), first);
    assert.notEqual(claims.claim('b'), first);
    const again = openAddressClaims(folder, pool);
    assert.equal(again.claim('a'), first);
    assert.ok(!['a', 'b'].map((owner) => claims.claim(owner)).includes(again.claim('c')));
  });

  test('release() lets an address rest before it is used again', () => {
    const claims = openAddressClaims(folder, pool);
    const first = claims.claim('a');
    claims.release('a');
    claims.release('a');
    assert.notEqual(claims.claim('b'), first);
  });

  test('claim() says when none is left, and keepOnly() frees those of nobody', () => {
    const claims = openAddressClaims(folder, pool);
    for (const owner of ['a', 'b', 'c', 'd', 'e']) claims.claim(owner);
    assert.throws(() => claims.claim('f'), /range has none left/);
    claims.keepOnly(new Set(['a']));
    assert.equal(readdirSync(folder).length, 1);
    claims.claim('f');
  });

  test('claim() never gives an address twice, whatever comes and goes', () => {
    const steps = fc.array(
      fc.record({ owner: fc.constantFrom('a', 'b', 'c'), release: fc.boolean(), restart: fc.boolean() }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        let claims = openAddressClaims(folder, pool);
        claims.keepOnly(new Set());
        const held = new Map<string, string>();
        for (const { owner, release, restart } of list) {
          if (restart) claims = openAddressClaims(folder, pool);
          if (release) {
            claims.release(owner);
            held.delete(owner);
          } else held.set(owner, claims.claim(owner));
          assert.equal(new Set(held.values()).size, held.size);
        }
      }),
      { numRuns: 50 },
    );
  });
});

suite('wiring', () => {
  test('commands for pod, node and bridge', () => {
    const pool = parsePool('10.244.1.0/24');
    const wiring = { address: '10.244.1.7', nodeInterface: 'veth0123456789a' };
    const text = [
      '# bridge',
      ...bridgeCommands('wherry0', pool, 1450),
      '# pod',
      ...podSideCommands(wiring, pool, { mtu: 1450, nodeNamespace: '/proc/1/ns/net' }),
      '# node',
      ...nodeSideCommands(wiring, 'wherry0'),
      '# settings',
      ...Object.entries(nodeSettings('wherry0')).map(([file, value]) => `${file} ${value}`),
    ];
    expectGolden('wiring.txt', `${text.join('\n')}\n`);
  });
});

suite('port table', () => {
  const options = { bridge: 'wherry0', podCidr: '10.244.1.0/24', clusterCidr: '10.244.0.0/16' };
  const pod = {
    address: '10.244.1.7',
    ports: [
      { hostPort: 8080, containerPort: 80, protocol: 'TCP' as const, hostIP: '' },
      { hostPort: 53, containerPort: 5353, protocol: 'UDP' as const, hostIP: '192.0.2.1' },
    ],
  };

  test("renderTable() renders the node's table", () => expectGolden('table.nft', renderTable(options, [pod])));

  test('renderPublish() and renderUnpublish() name the same elements', () => {
    const keys = (text: string) => text.replaceAll(/^(add|delete) /gm, '').replaceAll(/ : [^}]*/g, ' ');
    assert.equal(keys(renderPublish(pod)), keys(renderUnpublish(pod)));
    assert.equal(renderPublish({ address: '10.244.1.8', ports: [] }), '');
  });
});

function expectGolden(name: string, text: string): void {
  assert.equal(text, readFileSync(path.join(import.meta.dirname, 'golden', name), 'utf8'));
}
