/** A namespace of a suite's own in the shared cluster, with what most suites do in it. */
import type { ContainerStatus, EventList, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { sharedCluster } from './shared.ts';

/** A script that lives until it is asked to end, and then ends at once. */
export const forever = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

export interface Place {
  cluster: TestCluster;
  namespace: string;
  kubectl(...args: string[]): Promise<string>;
  /** Makes a pod that is given a second to end. */
  run(name: string, spec: Partial<PodSpec>, metadata?: object): Promise<string>;
  pod(name: string): Promise<Pod>;
  /** The status of a container of whatever sort; of the first main one when none is named. */
  status(name: string, container?: string): Promise<ContainerStatus | undefined>;
  /** Runs a script in a container; resolves with what it wrote. */
  exec(name: string, script: string, container?: string): Promise<string>;
  phase(name: string, wanted: string): Promise<true>;
  /** The pod runs and all of it is ready. */
  ready(name: string): Promise<true>;
  /** `reason: message` of each event about a pod, in the order they were first seen. */
  events(name: string): Promise<string[]>;
  remove(): Promise<unknown>;
}

/** Makes the namespace; resolves once pods can be made in it. */
export async function makePlace(namespace: string): Promise<Place> {
  const cluster = await sharedCluster();
  await cluster.kubectl('create', 'namespace', namespace);
  const kubectl = (...args: string[]) => cluster.kubectl('-n', namespace, ...args);
  const pod = (name: string) => cluster.get<Pod>('pod', name, '-n', namespace);
  await eventually('the default account', () => kubectl('get', 'serviceaccount', 'default'));
  return {
    cluster,
    namespace,
    kubectl,
    pod,
    run: (name, spec, metadata = {}) =>
      cluster.apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace, labels: { app: name }, ...metadata },
        spec: { terminationGracePeriodSeconds: 1, ...spec },
      }),
    async status(name, container) {
      const { status = {} } = await pod(name);
      if (container === undefined) return status.containerStatuses?.[0];
      const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status;
      return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(
        (item) => item.name === container,
      );
    },
    exec: (name, script, container) =>
      kubectl('exec', name, ...(container === undefined ? [] : ['-c', container]), '--', 'sh', '-c', script),
    phase: (name, wanted) => eventually(`${name} is ${wanted}`, async () => (await pod(name)).status?.phase === wanted),
    ready: (name) =>
      eventually(`${name} is ready`, async () =>
        (await pod(name)).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      ).then(() => true),
    async events(name) {
      const { items } = await cluster.get<EventList>(
        'events',
        '-n',
        namespace,
        `--field-selector=involvedObject.name=${name}`,
      );
      return items.map(({ reason, message }) => `${reason}: ${message}`);
    },
    remove: () => kubectl('delete', 'namespace', namespace, '--wait=false'),
  };
}

/** A container of the test image that runs a script. */
export function container(script: string, more: object = {}): PodSpec['containers'][number] {
  return { name: 'app', image: testImage, command: ['sh', '-c', script], ...more };
}
