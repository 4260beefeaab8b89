/** Deleting: one, many, with what becomes of dependents. */
import assert from 'node:assert/strict';
import type { KubectlRun } from './run.ts';

export async function remove({ run, refuse, file }: KubectlRun): Promise<void> {
  for (const name of ['a', 'b', 'c', 'd']) await run('create', 'cm', `gone-${name}`);
  assert.match(
    await run('delete', 'cm', 'gone-a', '--dry-run=server'),
    /^configmap "gone-a" deleted.* \(server dry run\)$/m,
  );
  assert.match(await run('delete', 'cm', 'gone-a'), /^configmap "gone-a" deleted/);
  assert.match(await refuse('delete', 'cm', 'gone-a'), /configmaps "gone-a" not found/);
  assert.equal(await run('delete', 'cm', 'gone-a', '--ignore-not-found'), '');
  await run('label', 'cm', 'gone-b', 'gone-c', 'go=1');
  assert.equal((await run('delete', 'cm', '-l', 'go=1', '-o', 'name')).trim(), 'configmap/gone-b\nconfigmap/gone-c');
  await run('delete', 'cm', '--field-selector', 'metadata.name=gone-d');
  assert.equal(await run('get', 'cm', '-o', 'name', '-l', 'go'), '');

  const set = (name: string) => {
    const labels = { app: name };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'registry.local/a' }] } };
    const spec = { replicas: 0, selector: { matchLabels: labels }, template };
    return file(`${name}.json`, { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name }, spec });
  };
  const finalizers = (name: string) => run('get', 'rs', name, '-o', 'jsonpath={.metadata.finalizers}');
  for (const [policy, left] of [
    ['orphan', '["orphan"]'],
    ['foreground', '["foregroundDeletion"]'],
  ] as const) {
    const at = set(policy);
    await run('create', '-f', at);
    assert.match(await run('delete', '-f', at, `--cascade=${policy}`, '--wait=false'), /deleted/);
    // No garbage collector is here to take the finalizer away.
    assert.equal(await finalizers(policy), left);
    await run('patch', 'rs', policy, '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    assert.match(await refuse('get', 'rs', policy), /not found/);
  }
  await run('create', '-f', set('background'));
  assert.match(await run('delete', 'rs/background', '--cascade=background'), /deleted/);

  await run('run', 'doomed', '--image=registry.local/a');
  assert.match(await run('delete', 'pod', 'doomed', '--grace-period=0', '--force'), /pod "doomed" force deleted/);
  await run('create', 'secret', 'generic', 'gone', '--from-literal=a=b');
  assert.match(await run('delete', 'secrets', '--all'), /secret "gone" deleted/);
}
