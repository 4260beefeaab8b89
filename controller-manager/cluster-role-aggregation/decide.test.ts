import assert from 'node:assert/strict';
import type { ClusterRole, PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { decide } from './decide.ts';

const rule = (resource: string): PolicyRule => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
const role = (name: string, resources: string[], part?: string, gathers?: string[]) =>
  ({
    metadata: { name, ...(part && { labels: { part } }) },
    rules: resources.map(rule),
    ...(gathers && {
      aggregationRule: { clusterRoleSelectors: gathers.map((label) => ({ matchLabels: { part: label } })) },
    }),
  }) as unknown as ClusterRole;

suite('cluster role aggregation', () => {
  const gathered = (own: ClusterRole, others: ClusterRole[]) => {
    const [action] = decide({ role: own, all: [own, ...others] });
    assert.ok(action?.do === 'update');
    return action.object as ClusterRole;
  };

  test('decide() gathers by selector, then by name, each rule once', () => {
    const others = [
      role('b', ['x', 'y'], 'one'),
      role('a', ['y', 'z'], 'one'),
      role('c', ['w'], 'two'),
      role('d', ['v']),
    ];
    const next = gathered(role('all', ['old'], 'one', ['two', 'one']), others);
    assert.deepEqual(
      next.rules?.map(({ resources }) => resources![0]),
      ['w', 'y', 'z', 'x'],
    );
    assert.deepEqual(decide({ role: next, all: [next, ...others] }), []);
  });

  test('decide() empties a role that selects nothing, and leaves alone what does not aggregate', () => {
    assert.deepEqual(gathered(role('all', ['old'], undefined, ['none']), []).rules, []);
    assert.deepEqual(decide({ role: role('plain', ['x']), all: [] }), []);
  });
});
