/** Looking: every form of `get`, watches, discovery, `explain`, `describe`, events. */
import assert from 'node:assert/strict';
import type { KubectlRun } from './run.ts';

export async function read(kubectl: KubectlRun): Promise<void> {
  const { run, file, name } = kubectl;
  await run('create', '-f', file('pods.json', { apiVersion: 'v1', kind: 'List', items: pods }));
  const uid = await run('get', 'pod', 'one', '-o', 'jsonpath={.metadata.uid}');
  await run('create', '-f', file('event.json', eventOf(name, uid)));
  await getForms(kubectl);
  await watch(kubectl);
  await learn(kubectl);
  await describe(kubectl);
}

const pod = (name: string, labels: object, image: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: { containers: [{ name: 'c', image, env: [{ name: 'A', value: 'x' }] }] },
});

const pods = [
  pod('one', { tier: 'front', rank: '1' }, 'registry.local/one'),
  pod('two', { tier: 'back', rank: '2' }, 'registry.local/two'),
];

const eventOf = (namespace: string, uid: string) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'one.first' },
  involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'one', namespace, uid },
  reason: 'Noticed',
  message: 'It is there',
  type: 'Normal',
  source: { component: 'test' },
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
  count: 1,
});

async function getForms({ run, refuse, name, minor }: KubectlRun): Promise<void> {
  // Other chapters' pods have no tier.
  const get = (...args: string[]) => run('get', 'pods', ...(args[0] === 'one' ? [] : ['-l', 'tier']), ...args);
  assert.match(await get(), /^NAME +READY +STATUS +RESTARTS +AGE\none +0\/1 +Pending +0 +\d+s\ntwo /);
  assert.match(await get('-o', 'wide'), /NOMINATED NODE +READINESS GATES\n/);
  assert.equal(await get('-o', 'name'), 'pod/one\npod/two\n');
  assert.match(await get('one', '-o', 'yaml'), /^apiVersion: v1\nkind: Pod\nmetadata:\n/);
  const list = JSON.parse(await get('-o', 'json')) as { kind: string; items: { metadata: { name: string } }[] };
  assert.deepEqual([list.kind, list.items.map(({ metadata }) => metadata.name)], ['List', ['one', 'two']]);
  assert.equal(
    await get('-o', 'jsonpath={range .items[*]}{.metadata.name}={.status.phase};{end}'),
    'one=Pending;two=Pending;',
  );
  assert.equal(await get('-o', 'go-template={{range .items}}{{.spec.restartPolicy}} {{end}}'), 'Always Always ');
  const columns = 'custom-columns=N:.metadata.name,I:.spec.containers[*].image';
  assert.match(await get('-o', columns), /^N +I\none +registry\.local\/one\ntwo +registry\.local\/two\n$/);
  assert.match(await get('--show-labels'), /rank=1,tier=front\n/);
  assert.match(await get('-L', 'tier', '--no-headers'), /front\ntwo .* back\n$/);
  assert.equal(await run('get', 'pods', '-l', 'tier in (back),rank!=1', '-o', 'name'), 'pod/two\n');
  assert.equal(await get('--field-selector', 'metadata.name=one,status.phase=Pending', '-o', 'name'), 'pod/one\n');
  assert.match(
    await refuse('get', 'pods', '--field-selector', 'spec.nothing=1'),
    /field label not supported: spec\.nothing/,
  );
  assert.equal(
    await get('--sort-by', '{.spec.containers[0].image}', '--chunk-size=1', '-o', 'name'),
    'pod/one\npod/two\n',
  );
  assert.match(await run('get', 'pods,events,configmaps', '--ignore-not-found'), /pod\/one[^]*Noticed +pod\/one/);
  assert.match(await run('get', 'all'), /pod\/one/);
  assert.match(await run('get', 'namespaces'), new RegExp(`^${name} +Active`, 'm'));
  assert.match(await run('get', '--raw', `/api/v1/namespaces/${name}/pods/one`), /^\{"(kind|apiVersion)":/);
  assert.match(await refuse('get', 'pod', 'none'), /^Error from server \(NotFound\): pods "none" not found\n$/);
  assert.match(await refuse('get', 'unheard-of'), /the server doesn't have a resource type "unheard-of"/);
  if (minor >= 24)
    assert.match(await get('one', '--subresource=status', '-o', 'jsonpath={.status.qosClass}'), /BestEffort/);
}

async function watch({ start, run, file }: KubectlRun): Promise<void> {
  const at = file('watched.json', pod('watched', {}, 'registry.local/watched'));
  const watching = start('get', 'pods', '-w', '--output-watch-events');
  try {
    await watching.see(/^EVENT +NAME[^]*^ADDED +one /m);
    await run('create', '-f', at);
    await run('delete', '-f', at, '--grace-period=0', '--force');
    await watching.see(/^ADDED +watched [^]*^DELETED +watched /m);
  } finally {
    watching.end();
  }
}

async function learn({ run, minor }: KubectlRun): Promise<void> {
  assert.match(await run('version'), /v1\.32\.\d+/);
  const resources = await run('api-resources');
  for (const line of [/^pods +po +v1 +true +Pod$/m, /^events +ev +events\.k8s\.io\/v1 +true +Event$/m]) {
    // The oldest show the group where newer ones show the version.
    if (minor >= 21) assert.match(resources, line);
  }
  assert.match(
    await run('api-resources', '-o', 'wide', '--api-group=apps'),
    /deployments +deploy .*Deployment +.*deletecollection/,
  );
  assert.match(await run('api-versions'), /^apps\/v1\nauthentication\.k8s\.io\/v1\n/m);
  assert.match(await run('explain', 'pod.spec.containers.resources'), /limits\t<map\[string\](Quantity|string)>/);
  assert.match(
    await run('explain', 'hpa', '--recursive', '--api-version=autoscaling/v2'),
    /averageUtilization\t<integer>/,
  );
  assert.match(
    await run('explain', 'cronjob.spec.jobTemplate.spec', '--recursive'),
    /nodeSelectorTerms\t<\[\](Object|NodeSelectorTerm)>/,
  );
}

async function describe({ run, minor }: KubectlRun): Promise<void> {
  const text = await run('describe', 'pod', 'one');
  assert.match(text, /^Labels: +rank=1\n +tier=front$/m);
  assert.match(text, /^ +A: +x$/m);
  assert.match(text, /Normal +Noticed .* It is there/);
  if (minor >= 26) assert.match(await run('events', '--for=pod/one'), /Noticed +Pod\/one +It is there/);
  assert.match(await run('get', 'events', '--field-selector=involvedObject.name=one'), /Noticed +pod\/one/);
}
