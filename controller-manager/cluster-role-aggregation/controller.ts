/** Wires decide() to ClusterRoles: any of them may be a part of any that aggregates. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { clusterRole } from '#lib/kinds/cluster-role.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';

export const clusterRoleAggregationController: Controller<Seen> = {
  name: 'clusterrole-aggregation-controller',
  watches: [
    watch(clusterRole, (_role, view) =>
      view.list(clusterRole).flatMap(({ aggregationRule, metadata }) => (aggregationRule ? [metadata.name] : [])),
    ),
  ],
  see(key, { view }) {
    const role = view.get(clusterRole, { namespace: '', name: key });
    return role && { role, all: view.list(clusterRole) };
  },
  decide,
};
