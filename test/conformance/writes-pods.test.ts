/** What pods have beside themselves: bindings, evictions, ephemeral containers, new resources. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

interface PodTraits {
  labels?: object;
  phase?: string;
  ready?: boolean;
  [field: string]: unknown;
}

suite('subresources of pods', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('pod-parts');
    ({ api } = space);
  });

  const pods = (rest = '') => `${space.path}/pods${rest}`;
  const budgets = (rest = '') => `/apis/policy/v1/namespaces/pod-parts/poddisruptionbudgets${rest}`;
  const post = (path: string, body: unknown) => api.ask('POST', path, { body });
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];
  const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

  const makePod = async (name: string, { labels, phase, ready, ...spec }: PodTraits = {}) => {
    const containers = [{ name: 'c', image: 'i' }];
    const { body, code } = await post(pods(), {
      metadata: { name, ...(labels && { labels }) },
      spec: { containers, ...spec },
    });
    assert.equal(code, 201, body.message);
    if (!phase) return body;
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
    return (await space.patch(pods(`/${name}/status`), { status: { phase, conditions } })).body;
  };

  test('bodies of subresources are read as strictly as others', async () => {
    await makePod('strict');
    await api.ask('POST', `${space.path}/serviceaccounts`, { body: { metadata: { name: 'strict' } } });
    const spare: [kind: string, path: string, rest: string][] = [
      ['Binding', pods('/strict/binding'), '"target":{"name":"n1"}'],
      ['Eviction', pods('/strict/eviction'), '"deleteOptions":{}'],
      ['TokenRequest', `${space.path}/serviceaccounts/strict/token`, '"spec":{"audiences":["a"]}'],
    ];
    for (const [kind, path, rest] of spare) {
      const text = `{"metadata":{"name":"strict"},"more":1,${rest},${rest}}`;
      const field = rest.slice(1, rest.indexOf('":'));
      const refused = await post(`${path}?fieldValidation=Strict`, text);
      assert.match(
        `${refused.code} ${refused.body.message}`,
        new RegExp(
          `^400 ${kind} in version "v1" cannot be handled as a ${kind}: strict decoding error: duplicate field "${field}", unknown field "more"$`,
        ),
      );
      const warned = await post(`${path}?dryRun=All`, text);
      assert.deepEqual(
        [warned.code, warned.headers['warning']],
        [201, `299 - "duplicate field \\"${field}\\"", 299 - "unknown field \\"more\\""`],
      );
      const silent = await post(`${path}?dryRun=All&fieldValidation=Ignore`, text);
      assert.deepEqual([silent.code, silent.headers['warning']], [201, undefined]);
      const empty = await post(path, '');
      assert.deepEqual(
        [empty.code, empty.body.message],
        [
          400,
          `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
        ],
      );
    }
  });

  suite('binding', () => {
    const bind = (name: string, more: object = {}, metadata: object = {}, query = '') =>
      post(pods(`/${name}/binding${query}`), { metadata: { name, ...metadata }, target: { name: 'n1' }, ...more });

    test('assigns a node, once, and brings annotations', async () => {
      await makePod('bound');
      const { code, body } = await bind('bound', {}, { annotations: { a: 'b' } });
      assert.deepEqual([code, body], [201, success]);
      const { body: pod } = await api.ask('GET', pods('/bound'));
      assert.deepEqual([pod.spec.nodeName, pod.metadata.annotations], ['n1', { a: 'b' }]);
      assert.equal(pod.status.conditions[0].type, 'PodScheduled');
      assert.deepEqual(told(await bind('bound')), [
        409,
        'Conflict',
        'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"',
      ]);
      const legacy = await makePod('legacy');
      const { metadata } = legacy;
      const done = await post(`${space.path}/bindings`, { metadata: { name: metadata.name }, target: { name: 'n1' } });
      assert.deepEqual([done.code, done.body], [201, success]);
    });

    test('refuses what it cannot assign', async () => {
      const { metadata } = await makePod('free');
      assert.deepEqual(told(await bind('free', { metadata: { name: 'other' } })), [
        400,
        'BadRequest',
        'name in URL does not match name in Binding object',
      ]);
      const untargeted = await bind('free', { target: { kind: 'Pod' } });
      assert.deepEqual([untargeted.code, untargeted.body.reason], [500, undefined]);
      assert.match(
        untargeted.body.message,
        /^\[target\.kind: Unsupported value: "Pod": supported values: .+, target\.name: Required value\]$/,
      );
      assert.deepEqual(told(await bind('free', {}, { uid: 'x' })), [
        409,
        'Conflict',
        `Operation cannot be fulfilled on pods "free": StorageError: invalid object, Code: 4, Key: /registry/pods/pod-parts/free, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: x, UID in object meta: ${metadata.uid}`,
      ]);
      assert.deepEqual(told(await bind('none')), [404, 'NotFound', 'pods "none" not found']);
      await makePod('gated', { schedulingGates: [{ name: 'example.com/wait' }] });
      assert.match((await bind('gated')).body.message, /: pod gated has non-empty \.spec\.schedulingGates$/);
      await space.patch(pods('/free'), { metadata: { finalizers: ['example.com/a'] } });
      await api.ask('DELETE', pods('/free'));
      assert.match((await bind('free')).body.message, /: pod free is being deleted, cannot be assigned to a host$/);
      await space.patch(pods('/free'), { metadata: { finalizers: null } });
    });

    test('a dry run assigns nothing', async () => {
      await makePod('unbound');
      assert.equal((await bind('unbound', {}, {}, '?dryRun=All')).code, 201);
      assert.equal((await api.ask('GET', pods('/unbound'))).body.spec.nodeName, undefined);
    });
  });

  suite('eviction', () => {
    const evict = (name: string, deleteOptions: object = {}, query = '') =>
      post(pods(`/${name}/eviction${query}`), {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
        deleteOptions,
      });
    const makeBudget = async (name: string, status: object, spec: object = {}) => {
      await post(budgets(), {
        metadata: { name },
        spec: { minAvailable: 1, selector: { matchLabels: { guard: name } }, ...spec },
      });
      const { code } = await space.patch(budgets(`/${name}/status`), {
        status: {
          observedGeneration: 1,
          disruptionsAllowed: 0,
          currentHealthy: 1,
          desiredHealthy: 1,
          expectedPods: 1,
          ...status,
        },
      });
      assert.equal(code, 200);
    };
    const causes = ({ body }: Answer) => body.details.causes;
    const refused = "Cannot evict pod as it would violate the pod's disruption budget.";
    const onNode = (guard: string) => ({ labels: { guard }, phase: 'Running', ready: true, nodeName: 'n1' });

    test('deletes a pod, and says so in its status', async () => {
      await makePod('plain', { phase: 'Running', nodeName: 'n1' });
      const { code, body } = await evict('plain', { gracePeriodSeconds: 9 });
      assert.deepEqual([code, body], [201, success]);
      const { body: pod } = await api.ask('GET', pods('/plain'));
      assert.equal(pod.metadata.deletionGracePeriodSeconds, 9);
      const condition = pod.status.conditions.find(({ type }: { type: string }) => type === 'DisruptionTarget');
      assert.deepEqual(
        [condition.status, condition.reason, condition.message],
        ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting'],
      );
      assert.equal((await evict('plain', { gracePeriodSeconds: 0 })).code, 201);
      assert.deepEqual(told(await evict('plain')), [404, 'NotFound', 'pods "plain" not found']);
    });

    test('may be asked for in the older version', async () => {
      await makePod('older', { phase: 'Running' });
      const body = { apiVersion: 'policy/v1beta1', kind: 'Eviction', metadata: { name: 'older' } };
      assert.equal((await post(pods('/older/eviction'), body)).code, 201);
    });

    test('asks the budget that covers a pod', async () => {
      await makeBudget('spent', { disruptionsAllowed: 1 });
      await makePod('first', onNode('spent'));
      await makePod('second', onNode('spent'));
      assert.equal((await evict('first', {}, '?dryRun=All')).code, 201);
      assert.equal((await evict('first', { dryRun: ['All'] })).code, 201);
      assert.equal((await evict('first')).code, 201);
      const { body: budget } = await api.ask('GET', budgets('/spent'));
      assert.equal(budget.status.disruptionsAllowed, 0);
      assert.deepEqual(Object.keys(budget.status.disruptedPods), ['first']);
      const [condition] = budget.status.conditions;
      assert.deepEqual(
        [condition.type, condition.status, condition.reason, condition.observedGeneration],
        ['DisruptionAllowed', 'False', 'InsufficientPods', 1],
      );
      const second = await evict('second');
      assert.deepEqual(told(second), [429, 'TooManyRequests', refused]);
      assert.deepEqual(second.body.details, {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget spent needs 1 healthy pods and has 1 currently',
          },
        ],
      });
      assert.equal(second.headers['retry-after'], undefined);
    });

    test('a budget that is not up to date, or that could not be counted', async () => {
      await makeBudget('behind', { observedGeneration: 0, disruptionsAllowed: 1 });
      await makePod('waits', onNode('behind'));
      const waits = await evict('waits');
      assert.deepEqual(told(waits), [429, 'TooManyRequests', refused]);
      assert.deepEqual(causes(waits), [
        { reason: 'DisruptionBudget', message: 'The disruption budget behind is still being processed by the server.' },
      ]);
      assert.equal(waits.headers['retry-after'], '10');
      await makeBudget('failed', {
        conditions: [
          {
            type: 'DisruptionAllowed',
            status: 'False',
            reason: 'SyncFailed',
            message: 'no controllers',
            lastTransitionTime: '2020-01-01T00:00:00Z',
          },
        ],
      });
      await makePod('unsynced', onNode('failed'));
      assert.deepEqual(causes(await evict('unsynced')), [
        {
          reason: 'DisruptionBudget',
          message:
            'The disruption budget failed does not allow evicting pods currently because it failed sync: no controllers',
        },
      ]);
    });

    test('pods that do not count, and pods that are not ready', async () => {
      await makeBudget('strict', { currentHealthy: 0 });
      for (const phase of ['Pending', 'Succeeded', 'Failed']) {
        const name = phase.toLowerCase();
        await makePod(name, { labels: { guard: 'strict' }, phase });
        assert.equal((await evict(name)).code, 201, phase);
      }
      await makePod('unready', { ...onNode('strict'), ready: false });
      assert.equal((await evict('unready')).code, 429);
      await space.patch(budgets('/strict'), { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } });
      assert.equal((await evict('unready')).code, 201);
      await makeBudget('kept', { currentHealthy: 2 });
      await makePod('spare', { ...onNode('kept'), ready: false });
      assert.equal((await evict('spare')).code, 201);
    });

    test('a pod that two budgets cover', async () => {
      await makeBudget('twice', { disruptionsAllowed: 1 });
      await makeBudget('twice-more', { disruptionsAllowed: 1 }, { selector: { matchLabels: { guard: 'twice' } } });
      await makePod('torn', onNode('twice'));
      assert.deepEqual(told(await evict('torn')), [
        500,
        undefined,
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      ]);
    });

    test('preconditions and names', async () => {
      const pod = await makePod('exact', { phase: 'Running', nodeName: 'n1' });
      const wrong = await evict('exact', { preconditions: { uid: 'x' } });
      assert.equal(wrong.code, 409);
      assert.match(
        wrong.body.message,
        /^Operation cannot be fulfilled on Pod "exact": the UID in the precondition \(x\)/,
      );
      const old = await evict('exact', { preconditions: { resourceVersion: '1' } });
      assert.equal(old.code, 409);
      const body = { metadata: { name: 'another' } };
      assert.deepEqual(told(await post(pods('/exact/eviction'), body)), [
        400,
        'BadRequest',
        'name in URL does not match name in Eviction object',
      ]);
      const { resourceVersion } = pod.metadata;
      assert.equal((await evict('exact', { preconditions: { resourceVersion } })).code, 201);
    });
  });

  test('ephemeral containers are added, and nothing else with them', async () => {
    await makePod('debugged');
    const path = pods('/debugged/ephemeralcontainers');
    const { body: pod } = await api.ask('GET', path);
    const added = { name: 'debug', image: 'tools', targetContainerName: 'c' };
    const change = {
      metadata: { labels: { sly: 'yes' } },
      spec: { ephemeralContainers: [added], containers: [{ name: 'c', image: 'other' }] },
    };
    const type = 'application/strategic-merge-patch+json';
    const { code, body } = await space.patch(path, change, type);
    assert.equal(code, 200, body.message);
    assert.equal(body.spec.ephemeralContainers[0].name, 'debug');
    assert.equal(body.spec.containers[0].image, 'i');
    assert.deepEqual(body.metadata.labels, pod.metadata.labels);
    const removed = await space.patch(path, { spec: { ephemeralContainers: null } });
    assert.equal(removed.code, 422);
    assert.match(removed.body.message, /existing ephemeral containers "debug" may not be removed/);
    const direct = await space.patch(pods('/debugged'), {
      spec: { ephemeralContainers: [added, { ...added, name: 'b' }] },
    });
    assert.equal(direct.code, 422);
  });

  test('resources are changed through resize alone, and nothing else with them', async () => {
    await makePod('sized', { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }] });
    const resources = { requests: { cpu: '200m' } };
    const change = {
      metadata: { labels: { sly: 'yes' } },
      spec: { containers: [{ name: 'c', image: 'x', resources }] },
    };
    const { code, body } = await space.patch(pods('/sized/resize'), change, 'application/strategic-merge-patch+json');
    assert.equal(code, 200, body.message);
    const [container] = body.spec.containers;
    assert.deepEqual([container.resources, container.image, body.metadata.labels], [resources, 'i', undefined]);
    const other = { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '300m' } } }] } };
    const direct = await space.patch(pods('/sized'), other, 'application/strategic-merge-patch+json');
    assert.equal(direct.code, 422);
  });

  test('sidecars are resized as main containers are, other init containers are not', async () => {
    const resources = { requests: { cpu: '100m' } };
    await makePod('accompanied', {
      initContainers: [
        { name: 'side', image: 'i', restartPolicy: 'Always', resources },
        { name: 'init', image: 'i', resources },
      ],
      containers: [{ name: 'c', image: 'i' }],
    });
    const resize = (name: string) => {
      const change = { spec: { initContainers: [{ name, resources: { requests: { cpu: '200m' } } }] } };
      return space.patch(pods('/accompanied/resize'), change, 'application/strategic-merge-patch+json');
    };
    const side = await resize('side');
    assert.equal(side.code, 200, side.body.message);
    assert.deepEqual(side.body.spec.initContainers[0].resources, { requests: { cpu: '200m' } });
    const init = await resize('init');
    assert.equal(init.code, 422);
    assert.match(init.body.message, /spec: Forbidden: resources for non-sidecar init containers are immutable/);
  });

  test('a resize takes nothing away, and has the containers that there are, in their order', async () => {
    const resources = { requests: { cpu: '100m', memory: '1Mi' }, limits: { memory: '2Mi' } };
    const containers = ['a', 'b'].map((name) => ({ name, image: 'i', resources }));
    await makePod('kept', { containers });
    const causes = async (change: object, type = 'application/strategic-merge-patch+json') => {
      const { code, body } = await space.patch(pods('/kept/resize'), change, type);
      assert.equal(code, 422);
      return body.details.causes.map(({ field, message }: Record<string, string>) => `${field}: ${message}`);
    };
    const without = { requests: { cpu: null }, limits: { memory: null } };
    assert.deepEqual(await causes({ spec: { containers: [{ name: 'a', resources: without }] } }), [
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
      'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
    ]);
    const merge = 'application/merge-patch+json';
    assert.deepEqual(await causes({ spec: { containers: containers.toReversed() } }, merge), [
      'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
      'spec.containers[1].name: Forbidden: containers may not be renamed or reordered on resize',
    ]);
    const count = ['spec.containers: Forbidden: containers may not be added or removed on resize'];
    assert.deepEqual(await causes({ spec: { containers: [{ name: 'c', image: 'i' }] } }), count);
    // Both, by the letters of their names.
    const spliced = await causes({ spec: { containers: [{ name: 'a,b', image: 'i', resources }] } }, merge);
    assert.equal(spliced.at(-1), count[0]);
  });
});
