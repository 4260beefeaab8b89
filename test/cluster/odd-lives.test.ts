/** Lives of pods that do not go as they should: what is said of them, who runs again, and what can still be looked at. */
import assert from 'node:assert/strict';
import { eventually, testImage } from '../harness/cluster.ts';
import { testSinceKubectl } from '../harness/kubectl.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const often = { periodSeconds: 1, failureThreshold: 1 };
const failing = { ...often, exec: { command: ['false'] } };

suite('pods whose lives go wrong', function () {
  this.timeout(60_000);
  let place: Place;
  const says = (name: string, event: string) =>
    eventually(`${name} says ${event}`, async () => (await place.events(name)).includes(event));

  suiteSetup(async () => {
    place = await makePlace('odd-lives');
  });
  suiteTeardown(() => place.remove());

  test('whoever fails its liveness probe runs again, even if it ends well, unless nothing in its pod does', async () => {
    const probed = { containers: [container(forever, { livenessProbe: failing })] };
    await place.run('retries', { restartPolicy: 'OnFailure', ...probed });
    await place.run('once', { restartPolicy: 'Never', ...probed });
    await place.run('sidecar', {
      restartPolicy: 'Never',
      initContainers: [{ ...container(forever, { livenessProbe: failing }), name: 'beside', restartPolicy: 'Always' }],
      containers: [container(forever)],
    });
    await place.phase('once', 'Succeeded');
    await eventually('another run', async () => ((await place.status('retries'))?.restartCount ?? 0) > 0);
    await eventually(
      'another of the sidecar',
      async () => ((await place.status('sidecar', 'beside'))?.restartCount ?? 0) > 0,
    );
    assert.equal((await place.status('retries'))?.lastState?.terminated?.exitCode, 0);
    assert.equal((await place.pod('retries')).status?.phase, 'Running');
    assert.equal((await place.status('once'))?.restartCount, 0);
    await says('retries', 'Killing: Container app failed liveness probe, will be restarted');
    await says('once', 'Killing: Container app failed liveness probe');
    await says('sidecar', 'Killing: Init container beside failed liveness probe');
  });

  test('a probe that cannot be tried says so, and judges nobody', async () => {
    const timeoutSeconds = 20;
    await place.run('untried', {
      containers: [
        container(forever, {
          livenessProbe: { ...often, timeoutSeconds, exec: { command: ['/no/such/program'] } },
          readinessProbe: { ...often, timeoutSeconds, httpGet: { path: '/', port: 'web' } },
        }),
      ],
    });
    await says('untried', `Unhealthy: Readiness probe errored: couldn't find port "web" in container "app"`);
    const missing = 'exec: "/no/such/program": stat /no/such/program: no such file or directory';
    await says(
      'untried',
      `Unhealthy: Liveness probe errored: failed to exec in container: unable to start container process: ${missing}`,
    );
    const { restartCount, ready, state } = (await place.status('untried'))!;
    assert.deepEqual([restartCount, ready, Object.keys(state!)], [0, false, ['running']]);
  });

  test('a pod that has to end before it began tells so of its containers, and before that of all it waits for', async () => {
    await place.run('never-began', {
      activeDeadlineSeconds: 3,
      containers: [container(forever)],
      volumes: [
        { name: 'settings', configMap: { name: 'absent' } },
        { name: 'hidden', secret: { secretName: 'none' } },
      ],
    });
    await says(
      'never-began',
      'FailedMount: MountVolume.SetUp failed for volume "settings" : configmap "absent" not found',
    );
    await says('never-began', 'FailedMount: MountVolume.SetUp failed for volume "hidden" : secret "none" not found');
    await place.phase('never-began', 'Failed');
    const { terminated } = (await place.status('never-began'))!.state!;
    assert.deepEqual([terminated?.reason, terminated?.exitCode], ['ContainerStatusUnknown', 137]);
    assert.match(await place.kubectl('get', 'pod', 'never-began'), /never-began\s+0\/1\s+ContainerStatusUnknown\s+0/);
  });

  testSinceKubectl(27, 'a pod that is stuck in its beginnings can be looked into', async () => {
    await place.run('stuck', {
      initContainers: [{ ...container(forever), name: 'endless' }],
      containers: [container(forever)],
    });
    await eventually('it is stuck', async () => (await place.status('stuck', 'endless'))?.state?.running);
    const debug = (name: string, image: string, target: string) =>
      place.kubectl(
        ...['debug', 'stuck', `--image=${image}`, '-c', name, `--target=${target}`, '--profile=general', '--'],
        'echo',
        'seen',
      );
    await debug('doctor', testImage, 'endless');
    await eventually('a look', async () => (await place.kubectl('logs', 'stuck', '-c', 'doctor')) === 'seen\n');
    assert.equal((await place.status('stuck', 'doctor'))?.started, undefined);
    await debug('absent', '127.0.0.1:1/none:1', 'endless');
    await debug('early', testImage, 'app');
    await says('stuck', 'BackOff: Back-off pulling image "127.0.0.1:1/none:1"');
    const waits = async (name: string) => (await place.status('stuck', name))?.state?.waiting;
    await eventually(
      'its reason',
      async () => (await waits('early'))?.message === 'unable to find target container app',
    );
    assert.match(await place.kubectl('get', 'pod', 'stuck'), /stuck\s+0\/1\s+Init:0\/1\s+0/);
  });
});
