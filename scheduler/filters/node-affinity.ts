import type { NodeSelector, NodeSelectorTerm, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { matches } from '#lib/meta/selectors.ts';
import type { Selector } from '#lib/meta/selectors.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Filter } from './filter.ts';
import { never } from './filter.ts';

const refused = never("node(s) didn't match Pod's node affinity/selector");
const conflict = never('pod affinity terms conflict');

/** nodeSelector and required node affinity (upstream: NodeAffinity). */
export const nodeAffinity: Filter = ({ shape: { spec } }) => {
  const suits = nodeRequirement(spec);
  if (!suits) return undefined;
  if (namedNodes(spec)?.size === 0) return conflict;
  return (node) => (suits(node) ? undefined : refused);
};

/** Whether a node has what nodeSelector and required affinity ask for; undefined when they ask for nothing. */
export function nodeRequirement(spec: PodSpec): ((node: NodeInfo) => boolean) | undefined {
  const wanted = Object.entries(spec.nodeSelector ?? {});
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (wanted.length === 0 && !required) return undefined;
  const terms = required && anyTerm(required);
  return (node) => wanted.every(([key, value]) => node.labels[key] === value) && (terms?.(node) ?? true);
}

/**
 * The only nodes that can pass, when every required term names some by `metadata.name`, as the pods of a DaemonSet do;
 * undefined when the pod is not confined so.
 */
export function namedNodes({ affinity }: PodSpec): ReadonlySet<string> | undefined {
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  let names: Set<string> | undefined;
  for (const { matchFields } of terms) {
    let ofTerm: Set<string> | undefined;
    for (const { key, operator, values } of matchFields ?? []) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      const listed = new Set(values);
      ofTerm = ofTerm ? ofTerm.intersection(listed) : listed;
    }
    if (!ofTerm) return undefined;
    names = names ? names.union(ofTerm) : ofTerm;
  }
  return names;
}

/** Whether any term of a node selector holds; a selector without terms selects no node. */
export function anyTerm({ nodeSelectorTerms }: NodeSelector): (node: NodeInfo) => boolean {
  const judges = nodeSelectorTerms.map(oneTerm);
  return (node) => judges.some((judge) => judge(node));
}

/** Whether one term holds; a term that says nothing selects no node. */
export function oneTerm(term: NodeSelectorTerm): (node: NodeInfo) => boolean {
  const expressions = selectorOf(term.matchExpressions);
  const fields = selectorOf(term.matchFields);
  if (expressions.length === 0 && fields.length === 0) return () => false;
  return (node) =>
    matches(expressions, node.labels) && (fields.length === 0 || matches(fields, { 'metadata.name': node.name }));
}

function selectorOf(requirements: NodeSelectorTerm['matchExpressions']): Selector {
  return (requirements ?? []).map(({ key, operator, values }) => ({
    key,
    operator,
    values: values ?? [],
  }));
}
