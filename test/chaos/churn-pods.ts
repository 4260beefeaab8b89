/** Pods of many sorts for the churn: what each should come to, and a mark in the command line by which a run of a container is known. */
import type { Container, PodSpec, Volume } from '#lib/kinds/gen/core-v1.ts';
import { testImage } from '../harness/cluster.ts';

/** Where a pod of the sort rests in the end. */
export type Rest = 'running' | 'succeeded' | 'crashing';

export interface Sort {
  rest: Rest;
  spec(grace: number): PodSpec;
}

export const marker = 'churn/';

/** A container whose first process has `churn/<pod uid>/<container>` in its command line. */
function container(name: string, script: string, more: Partial<Container> = {}): Container {
  return {
    name,
    image: testImage,
    command: ['sh', '-c', script, `${marker}$(POD_UID)/${name}`],
    env: [{ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }],
    ...more,
  };
}

const forever = 'trap "exit 0" TERM; while :; do sleep 1; done';
/** Deaf to SIGTERM, so that the grace period runs out. */
const deaf = 'trap "" TERM; while :; do sleep 1; done';

const volumes: Volume[] = [
  { name: 'disk', emptyDir: {} },
  { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
  { name: 'map', configMap: { name: 'churn' } },
  { name: 'secret', secret: { secretName: 'churn' } },
  { name: 'downward', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
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
  { name: 'map', mountPath: '/v/file', subPath: 'a' },
];

export const sorts: Readonly<Record<string, Sort>> = {
  plain: { rest: 'running', spec: (grace) => common(grace, [container('main', forever)]) },
  deaf: { rest: 'running', spec: (grace) => common(Math.min(grace, 1), [container('main', deaf)]) },
  pair: { rest: 'running', spec: (grace) => common(grace, [container('one', forever), container('two', forever)]) },
  init: {
    rest: 'running',
    spec: (grace) => ({
      ...common(grace, [container('main', forever)]),
      initContainers: [
        container('first', 'sleep 0.3'),
        container('side', forever, { restartPolicy: 'Always' }),
        container('second', 'true'),
      ],
    }),
  },
  volumes: {
    rest: 'running',
    spec: (grace) => ({ ...common(grace, [container('main', forever, { volumeMounts })]), volumes }),
  },
  crashing: { rest: 'crashing', spec: (grace) => common(grace, [container('main', 'sleep 0.5; exit 3')]) },
  job: {
    rest: 'succeeded',
    spec: (grace) => ({
      ...common(grace, [
        container('main', '[ -f /v/done ] && exit 0; sleep 0.5; touch /v/done; exit 1', {
          volumeMounts: [{ name: 'disk', mountPath: '/v' }],
        }),
      ]),
      restartPolicy: 'OnFailure',
      volumes: [{ name: 'disk', emptyDir: {} }],
    }),
  },
};

function common(grace: number, containers: Container[]): PodSpec {
  return { containers, terminationGracePeriodSeconds: grace };
}
