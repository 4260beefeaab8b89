/** Pods and nodes for tests and benches. */
import type { Container, Node, NodeSpec, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { Cluster } from './cluster/cluster.ts';

let made = 0;

export interface PodSample {
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  requests?: Record<string, string>;
  spec?: Partial<PodSpec>;
}

/** A pod with one container that asks for `requests`. */
export function samplePod({ name, namespace = 'default', labels, requests, spec }: PodSample = {}): Pod {
  const number = ++made;
  const container: Container = {
    name: 'main',
    image: 'example.test/app:1',
    ...(requests && { resources: { requests } }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: name ?? `pod-${number}`,
      namespace,
      uid: `uid-${number}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(labels && { labels }),
    },
    spec: { schedulerName: 'default-scheduler', containers: [container], ...spec },
    status: { phase: 'Pending' },
  };
}

export interface NodeSample {
  labels?: Record<string, string>;
  allocatable?: Record<string, string>;
  spec?: NodeSpec;
}

/** A ready node of 4 cores, 8Gi and 110 pods unless told otherwise. */
export function sampleNode(name: string, { labels, allocatable, spec = {} }: NodeSample = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: `node-uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec,
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable } },
  };
}

/** A cluster of these nodes. */
export function clusterOf(...nodes: Node[]): Cluster {
  const cluster = new Cluster();
  for (const node of nodes) cluster.setNode(node);
  return cluster;
}
