import assert from 'node:assert/strict';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import { priorityLevelConfiguration } from '#lib/kinds/priority-level-configuration.ts';
import { faultsOf, made } from '#lib/kinds/testing/objects.ts';
import { copy } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import { corrections } from './reconcile.ts';

// Tests change objects of either kind by hand.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
type Cluster = Map<Kind, Map<string, Resource>>;

const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';
const kinds: Kind[] = [flowSchema, priorityLevelConfiguration];

suite('corrections()', () => {
  const find = (cluster: Cluster) =>
    corrections((kind) => [...(cluster.get(kind)?.values() ?? [])].map((one) => copy(one)));
  const apply = (cluster: Cluster) => {
    const found = find(cluster);
    for (const { do: what, kind, object } of found) {
      const objects = cluster.get(kind)!;
      if (what === 'delete') objects.delete(object.metadata.name);
      else objects.set(object.metadata.name, made(kind, copy(object) as never));
    }
    return found;
  };
  const started = () => {
    const cluster: Cluster = new Map(kinds.map((kind) => [kind, new Map()]));
    apply(cluster);
    return cluster;
  };
  const change = (cluster: Cluster, kind: Kind, name: string, edit: (object: Loose) => void) => {
    edit(cluster.get(kind)!.get(name));
    return find(cluster);
  };

  test('makes all that upstream starts with, valid, and then finds nothing to do', () => {
    const cluster = started();
    const [schemas, levels] = kinds.map((kind) => [...cluster.get(kind)!.keys()].toSorted());
    assert.deepEqual(levels, [
      'catch-all',
      'exempt',
      'global-default',
      'leader-election',
      'node-high',
      'system',
      'workload-high',
      'workload-low',
    ]);
    assert.deepEqual(schemas, [
      'catch-all',
      'endpoint-controller',
      'exempt',
      'global-default',
      'kube-controller-manager',
      'kube-scheduler',
      'kube-system-service-accounts',
      'probes',
      'service-accounts',
      'system-leader-election',
      'system-node-high',
      'system-nodes',
      'workload-leader-election',
    ]);
    for (const kind of kinds) {
      for (const object of cluster.get(kind)!.values()) {
        assert.deepEqual(faultsOf(kind, object), []);
        assert.equal(object.metadata.annotations?.[autoUpdate], 'true');
      }
    }
    assert.deepEqual(find(cluster), []);
  });

  test('leaves what somebody has changed, and says so on it', () => {
    const edit = (object: Loose) => {
      object.spec.matchingPrecedence = 600;
      object.metadata.generation = 2;
      delete object.metadata.annotations[autoUpdate];
    };
    const cluster = started();
    const [update, ...more] = change(cluster, flowSchema, 'system-nodes', edit);
    assert.deepEqual(more, []);
    assert.equal(update?.do, 'update');
    assert.equal((update.object as Loose).metadata.annotations[autoUpdate], 'false');
    assert.equal((update.object as Loose).spec.matchingPrecedence, 600);
    apply(cluster);
    assert.deepEqual(find(cluster), []);
  });

  test('sets right what follows, and what is mandatory whatever is said on it', () => {
    const cluster = started();
    const found = change(cluster, priorityLevelConfiguration, 'system', (object) => {
      object.spec.limited.nominalConcurrencyShares = 1;
      object.metadata.generation = 2;
    });
    assert.equal((found[0]!.object as Loose).spec.limited.nominalConcurrencyShares, 30);
    apply(cluster);
    const again = change(cluster, flowSchema, 'catch-all', (object) => {
      object.metadata.annotations[autoUpdate] = 'false';
    });
    assert.equal((again[0]!.object as Loose).metadata.annotations[autoUpdate], 'true');
  });

  test('leaves what the exempt level lends to administrators', () => {
    const found = change(started(), priorityLevelConfiguration, 'exempt', (object) => {
      object.spec.exempt = { nominalConcurrencyShares: 10, lendablePercent: 50 };
    });
    assert.deepEqual(found, []);
  });

  test('removes what an earlier version started with, and nobody else’s', () => {
    const cluster = started();
    const spec = { priorityLevelConfiguration: { name: 'system' } };
    for (const [name, annotations] of Object.entries({
      old: { [autoUpdate]: 'true' },
      kept: { [autoUpdate]: 'false' },
      own: {},
    }))
      cluster.get(flowSchema)!.set(name, made(flowSchema, { metadata: { name, annotations }, spec }));
    assert.deepEqual(
      find(cluster).map(({ do: what, object }) => [what, object.metadata.name]),
      [['delete', 'old']],
    );
  });
});
