/** The filters in upstream's order; the first refusal of a node is the one that is told. */
import type { Filter } from './filter.ts';
import { hostPorts } from './host-ports.ts';
import { nodeAffinity } from './node-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import { resources } from './resources.ts';
import { taints } from './taints.ts';
import { topologySpread } from './topology-spread.ts';
import { unschedulable } from './unschedulable.ts';
import { volumes } from './volumes.ts';

/** These depend on the pod's shape and one node alone, so pods of one shape share their verdicts. */
export const localFilters: readonly Filter[] = [unschedulable, taints, nodeAffinity, hostPorts, resources];

/** These look beyond the node, and run on nodes that passed the local ones. */
export const wideFilters: readonly Filter[] = [volumes, topologySpread, podAffinity];
