/** Requests gone wrong at random: each is answered well, and the server stays as it was. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse } from 'yaml';
import { kinds } from '#lib/kinds/index.ts';
import { arbitraryBody } from '#lib/kinds/testing/arbitrary.ts';
import { decodeEnvelope, encodeEnvelope } from '../../apiserver/rest/protobuf.ts';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeChance, mutateBytes, mutateValue } from './mutations.ts';
import type { Chance } from './mutations.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const rounds = 2000;
const atOnce = 8;
/** However slow the machine, no more than this. */
const limitMs = 8000;

/** What the process may grow by; a leak of a request each would be more. */
const growthBytes = 400 * 1024 * 1024;
/** No request may go without an answer for longer. */
const answerMs = 15_000;

/** No single request may keep others waiting for longer. */
const stillMs = 5000;

const protobufType = 'application/vnd.kubernetes.protobuf';
const asTable = 'as=Table;g=meta.k8s.io;v=v1';
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

interface Attempt {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer;
}

/** The same seed makes the same requests. */
const seed = Number(process.env['WHERRY_TEST_SEED'] ?? Date.now() % 1_000_000);

suite(`fuzz (WHERRY_TEST_SEED=${seed})`, () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('fuzz');
    ({ api } = space);
  });

  test('mutated bodies, patches, queries and paths are each answered by a success or a Status', async function () {
    this.timeout(60_000);
    const chance = makeChance(seed);
    const targets = await makeTargets();
    const beforeBytes = process.memoryUsage().rss;
    const stills = watchLoop();
    const end = performance.now() + limitMs;
    let round = 0;
    const work = async () => {
      while (round++ < rounds && performance.now() < end) {
        const attempt = attemptAt(chance, chance.pick(targets));
        const told = () =>
          `With seed ${seed}: ${JSON.stringify({ ...attempt, body: attempt.body?.toString('base64') })}`;
        try {
          const { method, path, ...options } = attempt;
          const answer = await within(api.ask(method, path, options), answerMs);
          if (method !== 'HEAD') check(answer);
        } catch (error) {
          throw new Error(told(), { cause: error });
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const worstMs = stills();
    assert.ok(worstMs < stillMs, `With seed ${seed}: the server stood still for ${worstMs} ms`);
    const grown = process.memoryUsage().rss - beforeBytes;
    assert.ok(grown < growthBytes, `With seed ${seed}: the process grew by ${grown} bytes`);
    assert.equal((await api.ask('GET', '/readyz')).code, 200);
    assert.equal(({} as Record<string, unknown>)['a'], undefined);
  });

  test('objects of every kind, made up at random, are written and read in every format', async function () {
    this.timeout(60_000);
    const end = performance.now() + limitMs;
    for (const kind of kinds) {
      if (!kind.verbs.includes('create') || performance.now() > end) continue;
      const root = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
      const collection = `${root}${kind.namespaced ? `/namespaces/${space.name}` : ''}/${kind.plural}`;
      const patch = `${collection}/some?fieldManager=fuzz&force=true&dryRun=All`;
      for (const body of fc.sample(arbitraryBody(kind), { numRuns: 6, seed })) {
        const told = `${kind.kind}: ${JSON.stringify(body)}`;
        const asked = [
          api.ask('POST', `${collection}?dryRun=All`, { body }),
          api.ask('PATCH', patch, { body, headers: { 'content-type': 'application/apply-patch+yaml' } }),
        ];
        for (const answer of await Promise.all(asked)) check(answer, told);
        // What belongs to the whole cluster would concern other suites.
        if (!kind.namespaced) continue;
        const made = await api.ask('POST', collection, { body });
        check(made, told);
        if (made.code !== 201 || !kind.verbs.includes('get')) continue;
        const object = `${collection}/${made.body.metadata.name}`;
        const reads = [`application/json;${asTable}`, 'application/yaml', protobufType].map((accept) =>
          api.ask('GET', object, { headers: { accept } }),
        );
        for (const answer of await Promise.all(reads)) assert.equal(answer.code, 200, told);
        await api.ask('DELETE', `${object}?gracePeriodSeconds=0`);
      }
    }
  });

  function check({ code, headers, bytes, body }: Answer, told = ''): void {
    const type = String(headers['content-type']);
    if (code < 400 || type.startsWith('text/plain')) return;
    const isYaml = type.startsWith('application/yaml');
    const status = type.startsWith(protobufType) ? decodeEnvelope(bytes) : isYaml ? parse(bytes.toString()) : body;
    // Upstream has no reason, and so no code of its own, for some of its refusals; a fault of ours is an InternalError.
    assert.ok(code < 500 || code === 504 || status.reason === undefined, `${code} ${bytes.toString()} ${told}`);
    assert.deepEqual([status.kind, status.status, status.code], ['Status', 'Failure', code]);
    assert.ok(status.message.length > 0);
  }

  /** How long the loop stood still at most, when it is asked. */
  function watchLoop(): () => number {
    let seenAt = performance.now();
    let worstMs = 0;
    const timer = setInterval(() => {
      worstMs = Math.max(worstMs, performance.now() - seenAt);
      seenAt = performance.now();
    }, 10);
    return () => {
      clearInterval(timer);
      return worstMs;
    };
  }

  interface Target {
    collection: string;
    object: { apiVersion: string; kind: string; metadata: { name: string } };
  }

  /** Objects of several kinds, which exist. */
  async function makeTargets(): Promise<Target[]> {
    const template = {
      metadata: { labels: { app: 'x' } },
      spec: {
        containers: [
          {
            name: 'c',
            image: 'i',
            ports: [{ containerPort: 80 }],
            env: [{ name: 'A', value: 'b' }],
            resources: { limits: { cpu: '1' } },
            livenessProbe: { httpGet: { port: 80 } },
          },
        ],
        volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
        tolerations: [{ operator: 'Exists' }],
      },
    };
    const selector = { matchLabels: { app: 'x' } };
    const ports = [{ port: 80, targetPort: 'http' }];
    const bodies: [string, string, string, object][] = [
      [space.path, 'configmaps', 'v1 ConfigMap', { data: { a: 'b' }, binaryData: { c: 'eA==' } }],
      [space.path, 'secrets', 'v1 Secret', { data: { a: 'eA==' }, type: 'Opaque' }],
      [space.path, 'pods', 'v1 Pod', { spec: template.spec }],
      [space.path, 'services', 'v1 Service', { spec: { ports, selector: { app: 'x' } } }],
      [space.path, 'resourcequotas', 'v1 ResourceQuota', { spec: { hard: { cpu: '1k' } } }],
      [apis('apps'), 'deployments', 'apps/v1 Deployment', { spec: { selector, template, replicas: 1 } }],
      [
        apis('batch'),
        'jobs',
        'batch/v1 Job',
        { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
      ],
      [
        apis('batch'),
        'cronjobs',
        'batch/v1 CronJob',
        { spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { template } } } },
      ],
      [
        apis('rbac.authorization.k8s.io'),
        'roles',
        'rbac.authorization.k8s.io/v1 Role',
        { rules: [{ verbs: ['get'] }] },
      ],
      [
        apis('networking.k8s.io'),
        'networkpolicies',
        'networking.k8s.io/v1 NetworkPolicy',
        { spec: { podSelector: selector } },
      ],
      [apis('coordination.k8s.io'), 'leases', 'coordination.k8s.io/v1 Lease', { spec: { holderIdentity: 'x' } }],
    ];
    return Promise.all(
      bodies.map(async ([base, plural, type, rest]) => {
        const [apiVersion = '', kind = ''] = type.split(' ');
        const object = { apiVersion, kind, metadata: { name: 'target' }, ...rest };
        await api.ask('POST', `${base}/${plural}`, { body: object });
        return { collection: `${base}/${plural}`, object };
      }),
    );
  }

  function apis(group: string): string {
    return `/apis/${group}/v1/namespaces/${space.name}`;
  }
});

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`No answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function attemptAt(chance: Chance, { collection, object }: { collection: string; object: object }): Attempt {
  const path = `${collection}/target${chance.is(0.2) ? chance.pick(['/status', '/scale', '/eviction', '/token', '/binding']) : ''}`;
  const attempts: (() => Attempt)[] = [
    () => withBody(chance, chance.is(0.5) ? 'POST' : 'PUT', chance.is(0.5) ? collection : path, object),
    () => withBody(chance, 'POST', collection, object),
    () => withBody(chance, 'PUT', path, object),
    () => withPatch(chance, path, object),
    () => withPatch(chance, path, object),
    () => ({
      method: 'GET',
      path: `${chance.pick([collection, path])}?${oddQuery(chance)}`,
      headers: oddHeaders(chance),
    }),
    () => ({
      method: chance.pick(['GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']),
      path: oddPath(chance, path),
      headers: oddHeaders(chance),
    }),
    () => ({
      method: 'DELETE',
      path: `${collection}/none?${oddQuery(chance)}`,
      headers: oddHeaders(chance),
      body: Buffer.from(JSON.stringify(mutateValue({ gracePeriodSeconds: 1, preconditions: { uid: 'x' } }, chance))),
    }),
  ];
  return chance.pick(attempts)();
}

function withBody(chance: Chance, method: string, path: string, object: object): Attempt {
  const mutated = mutateValue(object, chance);
  const query = chance.is(0.3) ? `?${oddQuery(chance)}` : '';
  const attempt = (type: string, body: Buffer): Attempt => ({
    method,
    path: path + query,
    headers: { ...oddHeaders(chance), 'content-type': type },
    body,
  });
  switch (chance.below(4)) {
    case 0:
      return attempt('application/json', mutateBytes(Buffer.from(JSON.stringify(object)), chance));
    case 1:
      return attempt(chance.pick(['application/json', 'application/yaml']), Buffer.from(JSON.stringify(mutated)));
    case 2:
      return attempt('application/yaml', mutateBytes(Buffer.from(JSON.stringify(object, null, 1)), chance));
    default:
      return attempt(
        protobufType,
        mutateBytes(encodeEnvelope(object as { apiVersion: string; kind: string })!, chance),
      );
  }
}

function withPatch(chance: Chance, path: string, object: object): Attempt {
  const type = chance.pick(patchTypes);
  const operation = {
    op: chance.pick(['add', 'remove', 'replace', 'test', 'move', 'copy']),
    path: chance.pick([
      '',
      '/',
      '/metadata',
      '/metadata/labels/a',
      '/spec/containers/-1',
      '/spec/containers/9e9',
      '/a~2b',
      'x',
    ]),
    from: '/metadata/name',
    value: mutateValue('x', chance),
  };
  const patch = mutateValue(type.includes('json-patch') ? [operation, { ...operation }] : object, chance);
  const text = Buffer.from(JSON.stringify(patch) ?? 'null');
  return {
    method: 'PATCH',
    path: `${path}?fieldManager=fuzz&force=true&${oddQuery(chance)}`,
    headers: { ...oddHeaders(chance), 'content-type': type },
    body: chance.is(0.3) ? mutateBytes(text, chance) : text,
  };
}

const parameters = [
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'labelSelector',
  'fieldSelector',
  'fieldValidation',
  'fieldManager',
  'dryRun',
  'pretty',
  'gracePeriodSeconds',
  'propagationPolicy',
  'orphanDependents',
  'includeObject',
  'force',
];
const values = [
  '',
  '0',
  '-1',
  '1',
  'true',
  'All',
  'x',
  'a=b',
  'a in (b',
  '!',
  'a=%2C%5C',
  '%00',
  '%zz',
  '%ff%fe',
  '9'.repeat(25),
  'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYSJ9',
  'Exact',
  'NotOlderThan',
  'Strict',
  'Warn',
  'metadata.name=target',
  '__proto__=a',
  'x'.repeat(2000),
];

function oddQuery(chance: Chance): string {
  const count = chance.below(4);
  return Array.from({ length: count }, () => `${chance.pick(parameters)}=${chance.pick(values)}`).join('&');
}

function oddHeaders(chance: Chance): Record<string, string> {
  const accepts = [
    'application/json',
    'application/yaml',
    protobufType,
    `${protobufType},application/json`,
    'application/json;as=Table;g=meta.k8s.io;v=v1',
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    '*/*;q=x,;;=,a/b/c',
    'text/html',
  ];
  return {
    ...(chance.is(0.5) && { accept: chance.pick(accepts) }),
    ...(chance.is(0.1) && { 'accept-encoding': 'gzip' }),
    ...(chance.is(0.1) && { 'impersonate-user': chance.pick(['', 'x', 'system:anonymous']) }),
  };
}

function oddPath(chance: Chance, path: string): string {
  const parts = path.split('/');
  const segments = ['', '.', '..', '%2e%2e', '%2f', '%00', '%', '%zz', '__proto__', 'status', 'x'.repeat(300)];
  for (let times = 1 + chance.below(2); times > 0; times--) {
    parts.splice(1 + chance.below(parts.length), chance.below(2), chance.pick(segments));
  }
  return parts
    .join('/')
    .replace(/^[^/]*/, '')
    .replace(/^$/, '/');
}
