/** Declared objects: apply from the client's side and from the server's, diff, edit, replace. */
import assert from 'node:assert/strict';
import type { KubectlRun } from './run.ts';

const web = (image: string, replicas: number, more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...more },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image, ports: [{ containerPort: 80 }] }] },
    },
  },
});

export async function declare(kubectl: KubectlRun): Promise<void> {
  await applyFromClient(kubectl);
  await applyFromServer(kubectl);
  await edit(kubectl);
  await replace(kubectl);
}

async function applyFromClient({ run, refuse, all, file, minor }: KubectlRun): Promise<void> {
  const at = file('web.json', web('registry.local/web:1', 2));
  const made = await all('diff', '-f', at);
  assert.equal(made.exitCode, 1, made.stderr);
  assert.match(made.stdout, /^\+ +uid: /m);
  // What is only tried has no version.
  assert.doesNotMatch(made.stdout, /resourceVersion/);
  assert.equal(await run('apply', '-f', at), 'deployment.apps/web created\n');
  assert.equal(await run('apply', '-f', at), 'deployment.apps/web unchanged\n');
  assert.equal((await all('diff', '-f', at)).exitCode, 0);
  file('web.json', web('registry.local/web:2', 2));
  const { exitCode, stdout } = await all('diff', '-f', at);
  assert.equal(exitCode, 1);
  assert.match(stdout, /^- +(- )?image: registry\.local\/web:1$/m);
  assert.match(stdout, /^\+ +(- )?image: registry\.local\/web:2$/m);
  assert.equal(await run('apply', '-f', at, '--dry-run=server'), 'deployment.apps/web configured (server dry run)\n');
  assert.equal(await run('apply', '-f', at), 'deployment.apps/web configured\n');
  assert.equal(
    await run('get', 'deploy/web', '-o', 'jsonpath={.spec.template.spec.containers[0].image} {.metadata.generation}'),
    'registry.local/web:2 2',
  );
  const typo = file('typo.json', { ...web('a', 1), spec: { ...web('a', 1).spec, replica: 3 } });
  // Older ones find it by OpenAPI themselves, newer ones ask the server.
  assert.match(await refuse('apply', '-f', typo), /unknown field "?(spec\.)?replica"?/);
  assert.match(await run('apply', 'view-last-applied', 'deploy/web'), /image: registry\.local\/web:2/);
  // Older ones prune kinds that are no more.
  if (minor >= 27) await prune({ run, file });
}

async function prune({ run, file }: Pick<KubectlRun, 'run' | 'file'>): Promise<void> {
  const map = (name: string) =>
    file(`${name}.json`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { part: 'set' } } });
  await run('create', 'cm', 'never-applied');
  await run('label', 'cm', 'never-applied', 'part=set');
  await run('apply', '-f', map('applied-once'));
  const text = await run('apply', '--prune', '-l', 'part=set', '-f', map('kept'));
  assert.equal(text, 'configmap/kept created\nconfigmap/applied-once pruned\n');
}

async function applyFromServer({ run, refuse, all, file, minor }: KubectlRun): Promise<void> {
  const text = (data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned' }, data });
  const at = file('owned.json', text({ a: '1', b: '1' }));
  const apply = ['apply', '--server-side', '-f', at];
  assert.equal(await run(...apply), 'configmap/owned serverside-applied\n');
  file('owned.json', text({ a: '2', b: '1' }));
  const diff = await all('diff', '--server-side', '-f', at);
  assert.equal(diff.exitCode, 1, diff.stderr);
  assert.match(diff.stdout, /^- +a: "1"$/m);
  assert.match(await refuse(...apply, '--field-manager=other'), /conflict with "kubectl": \.data\.a/);
  assert.match(await run(...apply, '--field-manager=other', '--force-conflicts'), /owned serverside-applied/);
  assert.match(await refuse(...apply.slice(0, 2), '-f', file('mine.json', text({ a: '3' }))), /conflict with "other"/);
  const shown = await run('get', 'cm', 'owned', '-o', 'json', ...(minor >= 21 ? ['--show-managed-fields'] : []));
  const { managedFields } = (JSON.parse(shown) as { metadata: { managedFields: { manager: string }[] } }).metadata;
  assert.deepEqual(managedFields.map(({ manager }) => manager).sort(), ['kubectl', 'other']);
}

async function edit({ run, edit: editBy, file }: KubectlRun): Promise<void> {
  const editor = (script: string) => file('editor', `#!/bin/sh\nsed -i '${script}' "$1"\n`);
  assert.match(await editBy(editor('s/replicas: 2/replicas: 4/'), 'edit', 'deployment', 'web'), /web edited/);
  assert.equal(await run('get', 'deploy', 'web', '-o', 'jsonpath={.spec.replicas}'), '4');
  assert.match(await editBy(editor(''), 'edit', 'deployment', 'web'), /no changes made|cancelled/);
}

async function replace({ run, refuse, file }: KubectlRun): Promise<void> {
  const text = (data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'replaced' }, data });
  const at = file('replaced.json', text({ a: '1' }));
  assert.match(await refuse('replace', '-f', at), /NotFound.*configmaps "replaced" not found/);
  await run('create', '-f', at);
  assert.match(await refuse('create', '-f', at), /AlreadyExists.*configmaps "replaced" already exists/);
  file('replaced.json', text({ b: '2' }));
  assert.equal(await run('replace', '-f', at), 'configmap/replaced replaced\n');
  assert.equal(await run('get', 'cm', 'replaced', '-o', 'jsonpath={.data}'), '{"b":"2"}');
  const uid = () => run('get', 'cm', 'replaced', '-o', 'jsonpath={.metadata.uid}');
  const before = await uid();
  assert.match(await run('replace', '--force', '-f', at), /configmap\/replaced replaced/);
  assert.notEqual(await uid(), before);
}
