/**
 * Pods of many sorts for the churn, and what each should come to. Every container leaves a line on the node when it begins, whoever is alive to see it: a run that was begun twice, or never, shows
 * there.
 */
import type { Container, PodSpec, Probe, Volume } from '#lib/kinds/gen/core-v1.ts';
import { testImage } from '../harness/cluster.ts';

/** Where a pod of the sort rests in the end. */
export type Rest = 'running' | 'succeeded' | 'failed' | 'crashing';

export interface Sort {
  rest: Rest;
  /** `number` is different for each pod. */
  spec(grace: number, number: number): PodSpec;
}

/** In the command line of each container's first process: `churn/<pod uid>/<container>`. */
export const marker = 'churn/';

export function markOf(podUid: string, container: string): string {
  return `${marker}${podUid}/${container}`;
}

/** A container that enters itself in the account, and runs a script. */
function container(name: string, script: string, { volumeMounts = [], ...more }: Partial<Container> = {}): Container {
  return {
    name,
    image: testImage,
    command: ['sh', '-c', `echo "$0" >> "/account/$POD_UID"; ${script}`, `${marker}$(POD_UID)/${name}`],
    env: [{ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }],
    volumeMounts: [{ name: 'account', mountPath: '/account' }, ...volumeMounts],
    ...more,
  };
}

/** Costs nothing while it waits. */
const forever = 'trap "exit 0" TERM; sleep 100000 & wait';
/** Deaf to SIGTERM, so that the grace period runs out. */
const deaf = 'trap "" TERM; sleep 100000';

const volumes: Volume[] = [
  { name: 'disk', emptyDir: {} },
  { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
  { name: 'map', configMap: { name: 'churn' } },
  { name: 'secret', secret: { secretName: 'churn' } },
  { name: 'downward', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  { name: 'machine', hostPath: { path: '/etc', type: 'Directory' } },
  {
    name: 'projected',
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
        { configMap: { name: 'churn', items: [{ key: 'a', path: 'sub/a' }] } },
      ],
    },
  },
];
const volumeMounts = [
  ...volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` })),
  { name: 'disk', mountPath: '/v/part', subPath: 'part' },
  { name: 'memory', mountPath: '/v/piece', subPath: 'deep/piece' },
  { name: 'map', mountPath: '/v/file', subPath: 'a' },
];

/** A busy machine may take its time with probes: here they are to be under way, not to fail. */
const probe = (command: string): Probe => ({
  exec: { command: ['sh', '-c', command] },
  periodSeconds: 1,
  timeoutSeconds: 20,
  failureThreshold: 20,
});

const firstHostPort = 20_000;
const mostHostPorts = 10_000;

/** All sorts; their containers' account is in the node's folder `accounts`. */
export function sortsWith(accounts: string): Readonly<Record<string, Sort>> {
  const pod = (
    terminationGracePeriodSeconds: number,
    containers: Container[],
    { volumes: own = [], ...more }: Partial<PodSpec> = {},
  ): PodSpec => ({
    terminationGracePeriodSeconds,
    containers,
    volumes: [{ name: 'account', hostPath: { path: accounts } }, ...own],
    ...more,
  });
  const disk: Volume[] = [{ name: 'disk', emptyDir: {} }];
  return {
    plain: { rest: 'running', spec: (grace) => pod(grace, [container('main', forever)]) },
    patient: { rest: 'running', spec: () => pod(30, [container('main', forever)]) },
    deaf: { rest: 'running', spec: (grace) => pod(Math.min(grace, 1), [container('main', deaf)]) },
    pair: {
      rest: 'running',
      spec: (grace) =>
        pod(grace, [
          container('main', forever, { resources: { requests: { cpu: '1m', memory: '4Mi' } } }),
          container('other', forever, { resources: { requests: { cpu: '2m' } } }),
        ]),
    },
    init: {
      rest: 'running',
      spec: (grace) =>
        pod(grace, [container('main', forever)], {
          initContainers: [
            container('first', 'sleep 0.3'),
            container('side', forever, { restartPolicy: 'Always', startupProbe: probe('true') }),
            container('second', 'true'),
          ],
        }),
    },
    volumes: {
      rest: 'running',
      spec: (grace) => pod(grace, [container('main', forever, { volumeMounts })], { volumes }),
    },
    ports: {
      rest: 'running',
      spec: (grace, number) => {
        const hostPort = firstHostPort + (number % mostHostPorts);
        return pod(grace, [
          container('main', forever, {
            ports: [
              { containerPort: 80, hostPort },
              { containerPort: 53, hostPort, protocol: 'UDP' },
            ],
          }),
        ]);
      },
    },
    hooks: {
      rest: 'running',
      spec: (grace) =>
        pod(grace + 1, [
          container('main', forever, {
            lifecycle: {
              postStart: { exec: { command: ['sleep', '0.2'] } },
              preStop: { exec: { command: ['sleep', '0.3'] } },
            },
          }),
        ]),
    },
    probed: {
      rest: 'running',
      spec: (grace) =>
        pod(grace, [
          container('main', forever, { readinessProbe: probe('sleep 0.1'), livenessProbe: probe('sleep 0.1') }),
        ]),
    },
    shared: {
      rest: 'running',
      spec: (grace) =>
        pod(grace, [container('main', forever), container('other', forever)], { shareProcessNamespace: true }),
    },
    host: { rest: 'running', spec: (grace) => pod(grace, [container('main', forever)], { hostNetwork: true }) },
    crashing: { rest: 'crashing', spec: (grace) => pod(grace, [container('main', 'sleep 0.5; exit 3')]) },
    failing: {
      rest: 'failed',
      spec: (grace) => pod(grace, [container('main', 'sleep 0.3; exit 4')], { restartPolicy: 'Never' }),
    },
    job: {
      rest: 'succeeded',
      spec: (grace) =>
        pod(
          grace,
          [
            container('main', '[ -f /v/done ] && exit 0; sleep 0.5; touch /v/done; exit 1', {
              volumeMounts: [{ name: 'disk', mountPath: '/v' }],
            }),
          ],
          { restartPolicy: 'OnFailure', volumes: disk },
        ),
    },
  };
}

/** What a debugger adds to a pod that runs. */
export const debuggerContainer = { name: 'debugger', image: testImage, command: ['sh', '-c', forever] };
