import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { staleFlows } from '../flows.ts';
import { sampleService, sampleSlice } from '../testing/samples.ts';
import { routesOf } from '../view.ts';
import type { Route } from '../view.ts';
import { changes } from './changes.ts';
import type { Fragments } from './changes.ts';
import { fragmentOf } from './fragment.ts';
import { fullScript } from './render.ts';

const options = {
  table: 'wherry_proxy',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  nodeAddresses: ['172.30.0.2'],
  ownAddresses: ['10.43.0.10'],
};
const golden = (name: string) => readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8');
const fragmentsOf = (routes: readonly Route[]): Fragments =>
  new Map(routes.map((route) => [route.key, fragmentOf(route, options.clusterCidr)]));

const here = { nodeName: 'here' };
const there = { nodeName: 'there' };
const web = sampleService('web', { clusterIP: '10.43.0.20' });
const webSlice = (...endpoints: { address: string; nodeName: string }[]) => sampleSlice('web', { endpoints });
const plain = routesOf(web, [webSlice({ address: '10.42.0.5', ...here }, { address: '10.42.1.5', ...there })], 'here');
const fewer = routesOf(web, [webSlice({ address: '10.42.1.5', ...there })], 'here');
const open = routesOf(
  sampleService('open', {
    type: 'NodePort',
    clusterIP: '10.43.0.21',
    externalTrafficPolicy: 'Local',
    ports: [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' }],
  }),
  [
    sampleSlice('open', {
      endpoints: [
        { address: '10.42.0.6', ...here },
        { address: '10.42.1.6', ...there },
      ],
    }),
  ],
  'here',
);
const sticky = routesOf(
  sampleService('sticky', { clusterIP: '10.43.0.22', externalIPs: ['192.0.2.7'], sessionAffinity: 'ClientIP' }),
  [sampleSlice('sticky', { endpoints: [{ address: '10.42.0.7', ...here }] })],
  'here',
);
const empty = routesOf(sampleService('empty', { clusterIP: '10.43.0.23' }), [], 'here');

suite('nftables scripts', () => {
  test('fullScript() writes the whole table', () => {
    const text = fullScript(fragmentsOf([...plain, ...open, ...sticky, ...empty]).values(), options);
    assert.equal(text, golden('full.nft'));
  });

  test('changes() writes only what differs', () => {
    const before = fragmentsOf([...plain, ...sticky]);
    const after = fragmentsOf([...fewer, ...open]);
    assert.equal(
      changes('wherry_proxy', before, after, new Set([...before.keys(), ...after.keys()])),
      golden('changes.nft'),
    );
    assert.equal(changes('wherry_proxy', before, before, before.keys()), '');
  });

  test('changes() leads from any table to any other', () => {
    const endpoint = fc.record({
      address: fc.integer({ min: 5, max: 8 }).map((last) => `10.42.0.${last}`),
      nodeName: fc.constantFrom('here', 'there'),
    });
    const world = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c'),
        nodePort: fc.boolean(),
        local: fc.boolean(),
        sticky: fc.boolean(),
        endpoints: fc.uniqueArray(endpoint, { maxLength: 3, selector: ({ address }) => address }),
      }),
      { selector: ({ name }) => name, maxLength: 3 },
    );
    type World = typeof world extends fc.Arbitrary<infer T> ? T : never;
    const asFragments = (services: World): Fragments =>
      fragmentsOf(
        services.flatMap(({ name, nodePort, local, sticky, endpoints }) => {
          const number = name.charCodeAt(0);
          const port = { name: 'http', port: 80, ...(nodePort && { nodePort: 30_000 + number }) };
          const service = sampleService(name, {
            type: nodePort ? 'NodePort' : 'ClusterIP',
            clusterIP: `10.43.0.${number}`,
            ports: [port],
            externalTrafficPolicy: local ? 'Local' : 'Cluster',
            sessionAffinity: sticky ? 'ClientIP' : 'None',
          });
          return routesOf(service, [sampleSlice(name, { endpoints })], 'here');
        }),
      );
    fc.assert(
      fc.property(world, world, (first, second) => {
        const before = asFragments(first);
        const after = asFragments(second);
        const table = modelOf(before);
        apply(table, changes('t', before, after, new Set([...before.keys(), ...after.keys()])));
        assert.deepEqual(table, modelOf(after));
      }),
    );
  });
});

test('staleFlows() names the flows of UDP backends that are gone, and those that began before there were any', () => {
  const udp = (...endpoints: string[]) =>
    routesOf(
      sampleService('dns', { clusterIP: '10.43.0.9', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
      [
        sampleSlice('dns', {
          ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
          endpoints: endpoints.map((address) => ({ address })),
        }),
      ],
      'here',
    )[0];
  assert.deepEqual(staleFlows(udp('10.42.0.1', '10.42.0.2'), udp('10.42.0.2')), [
    { address: '10.43.0.9', port: 53, backend: '10.42.0.1' },
  ]);
  assert.deepEqual(staleFlows(udp(), udp('10.42.0.2')), [{ address: '10.43.0.9', port: 53 }]);
  assert.deepEqual(staleFlows(udp('10.42.0.2'), undefined), [{ address: '10.43.0.9', port: 53, backend: '10.42.0.2' }]);
  assert.deepEqual(staleFlows(plain[0], undefined), []);
});

/** What a table holds, as the kernel would after a script. */
interface Model {
  chains: Record<string, string[]>;
  sets: Record<string, string>;
  elements: Record<string, Record<string, string>>;
}

function modelOf(fragments: Fragments): Model {
  const model: Model = { chains: {}, sets: {}, elements: {} };
  for (const { chains, clients, elements } of fragments.values()) {
    for (const [name, rules] of chains) model.chains[name] = [...rules];
    for (const name of clients.keys()) model.sets[name] = '';
    for (const { collection, key, value = '' } of elements) (model.elements[collection] ??= {})[key] = value;
  }
  return model;
}

/** Runs a script on the model with the kernel's strictness: what is referred to must be there and what is deleted unused. */
function apply(model: Model, script: string): void {
  for (const line of script.split('\n').filter((text) => text !== '')) {
    const [verb, sort, , , name] = line.split(' ') as [string, string, string, string, string];
    const rest = line.split(' ').slice(5).join(' ');
    if (verb === 'add' && sort === 'set') model.sets[name] = '';
    else if (verb === 'add' && sort === 'chain') model.chains[name] ??= [];
    else if (verb === 'flush') model.chains[name] = [];
    else if (verb === 'add' && sort === 'rule') {
      for (const [, target = ''] of rest.matchAll(/goto ([^\s,]+)/g)) assert.ok(target in model.chains, line);
      for (const [, set = ''] of rest.matchAll(/@(\S+)/g)) assert.ok(set in model.sets, line);
      assert.ok(name in model.chains, line);
      model.chains[name]!.push(rest);
    } else if (sort === 'element') {
      for (const item of rest.replace(/^\{ | \}$/g, '').split(', ')) {
        const [key, value = ''] = item.split(' : ') as [string, string?];
        const held = (model.elements[name] ??= {});
        if (verb === 'add') held[key] = value;
        else {
          assert.ok(key in held, `deletes ${key} of ${name}`);
          delete held[key];
          if (Object.keys(held).length === 0) delete model.elements[name];
        }
      }
    } else if (verb === 'delete') {
      const used = JSON.stringify([model.chains, model.elements]);
      if (sort === 'chain') {
        assert.deepEqual(model.chains[name], []);
        delete model.chains[name];
        assert.ok(!used.includes(`goto ${name}"`), `deletes ${name}, which is used`);
      } else {
        assert.ok(!used.includes(`@${name} `), `deletes ${name}, which is used`);
        delete model.sets[name];
      }
    } else assert.fail(`Unknown command: ${line}`);
  }
}
