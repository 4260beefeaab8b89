/** Pods and runs for the tests of this folder. */
import type { Container, Pod, PodSpec, PodStatus } from '#lib/kinds/gen/core-v1.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/types.ts';
import { noNotes } from './types.ts';
import type { Notes, Seen } from './types.ts';

export const startMs = Date.UTC(2026, 0, 1);

export function makePod(spec: Partial<PodSpec> = {}, status?: PodStatus, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'uid-1',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { containers: [makeContainer('app')], ...spec },
    ...(status && { status }),
  };
}

export function makeContainer(name: string, more: Partial<Container> = {}): Container {
  return { name, image: `${name}:1`, ...more };
}

export function makeRun(name: string, more: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: `${name}-${more.attempt ?? 0}`.padEnd(64, '0'),
    name,
    attempt: 0,
    state: 'running',
    image: `${name}:1`,
    imageId: `sha256:${name}`,
    createdAt: startMs,
    startedAt: startMs,
    logPath: '',
    ...more,
  };
}

/** An exited run. */
export function makeEnd(name: string, exitCode = 0, more: Partial<ObservedContainer> = {}): ObservedContainer {
  return makeRun(name, { state: 'exited', exitCode, finishedAt: startMs + 1000, ...more });
}

export function makeSandbox(containers: ObservedContainer[] = [], more: Partial<ObservedPod> = {}): ObservedPod {
  return {
    uid: 'uid-1',
    namespace: 'default',
    name: 'web',
    ready: true,
    createdAt: startMs,
    ips: ['10.1.0.5'],
    containers,
    ...more,
  };
}

export function makeSeen(pod: Pod | undefined, containers?: ObservedContainer[], notes: Partial<Notes> = {}): Seen {
  return {
    pod,
    exists: pod !== undefined,
    observed: containers && makeSandbox(containers),
    notes: { ...noNotes, volumes: {}, ...notes },
  };
}
