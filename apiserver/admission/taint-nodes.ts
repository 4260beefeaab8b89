/** New nodes take no pods until the node controller has seen that they are ready. */
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { creates } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

const key = 'node.kubernetes.io/not-ready';
const effect = 'NoSchedule';

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit(request) {
    if (!creates(request, nodeKind)) return;
    const { spec } = request.object as Node;
    if (spec.taints?.some((taint) => taint.key === key && taint.effect === effect)) return;
    spec.taints = [...(spec.taints ?? []), { key, effect }];
  },
};
