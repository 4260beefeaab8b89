/** What the scheduler needs to know of a pod, worked out once. */
import type { Container, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { requestsOf, scoredRequestOf } from './resources.ts';
import type { Resources, ScoredRequest } from './resources.ts';
import { preferredTerms, requiredTerms } from './terms.ts';
import type { Term, WeightedTerm } from './terms.ts';

export interface HostPort {
  address: string;
  protocol: string;
  port: number;
}

export interface PodInfo {
  readonly pod: Pod;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly terminating: boolean;
  readonly shape: PodShape;
  readonly affinity: readonly Term[];
  readonly antiAffinity: readonly Term[];
  readonly preferredAffinity: readonly WeightedTerm[];
}

/**
 * The part of a pod that decides which nodes suit it, apart from its neighbours. Pods of one template share it, and with it
 * the judgements made for it.
 */
export interface PodShape {
  readonly key: string;
  readonly spec: PodSpec;
  readonly requests: Resources;
  readonly scored: ScoredRequest;
  readonly hostPorts: readonly HostPort[];
}

const noLabels = {};

/** Reads a pod; pods of equal shape share one PodShape object while it is remembered. */
export function podInfo(pod: Pod): PodInfo {
  const namespace = pod.metadata.namespace ?? '';
  const { affinity } = pod.spec;
  return {
    pod,
    uid: pod.metadata.uid,
    namespace,
    name: pod.metadata.name,
    labels: pod.metadata.labels ?? noLabels,
    priority: pod.spec.priority ?? 0,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    shape: shapeOf(pod.spec),
    affinity: requiredTerms(affinity?.podAffinity, namespace),
    antiAffinity: requiredTerms(affinity?.podAntiAffinity, namespace),
    preferredAffinity: preferredTerms(affinity, namespace),
  };
}

const shapes = new Map<string, PodShape>();
const shapeLimit = 4096;

function shapeOf(spec: PodSpec): PodShape {
  const key = shapeKey(spec);
  let shape = shapes.get(key);
  if (!shape) {
    shape = { key, spec, requests: requestsOf(spec), scored: scoredRequestOf(spec), hostPorts: hostPortsOf(spec) };
    if (shapes.size >= shapeLimit) shapes.clear();
    shapes.set(key, shape);
  }
  return shape;
}

function shapeKey(spec: PodSpec): string {
  return JSON.stringify([
    spec.nodeSelector,
    spec.affinity?.nodeAffinity,
    spec.tolerations,
    spec.priority,
    spec.overhead,
    spec.containers.map(containerKey),
    spec.initContainers?.map(containerKey),
  ]);
}

function containerKey({ resources, ports, restartPolicy, image }: Container): unknown {
  return [resources?.requests, ports?.filter((port) => port.hostPort), restartPolicy, image];
}

function hostPortsOf(spec: PodSpec): HostPort[] {
  const sidecars = spec.initContainers?.filter((container) => container.restartPolicy === 'Always') ?? [];
  return [...spec.containers, ...sidecars].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({
        address: port.hostIP || '0.0.0.0',
        protocol: port.protocol ?? 'TCP',
        port: port.hostPort!,
      })),
  );
}
