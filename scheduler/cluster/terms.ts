/** Inter-pod affinity terms: which pods they speak of, and over which topology. */
import type { Affinity, PodAffinity, PodAffinityTerm, PodAntiAffinity } from '#lib/kinds/gen/core-v1.ts';
import { fromLabelSelector, matches } from '#lib/meta/selectors.ts';
import type { Selector } from '#lib/meta/selectors.ts';

/** Labels of a namespace, for terms that select namespaces by them. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

export interface Term {
  /** Equal for terms that select the same pods, whatever the topology. */
  readonly podsKey: string;
  readonly topologyKey: string;
  /** Namespaces the pods are in, or undefined when labels of namespaces take part in the choice. */
  readonly namespaces: readonly string[] | undefined;
  selects(
    pod: { namespace: string; labels: Readonly<Record<string, string>> },
    namespaceLabels: NamespaceLabels,
  ): boolean;
}

/** A preferred term; the weight is negative for anti-affinity. */
export interface WeightedTerm {
  readonly weight: number;
  readonly term: Term;
}

/** The required terms of a pod of `namespace`. */
export function requiredTerms(affinity: PodAffinity | PodAntiAffinity | undefined, namespace: string): readonly Term[] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution?.map((term) => readTerm(term, namespace)) ?? nothing;
}

/** The preferred terms of both sorts. */
export function preferredTerms(affinity: Affinity | undefined, namespace: string): readonly WeightedTerm[] {
  const towards = affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  const away = affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  if (!towards && !away) return nothing;
  return [
    ...(towards ?? []).map(({ weight, podAffinityTerm }) => ({ weight, term: readTerm(podAffinityTerm, namespace) })),
    ...(away ?? []).map(({ weight, podAffinityTerm }) => ({
      weight: -weight,
      term: readTerm(podAffinityTerm, namespace),
    })),
  ];
}

const nothing: readonly never[] = [];

function readTerm(source: PodAffinityTerm, namespace: string): Term {
  const { labelSelector, namespaceSelector } = source;
  const selector = fromLabelSelector(labelSelector);
  const listed = source.namespaces ?? [];
  const namespaces = listed.length === 0 && !namespaceSelector ? [namespace] : listed;
  const byLabels: Selector | undefined = fromLabelSelector(namespaceSelector);
  return {
    podsKey: JSON.stringify([namespaces, namespaceSelector, labelSelector]),
    topologyKey: source.topologyKey,
    namespaces: byLabels ? undefined : namespaces,
    selects: (pod, namespaceLabels) =>
      selector !== undefined &&
      (namespaces.includes(pod.namespace) ||
        (byLabels !== undefined && matches(byLabels, namespaceLabels(pod.namespace)))) &&
      matches(selector, pod.labels),
  };
}
