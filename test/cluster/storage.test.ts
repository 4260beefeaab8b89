/** Limits of ephemeral storage, heeded by ending the pods that exceed them. */
import assert from 'node:assert/strict';
import { conditionOf } from '#lib/meta/conditions.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('ephemeral storage', function () {
  this.timeout(90_000);
  let place: Place;
  const limited = (limit: string, script: string, more: object = {}) =>
    container(`${script}; ${forever}`, { resources: { limits: { 'ephemeral-storage': limit } }, ...more });
  const write = (file: string) => `dd if=/dev/zero of=${file} bs=1M count=8`;

  suiteSetup(async () => {
    place = await makePlace('storage');
    const volumeMounts = [{ name: 'scratch', mountPath: '/scratch' }];
    await Promise.all([
      place.run('layered', {
        containers: [limited('5Mi', write('/x')), { ...limited('20Mi', 'true'), name: 'other' }],
      }),
      place.run('together', {
        containers: [limited('5Mi', write('/scratch/x'), { volumeMounts })],
        volumes: [{ name: 'scratch', emptyDir: {} }],
      }),
      place.run('modest', { containers: [limited('20Mi', write('/x'))] }),
    ]);
  });
  suiteTeardown(() => place.remove());

  const verdict = async (name: string) => {
    await place.phase(name, 'Failed');
    const { status } = await place.pod(name);
    assert.equal(conditionOf(status?.conditions, 'DisruptionTarget'), undefined);
    return [status?.reason, status?.message];
  };

  test('a container that writes more than it may ends its pod', async () => {
    const message = 'Container app exceeded its local ephemeral storage limit "5Mi". ';
    assert.deepEqual(await verdict('layered'), ['Evicted', message]);
    assert.ok((await place.events('layered')).includes(`Evicted: ${message}`));
  });

  test('what volumes hold counts for the pod as a whole', async () => {
    assert.deepEqual(await verdict('together'), [
      'Evicted',
      'Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ',
    ]);
    assert.equal((await place.pod('modest')).status?.phase, 'Running');
  });
});
