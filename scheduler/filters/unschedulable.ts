import { tolerates } from './taints.ts';
import type { Filter } from './filter.ts';
import { never } from './filter.ts';

const refused = never('node(s) were unschedulable');
const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

/** Cordoned nodes take only pods that tolerate the cordon's taint (upstream: NodeUnschedulable). */
export const unschedulable: Filter = ({ shape }) => {
  if (tolerates(shape.spec.tolerations, cordon)) return undefined;
  return ({ node }) => (node?.spec.unschedulable ? refused : undefined);
};
