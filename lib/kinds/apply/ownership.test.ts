import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copy, equal } from '#lib/meta/equal.ts';
import { decode } from '../structure.ts';
import { compare } from './compare.ts';
import { checkedFieldsOf, fieldsOf } from './extract.ts';
import { difference, isEmpty, leaf, pathsOf, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { structType } from './field-types.ts';
import { merge, withParents } from './merge.ts';
import { apply, entriesAfterUpdate } from './ownership.ts';
import type { ManagerEntry } from './managers.ts';

const formOf = () => undefined;

/** One object and its owners, as a server keeps them. */
function makeServer(schema: string, apiVersion: string) {
  const type = structType(schema);
  const decoded = (object: object): object => {
    const result = copy(object);
    decode(schema, result);
    return result;
  };
  let live = decoded({});
  let entries: readonly ManagerEntry[] = [];
  let seconds = 0;
  const writerOf = (manager: string) => {
    const time = new Date(1e12 + seconds++ * 1000).toISOString();
    return { manager, apiVersion, subresource: '', time };
  };
  const shared = (manager: string) => ({ type, live, entries, writer: writerOf(manager), ignored: leaf, formOf });
  return {
    type,
    live: () => live,
    entries: () => entries,
    update(manager: string, asked: object) {
      const next = decoded(asked);
      entries = entriesAfterUpdate({ ...shared(manager), next });
      live = next;
    },
    /** Paths over which this would conflict. */
    conflicts(manager: string, config: object): string[] {
      const result = apply({ ...shared(manager), config, fields: checkedFieldsOf(type, config).fields, force: false });
      return 'conflicts' in result ? result.conflicts.flatMap(({ fields }) => pathsOf(fields)) : [];
    },
    /** Whether there was no conflict. */
    apply(manager: string, config: object, force: boolean): boolean {
      const { fields, faults } = checkedFieldsOf(type, config);
      assert.deepEqual(faults, []);
      const result = apply({ ...shared(manager), config, fields, force });
      if ('conflicts' in result) return false;
      if (result.object) live = decoded(result.object);
      entries = result.entries;
      return true;
    },
  };
}

const configMap = 'io.k8s.api.core.v1.ConfigMap';
const deployment = 'io.k8s.api.apps.v1.Deployment';

type Data = Record<string, string>;
interface Step {
  manager: string;
  data: Data;
  how: 'update' | 'apply' | 'force';
}

const steps = fc.array(
  fc.record<Step>({
    manager: fc.constantFrom('m', 'n', 'o'),
    data: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2')),
    how: fc.constantFrom('update', 'apply', 'force'),
  }),
  { maxLength: 12 },
);

/** What the rules come to for a flat map: the values, and for each key who owns it. */
class Reference {
  data: Data = {};
  readonly owners = new Map<string, Set<string>>();

  update(who: string, data: Data): void {
    for (const key of new Set([...Object.keys(this.data), ...Object.keys(data)])) {
      if (data[key] === this.data[key]) continue;
      this.owners.set(key, new Set(data[key] === undefined ? [] : [who]));
    }
    this.data = data;
  }

  apply(who: string, config: Data, force: boolean): boolean {
    const changed = Object.keys(config).filter((key) => config[key] !== this.data[key]);
    const others = (key: string) => [...(this.owners.get(key) ?? [])].filter((owner) => owner !== who);
    if (!force && changed.some((key) => others(key).length > 0)) return false;
    const data = { ...this.data, ...config };
    for (const [key, owners] of this.owners) {
      if (!owners.has(who) || key in config) continue;
      owners.delete(who);
      if (owners.size === 0) delete data[key];
    }
    for (const key of changed) this.owners.set(key, new Set());
    for (const key of Object.keys(config)) this.owners.set(key, (this.owners.get(key) ?? new Set()).add(who));
    this.data = data;
    return true;
  }
}

/** Without what is empty, which Go does not tell from what is absent. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  const left = Object.entries(value)
    .map(([key, item]) => [key, compact(item)] as const)
    .filter(([, item]) => item != null && (typeof item !== 'object' || Object.keys(item).length > 0));
  return Object.fromEntries(left);
}

const kept = { kept: 'x' };

suite('ownership', () => {
  test('any sequence of updates and applies leaves values and owners as the rules say', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const server = makeServer(configMap, 'v1');
        const reference = new Reference();
        server.update('base', { metadata: {}, data: kept });
        for (const { manager, data, how } of all) {
          if (how === 'update') {
            server.update(manager, { metadata: {}, data: { ...kept, ...data } });
            reference.update(`${manager} Update`, data);
          } else {
            const force = how === 'force';
            const config = { metadata: {}, data };
            const done = server.apply(manager, config, force);
            assert.equal(done, reference.apply(`${manager} Apply`, data, force));
          }
          const seen = (server.live() as { data: Data }).data;
          assert.deepEqual(seen, { ...kept, ...reference.data });
          for (const key of Object.keys(reference.data)) {
            const owners = server
              .entries()
              .filter(({ fieldsV1 }) => fieldsV1['f:data']?.[`f:${key}`])
              .map((entry) => `${entry.manager} ${entry.operation}`);
            assert.deepEqual(owners.sort(), [...(reference.owners.get(key) ?? [])].sort());
          }
        }
      }),
    );
  });

  // None is empty: what holds nothing is left out of an object, though whoever applied it says so.
  const container = fc.record(
    {
      name: fc.constantFrom('a', 'b', 'c'),
      image: fc.constantFrom('x', 'y'),
      args: fc.array(fc.constantFrom('1', '2'), { minLength: 1, maxLength: 2 }),
      env: fc.uniqueArray(
        fc.record({ name: fc.constantFrom('E', 'F'), value: fc.constantFrom('1', '2') }, { requiredKeys: ['name'] }),
        { minLength: 1, selector: ({ name }) => name },
      ),
      ports: fc.uniqueArray(
        fc.record(
          { containerPort: fc.constantFrom(80, 443), protocol: fc.constantFrom('TCP', 'UDP'), name: fc.constant('p') },
          { requiredKeys: ['containerPort'] },
        ),
        { minLength: 1, selector: ({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}` },
      ),
    },
    { requiredKeys: ['name'] },
  );
  const body = fc.record(
    {
      metadata: fc.record(
        {
          labels: fc.dictionary(fc.constantFrom('l', 'm'), fc.constantFrom('1', '2'), { minKeys: 1 }),
          finalizers: fc.uniqueArray(fc.constantFrom('f/1', 'f/2'), { minLength: 1 }),
        },
        { requiredKeys: [] },
      ),
      spec: fc.record(
        {
          replicas: fc.constantFrom(1, 2),
          selector: fc.record({
            matchLabels: fc.dictionary(fc.constantFrom('s', 't'), fc.constant('1'), { minKeys: 1 }),
          }),
          template: fc.record({
            spec: fc.record(
              {
                containers: fc.uniqueArray(container, { selector: ({ name }) => name }),
                nodeSelector: fc.dictionary(fc.constantFrom('n', 'o'), fc.constant('1'), { minKeys: 1 }),
              },
              { requiredKeys: ['containers'] },
            ),
          }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ['metadata'] },
  );

  test('what is applied is there, and applying it again changes nothing', () => {
    fc.assert(
      fc.property(body, body, body, (first, second, third) => {
        const server = makeServer(deployment, 'apps/v1');
        server.update('base', first);
        assert.equal(server.apply('applier', second, true), true);
        assert.equal(server.apply('applier', third, true), true);
        const { type } = server;
        // All of it is there, but for the order of items, which alone is no change.
        const next = compact(merge(type, server.live(), third)) as object;
        const { added, modified, removed } = compare(type, compact(server.live()) as object, next);
        assert.deepEqual(
          [added, modified, removed].flatMap((set) => pathsOf(set)),
          [],
        );
        const state = () => [compact(server.live()), server.entries().map((entry) => ({ ...entry, time: '' }))];
        const before = state();
        assert.equal(server.apply('applier', third, false), true);
        assert.deepEqual(state(), before);
      }),
    );
  });

  test('items of lists, and what is in them, are there exactly as long as someone applies them', () => {
    const managers = ['a', 'b', 'c'];
    const value = fc.constantFrom('x', 'y');
    const variables = fc.uniqueArray(fc.record({ name: fc.constantFrom('P', 'Q'), value }, { noNullPrototype: true }), {
      selector: ({ name }) => name,
      maxLength: 2,
    });
    const container = fc.record(
      { name: fc.constantFrom('one', 'two', 'three'), image: value, workingDir: value, env: variables },
      { requiredKeys: ['name'], noNullPrototype: true },
    );
    const step = fc.record({
      manager: fc.constantFrom(...managers),
      containers: fc.uniqueArray(container, { selector: ({ name }) => name, maxLength: 3 }),
    });
    interface Owned {
      value: string;
      owners: Set<string>;
    }
    /** A configuration as paths: every item is one, and every value in it. */
    const pathsIn = (containers: readonly object[]) =>
      new Map(
        (containers as readonly Record<string, unknown>[]).flatMap(({ name, env = [], ...fields }) => [
          [`${name}`, ''] as const,
          ...Object.entries(fields).map(([key, at]) => [`${name}.${key}`, at as string] as const),
          ...(env as { name: string; value?: string }[]).flatMap((item) => [
            [`${name}.env.${item.name}`, ''] as const,
            ...(item.value === undefined ? [] : [[`${name}.env.${item.name}.value`, item.value] as const]),
          ]),
        ]),
      );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const server = makeServer(deployment, 'apps/v1');
        const model = new Map<string, Owned>();
        for (const { manager, containers } of steps) {
          const wanted = pathsIn(containers);
          server.apply(manager, { spec: { template: { spec: { containers } } } }, true);
          for (const [path, at] of wanted) {
            const before = model.get(path);
            const owners = before?.value === at ? before.owners : new Set<string>();
            model.set(path, { value: at, owners: owners.add(manager) });
          }
          for (const [path, { owners }] of model) {
            if (!wanted.has(path) && owners.delete(manager) && owners.size === 0) model.delete(path);
          }
          const spec = server.live() as { spec?: { template?: { spec?: { containers?: object[] } } } };
          const live = pathsIn(spec.spec?.template?.spec?.containers ?? []);
          assert.deepEqual(
            live,
            new Map([...model].map(([path, { value: at }]) => [path, at])),
            `after ${manager} applied ${JSON.stringify(containers)}`,
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nobody owns what is not there, and applying nothing gives all that was applied back', () => {
    fc.assert(
      fc.property(body, body, body, (first, second, third) => {
        const server = makeServer(deployment, 'apps/v1');
        const everything = (object: object): FieldSet => {
          const { added } = compare(server.type, {}, object);
          return withParents(server.type, union(added, fieldsOf(server.type, object)));
        };
        server.update('base', first);
        server.apply('applier', second, true);
        server.update('editor', third);
        for (const { manager, fieldsV1 } of server.entries()) {
          const gone = difference(fieldsV1, everything(server.live()));
          assert.deepEqual(pathsOf(gone), [], `${manager} owns what is not there`);
        }
        server.apply('applier', { metadata: {} }, false);
        assert.equal(
          server.entries().some(({ operation }) => operation === 'Apply'),
          false,
        );
      }),
    );
  });

  test('of two configurations, each conflicts with the other over the same fields', () => {
    fc.assert(
      fc.property(body, body, (one, two) => {
        const conflictsAfter = (first: object, second: object): string[] => {
          const server = makeServer(deployment, 'apps/v1');
          server.apply('first', first, false);
          return server.conflicts('second', second).sort();
        };
        assert.deepEqual(conflictsAfter(one, two), conflictsAfter(two, one));
      }),
    );
  });

  test('compare() finds no difference exactly where objects are equal', () => {
    fc.assert(
      fc.property(body, body, (a, b) => {
        const type = structType(deployment);
        const { added, modified, removed } = compare(type, a, b);
        const same = isEmpty(added) && isEmpty(modified) && isEmpty(removed);
        if (equal(a, b)) assert.equal(same, true);
        const back = compare(type, b, a);
        assert.deepEqual(
          [back.added, back.modified, back.removed].map((set) => pathsOf(set).sort()),
          [removed, modified, added].map((set) => pathsOf(set).sort()),
        );
      }),
    );
  });
});
