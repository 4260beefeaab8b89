/** What controllers make of workloads, and the events they tell of it. */
import assert from 'node:assert/strict';
import { makeWorkloads } from './workloads.ts';
import type { Loose, Workloads } from './workloads.ts';

suite('controllers', () => {
  let space: Workloads;
  let apps: string;
  let batch: string;
  suiteSetup(async () => {
    space = await makeWorkloads('controllers');
    apps = `/apis/apps/v1/namespaces/${space.name}`;
    batch = `/apis/batch/v1/namespaces/${space.name}`;
  });

  const template = (app: string, image: string, more: object = {}) => ({
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'c', image }], terminationGracePeriodSeconds: 0, ...more },
  });
  const workload = (name: string, image: string, more: object = {}, pod: object = {}) => ({
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, template: template(name, image, pod), ...more },
  });
  const setImage = (path: string, image: string) =>
    space.patch(path, { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });
  const replicaSets = async (app: string): Promise<Loose[]> =>
    (await space.list(`${apps}/replicasets`, `app=${app}`)).toSorted((a, b) => revisionOf(a) - revisionOf(b));
  const revisionOf = ({ metadata }: Loose) => Number(metadata.annotations['deployment.kubernetes.io/revision']);
  const sizes = async (app: string) => (await replicaSets(app)).map(({ spec }) => spec.replicas);
  const conditionOf = ({ status }: Loose, type: string): Loose =>
    status.conditions?.find((condition: Loose) => condition.type === type);
  const available = (path: string, replicas: number) =>
    space.until(`${path} has ${replicas}`, async () => {
      const { status, metadata } = await space.get(path);
      return (
        status.observedGeneration === metadata.generation &&
        status.availableReplicas === replicas &&
        status.updatedReplicas === replicas &&
        status.replicas === replicas
      );
    });

  test('a rollout that hangs keeps within surge and unavailability, is scaled in proportion, and is said to have timed out', async () => {
    const path = `${apps}/deployments/rolls`;
    await space.create(`${apps}/deployments`, workload('rolls', 'runs', { replicas: 4, progressDeadlineSeconds: 1 }));
    await available(path, 4);
    await setImage(path, 'hangs');
    await space.until('the rollout has timed out', async () => {
      return conditionOf(await space.get(path), 'Progressing')?.reason === 'ProgressDeadlineExceeded';
    });
    assert.deepEqual(await sizes('rolls'), [3, 2]);
    const [, young] = await replicaSets('rolls');
    const deployment = await space.get(path);
    assert.equal(
      conditionOf(deployment, 'Progressing').message,
      `ReplicaSet "${young.metadata.name}" has timed out progressing.`,
    );
    assert.equal(conditionOf(deployment, 'Available').message, 'Deployment has minimum availability.');
    await space.patch(path, { spec: { replicas: 8 } });
    await space.until('it is scaled', async () => String(await sizes('rolls')) === '6,4');
    const events = await space.events('rolls');
    const [old] = await replicaSets('rolls');
    assert.ok(
      events.includes(`ScalingReplicaSet: Scaled up replica set ${old.metadata.name} from 0 to 4`),
      String(events),
    );
    assert.ok(events.includes(`ScalingReplicaSet: Scaled down replica set ${old.metadata.name} from 4 to 3`));
  });

  test('going back to an old template makes its ReplicaSet the newest; history is cut', async () => {
    const path = `${apps}/deployments/back`;
    await space.create(`${apps}/deployments`, workload('back', 'runs', { replicas: 1, revisionHistoryLimit: 1 }));
    await available(path, 1);
    const annotate = (text: string) =>
      space.patch(path, { spec: { template: { metadata: { annotations: { text } } } } });
    await annotate('second');
    await available(path, 1);
    await space.patch(path, { spec: { template: { metadata: { annotations: null } } } });
    await available(path, 1);
    assert.deepEqual((await replicaSets('back')).map(revisionOf), [2, 3]);
    assert.equal((await space.get(path)).metadata.annotations['deployment.kubernetes.io/revision'], '3');
    await annotate('third');
    await available(path, 1);
    await space.until('one old ReplicaSet is left', async () => (await replicaSets('back')).length === 2);
  });

  test('a paused Deployment does not roll, and says that it is paused', async () => {
    const path = `${apps}/deployments/paused`;
    await space.create(`${apps}/deployments`, workload('paused', 'runs', { replicas: 1 }));
    await available(path, 1);
    await space.patch(path, { spec: { paused: true } });
    await setImage(path, 'runs-not');
    await space.until('it is said', async () => {
      return conditionOf(await space.get(path), 'Progressing')?.reason === 'DeploymentPaused';
    });
    assert.deepEqual(await sizes('paused'), [1]);
    await space.patch(path, { spec: { replicas: 2 } });
    await space.until('it is scaled all the same', async () => String(await sizes('paused')) === '2');
  });

  test('a StatefulSet starts its pods in order, with claims of their own, and updates from the last one down', async () => {
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
    };
    const mounts = { containers: [{ name: 'c', image: 'hangs', volumeMounts: [{ name: 'data', mountPath: '/d' }] }] };
    const body = workload('set', '', { replicas: 2, serviceName: 'set', volumeClaimTemplates: [claim] }, mounts);
    await space.create(`${apps}/statefulsets`, body);
    const pods = async () => (await space.list(`${space.path}/pods`, 'app=set')).map(({ metadata }) => metadata.name);
    await space.until('the first pod', async () => (await pods()).length > 0);
    assert.deepEqual(await pods(), ['set-0']);
    const running = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
    await space.patch(`${space.path}/pods/set-0/status`, running);
    await space.until('the second pod', async () => (await pods()).length === 2);
    await space.patch(`${space.path}/pods/set-1/status`, running);
    const claims = await space.list(`${space.path}/persistentvolumeclaims`, 'app=set');
    assert.deepEqual(
      claims.map(({ metadata }) => metadata.name),
      ['data-set-0', 'data-set-1'],
    );
    const { metadata } = await space.get(`${space.path}/pods/set-1`);
    assert.equal(metadata.labels['statefulset.kubernetes.io/pod-name'], 'set-1');
    assert.equal(metadata.labels['apps.kubernetes.io/pod-index'], '1');
    await space.patch(`${apps}/statefulsets/set`, {
      spec: { template: { metadata: { annotations: { new: 'yes' } } } },
    });
    await space.until('the last pod is replaced', async () => {
      const pod = await space.get(`${space.path}/pods/set-1`);
      return pod.kind === 'Pod' && pod.metadata.annotations?.new === 'yes';
    });
    assert.equal((await space.get(`${space.path}/pods/set-0`)).metadata.annotations?.new, undefined);
    const events = await space.events('set');
    assert.ok(events.includes('SuccessfulCreate: create Pod set-0 in StatefulSet set successful'), String(events));
    assert.ok(
      events.includes('SuccessfulCreate: create Claim data-set-0 Pod set-0 in StatefulSet set success'),
      String(events),
    );
    await space.api.ask('DELETE', `${apps}/statefulsets/set`);
  });

  test('Jobs complete, fail, are suspended, and say so', async () => {
    const job = (name: string, image: string, more: object = {}) => ({
      metadata: { name },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] } }, ...more },
    });
    const finished = async (name: string, type: string): Promise<Loose> => {
      await space.until(`${name} is ${type}`, async () => {
        return conditionOf(await space.get(`${batch}/jobs/${name}`), type)?.status === 'True';
      });
      return space.get(`${batch}/jobs/${name}`);
    };
    await space.create(
      `${batch}/jobs`,
      job('done', 'succeeds', { completions: 3, parallelism: 2, completionMode: 'Indexed' }),
    );
    const done = await finished('done', 'Complete');
    assert.deepEqual([done.status.succeeded, done.status.completedIndexes], [3, '0-2']);
    assert.equal(conditionOf(done, 'Complete').message, 'Reached expected number of succeeded pods');
    assert.ok((await space.events('done')).includes('Completed: Job completed'));
    await space.create(`${batch}/jobs`, job('failed', 'fails', { backoffLimit: 0 }));
    const failed = conditionOf(await finished('failed', 'Failed'), 'Failed');
    assert.deepEqual(
      [failed.reason, failed.message],
      ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'],
    );
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await space.create(`${batch}/jobs`, job('ruled', 'fails', { podFailurePolicy: { rules } }));
    const ruled = conditionOf(await finished('ruled', 'Failed'), 'Failed');
    assert.equal(ruled.reason, 'PodFailurePolicy');
    assert.match(
      ruled.message,
      /^Container c for pod controllers\/ruled-\S+ failed with exit code 42 matching FailJob rule at index 0$/,
    );
    await space.create(`${batch}/jobs`, job('waits', 'succeeds', { suspend: true }));
    const waits = await finished('waits', 'Suspended');
    assert.deepEqual([conditionOf(waits, 'Suspended').message, waits.status.startTime], ['Job suspended', undefined]);
    await space.patch(`${batch}/jobs/waits`, { spec: { suspend: false } });
    await finished('waits', 'Complete');
    assert.ok((await space.events('waits')).includes('Resumed: Job resumed'));
  });

  test('objects go with their owners: after them, before them, or not at all', async () => {
    const maps = `${space.path}/configmaps`;
    const owned = async (owner: string, names: string[], more: object = {}) => {
      const { metadata } = (await space.configMap(owner)).body;
      const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid: metadata.uid, ...more }];
      for (const name of names) await space.configMap(name, { ownerReferences });
    };
    const isGone = (name: string) =>
      space.until(`${name} is gone`, async () => (await space.api.ask('GET', `${maps}/${name}`)).code === 404);
    const remove = (name: string, propagationPolicy: string) =>
      space.api.ask('DELETE', `${maps}/${name}`, { body: { propagationPolicy } });
    await owned('background', ['child-1']);
    await remove('background', 'Background');
    await isGone('child-1');
    await owned('orphan', ['child-2']);
    await remove('orphan', 'Orphan');
    await isGone('orphan');
    assert.deepEqual((await space.get(`${maps}/child-2`)).metadata.ownerReferences, undefined);
    await owned('foreground', ['child-3'], { blockOwnerDeletion: true });
    await space.patch(`${maps}/child-3`, { metadata: { finalizers: ['test/wait'] } });
    await remove('foreground', 'Foreground');
    await space.until(
      'the child is being deleted',
      async () => (await space.get(`${maps}/child-3`)).metadata.deletionTimestamp,
    );
    assert.deepEqual((await space.get(`${maps}/foreground`)).metadata.finalizers, ['foregroundDeletion']);
    await space.patch(`${maps}/child-3`, { metadata: { finalizers: null } });
    await isGone('foreground');
  });

  test('an owner in another namespace is no owner', async () => {
    await space.api.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: 'elsewhere' } } });
    const { metadata } = (await space.configMap('at-home')).body;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'at-home', uid: metadata.uid }];
    const away = '/api/v1/namespaces/elsewhere/configmaps';
    await space.create(away, { metadata: { name: 'away', ownerReferences } });
    await space.until('it is collected', async () => (await space.api.ask('GET', `${away}/away`)).code === 404);
    const { items } = await space.get('/api/v1/namespaces/elsewhere/events');
    assert.equal(items[0].reason, 'OwnerRefInvalidNamespace');
    assert.equal(
      items[0].message,
      `ownerRef [v1/ConfigMap, namespace: elsewhere, name: at-home, uid: ${metadata.uid}] does not exist in namespace "elsewhere"`,
    );
  });

  test('a namespace tells what it waits for, takes nothing new, and goes', async () => {
    const path = '/api/v1/namespaces/going';
    await space.create('/api/v1/namespaces', { metadata: { name: 'going' } });
    await space.create(`${path}/configmaps`, { metadata: { name: 'held', finalizers: ['test/hold'] } });
    assert.equal((await space.api.ask('DELETE', path)).body.status.phase, 'Terminating');
    // What goes by itself is counted until it has gone.
    await space.until('it says what remains', async () => {
      const namespace = await space.get(path);
      return (
        conditionOf(namespace, 'NamespaceContentRemaining')?.message ===
          'Some resources are remaining: configmaps. has 1 resource instances' &&
        conditionOf(namespace, 'NamespaceFinalizersRemaining')?.message ===
          'Some content in the namespace has finalizers remaining: test/hold in 1 resource instances'
      );
    });
    const { code, body } = await space.api.ask('POST', `${path}/configmaps`, { body: { metadata: { name: 'new' } } });
    assert.deepEqual(
      [code, body.message],
      [
        403,
        'configmaps "new" is forbidden: unable to create new content in namespace going because it is being terminated',
      ],
    );
    assert.equal(body.details.causes[0].reason, 'NamespaceTerminating');
    await space.patch(`${path}/configmaps/held`, { metadata: { finalizers: null } });
    await space.until('it is gone', async () => (await space.api.ask('GET', path)).code === 404);
  });

  test('a budget counts its pods and refuses the eviction that would break it', async () => {
    await space.create(`${apps}/deployments`, workload('kept', 'runs', { replicas: 2 }));
    const budgets = `/apis/policy/v1/namespaces/${space.name}/poddisruptionbudgets`;
    await space.create(budgets, {
      metadata: { name: 'kept' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'kept' } } },
    });
    await space.until(
      'the budget allows one',
      async () => (await space.get(`${budgets}/kept`)).status?.disruptionsAllowed === 1,
    );
    const [first] = await space.list(`${space.path}/pods`, 'app=kept');
    const evict = (name: string) =>
      space.api.ask('POST', `${space.path}/pods/${name}/eviction`, { body: { metadata: { name } } });
    assert.equal((await evict(first.metadata.name)).code, 201);
    await space.patch(`${budgets}/kept`, { spec: { minAvailable: 2 } });
    await space.until('the budget allows none', async () => {
      const { status, metadata } = await space.get(`${budgets}/kept`);
      return (
        status.observedGeneration === metadata.generation &&
        status.disruptionsAllowed === 0 &&
        status.currentHealthy === 2
      );
    });
    const [other] = await space.list(`${space.path}/pods`, 'app=kept');
    const { code, body } = await evict(other.metadata.name);
    assert.deepEqual([code, body.message], [429, "Cannot evict pod as it would violate the pod's disruption budget."]);
    assert.deepEqual(body.details.causes, [
      { reason: 'DisruptionBudget', message: 'The disruption budget kept needs 2 healthy pods and has 2 currently' },
    ]);
  });
});
