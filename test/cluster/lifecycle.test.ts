/** The life of pods in its finer points: gates, graces, deadlines, names that do not fit. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import type { PodCondition } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { eventually } from '../harness/cluster.ts';
import { testSinceKubectl } from '../harness/kubectl.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const stubborn = 'trap "echo heard" TERM; while true; do sleep 0.1; done';
const absent = { name: 'settings', configMap: { name: 'absent' } };
const mounted = { volumeMounts: [{ name: 'settings', mountPath: '/settings' }] };

suite('the finer points of a pod’s life', function () {
  this.timeout(90_000);
  let place: Place;
  const condition = async (name: string, type: string): Promise<PodCondition | undefined> =>
    conditionOf((await place.pod(name)).status?.conditions, type);
  const says = (name: string, event: string | RegExp) =>
    eventually(`${name} says ${String(event)}`, async () =>
      (await place.events(name)).some((line) => (typeof event === 'string' ? line === event : event.test(line))),
    );

  suiteSetup(async () => {
    place = await makePlace('lifecycle');
  });
  suiteTeardown(() => place.remove());

  testSinceKubectl(24, 'a pod is ready when those who hold its gates say so, too', async () => {
    const type = 'example.com/lit';
    await place.run('gated', { readinessGates: [{ conditionType: type }], containers: [container(forever)] });
    await eventually('containers ready', async () => (await condition('gated', 'ContainersReady'))?.status === 'True');
    const ready = await condition('gated', 'Ready');
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      ['False', 'ReadinessGatesNotReady', `corresponding condition of pod readiness gate "${type}" does not exist.`],
    );
    const light = (status: string) =>
      place.kubectl(
        ...['patch', 'pod', 'gated', '--subresource=status', '--type=strategic', '-p'],
        JSON.stringify({ status: { conditions: [{ type, status }] } }),
      );
    await light('True');
    await place.ready('gated');
    await light('False');
    const shut = await eventually('not ready again', async () => {
      const now = await condition('gated', 'Ready');
      return now?.status === 'False' && now;
    });
    assert.equal(shut.message, `the status of pod readiness gate "${type}" is not "True", but False`);
  });

  test('a running pod says where it is, since when, and of which class', async () => {
    await place.run('plain', { containers: [container(forever, { resources: { requests: { cpu: '10m' } } })] });
    await place.ready('plain');
    const { status } = await place.pod('plain');
    const node = place.cluster.layout.nodes.find(({ address }) => address === status?.hostIP);
    assert.deepEqual(status?.hostIPs, [{ ip: node?.address }]);
    assert.deepEqual(status?.podIPs, [{ ip: status?.podIP }]);
    assert.equal(status?.qosClass, 'Burstable');
    assert.ok(Date.parse(status?.startTime ?? '') > 0);
    assert.deepEqual(
      status?.conditions?.map(({ type, status: is }) => `${type}=${is}`).toSorted((a, b) => (a < b ? -1 : 1)),
      ['ContainersReady', 'Initialized', 'PodReadyToStartContainers', 'PodScheduled', 'Ready'].map(
        (type) => `${type}=True`,
      ),
    );
  });

  test('a deadline ends a pod that has not even begun', async () => {
    await place.run('waiting', {
      activeDeadlineSeconds: 3,
      containers: [container(forever, mounted)],
      volumes: [absent],
    });
    await eventually('not to be started', async () => {
      const found = await condition('waiting', 'PodReadyToStartContainers');
      return found?.status === 'False';
    });
    await place.phase('waiting', 'Failed');
    const { status } = await place.pod('waiting');
    const message = 'Pod was active on the node longer than the specified deadline';
    assert.deepEqual([status?.reason, status?.message], ['DeadlineExceeded', message]);
    await says('waiting', `DeadlineExceeded: ${message}`);
  });

  test('a probe has a grace of its own', async () => {
    await place.run('impatient', {
      terminationGracePeriodSeconds: 3600,
      containers: [
        container(stubborn, {
          livenessProbe: {
            exec: { command: ['false'] },
            periodSeconds: 1,
            failureThreshold: 1,
            terminationGracePeriodSeconds: 1,
          },
        }),
      ],
    });
    await eventually('another run', async () => ((await place.status('impatient'))?.restartCount ?? 0) > 0);
    assert.equal((await place.status('impatient'))?.lastState?.terminated?.exitCode, 137);
    await place.kubectl('delete', 'pod', 'impatient', '--grace-period=1', '--wait=false');
  });

  test('a pod that is deleted by force is gone at once, and ends on its node soon after', async () => {
    await place.run('forced', { terminationGracePeriodSeconds: 3600, containers: [container(stubborn)] });
    await place.ready('forced');
    const { uid } = (await place.pod('forced')).metadata;
    const nodes = place.cluster.layout.nodes.map(({ cgroupRoot }) => cgroupRoot);
    const hierarchies = existsSync('/sys/fs/cgroup/cgroup.controllers') ? [''] : readdirSync('/sys/fs/cgroup');
    const lives = () =>
      nodes.some((root) =>
        hierarchies.some((each) => existsSync(`/sys/fs/cgroup/${each}${root}/kubepods/besteffort/pod${uid}`)),
      );
    assert.ok(lives());
    await place.kubectl('delete', 'pod', 'forced', '--grace-period=0', '--force');
    assert.equal(await place.kubectl('get', 'pod', 'forced', '--ignore-not-found'), '');
    await eventually('its end', () => !lives());
  });

  test('names and resolvers that do not fit are told of', async () => {
    const long = 'a'.repeat(50);
    await place.run('long', {
      hostname: long,
      subdomain: 'crew',
      setHostnameAsFQDN: true,
      containers: [container(forever)],
    });
    await place.run('many', {
      dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] },
      containers: [container(forever)],
    });
    const full = `${long}.crew.lifecycle.svc.${place.cluster.layout.domain}`;
    await says(
      'long',
      `FailedCreatePodSandBox: Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`,
    );
    assert.equal((await place.pod('long')).status?.phase, 'Pending');
    await place.ready('many');
    const servers = `${place.cluster.layout.dnsAddress} 192.0.2.1 192.0.2.2`;
    await says(
      'many',
      `DNSConfigForming: Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers}`,
    );
    assert.equal((await place.exec('many', 'grep -c nameserver /etc/resolv.conf')).trim(), '3');
  });
});
