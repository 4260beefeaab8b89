import assert from 'node:assert/strict';
import { refusalOf } from './admit.ts';
import { makeContainer, makePod } from './pods.fixture.ts';

const room = { allocatable: { cpu: '2', memory: '1Gi', pods: '3' }, labels: { disk: 'ssd' } };
const asking = (requests: Record<string, string>) =>
  makePod({ containers: [makeContainer('app', { resources: { requests } })] });

suite('node-agent/lifecycle/admit', () => {
  test('refusalOf() takes what fits and refuses what does not, in upstream words', () => {
    assert.equal(refusalOf(asking({ cpu: '1' }), [asking({ cpu: '1' })], room), undefined);
    assert.deepEqual(refusalOf(asking({ cpu: '1500m' }), [asking({ cpu: '1' })], room), {
      reason: 'OutOfcpu',
      message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    });
    assert.equal(refusalOf(asking({ 'example.com/gpu': '1' }), [], room), undefined);
    assert.equal(refusalOf(makePod(), [makePod(), makePod(), makePod()], room)?.reason, 'OutOfpods');
  });

  test('refusalOf() counts what the walls of pods take beside their containers', () => {
    const walled = { ...asking({ cpu: '1' }), spec: { ...asking({ cpu: '1' }).spec, overhead: { cpu: '250m' } } };
    assert.equal(refusalOf(walled, [asking({ cpu: '750m' })], room), undefined);
    for (const [pod, other] of [
      [walled, asking({ cpu: '1' })],
      [asking({ cpu: '1' }), walled],
    ] as const)
      assert.equal(refusalOf(pod, [other], room)?.reason, 'OutOfcpu');
  });

  test('refusalOf() refuses settings of the kernel that are not safe, and profiles that nothing would enforce', () => {
    const setting = (name: string, more = {}) =>
      refusalOf(makePod({ ...more, securityContext: { sysctls: [{ name, value: '1' }] } }), [], room)?.message;
    assert.equal(setting('kernel.shm_rmid_forced'), undefined);
    assert.equal(setting('net/ipv4/tcp_syncookies'), undefined);
    assert.equal(setting('kernel.msgmax'), 'forbidden sysctl: "kernel.msgmax" not allowlisted');
    assert.equal(
      setting('net.ipv4.tcp_syncookies', { hostNetwork: true }),
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    );
    const allowed = { ...room, allowedSysctls: ['net.core.somaxconn', 'kernel.msg*'] };
    for (const [name, message] of [
      ['net/core/somaxconn', undefined],
      ['kernel.msgmax', undefined],
      ['net.core.somaxconn2', 'forbidden sysctl: "net.core.somaxconn2" not allowlisted'],
    ] as const) {
      const pod = makePod({ securityContext: { sysctls: [{ name, value: '1' }] } });
      assert.equal(refusalOf(pod, [], allowed)?.message, message);
    }
    const profile = (type: 'RuntimeDefault' | 'Unconfined') =>
      refusalOf(makePod({ securityContext: { appArmorProfile: { type } } }), [], room)?.message;
    assert.equal(profile('Unconfined'), undefined);
    assert.equal(profile('RuntimeDefault'), 'Cannot enforce AppArmor: AppArmor is not enabled on the host');
  });

  test('refusalOf() looks at the node selector and at host ports', () => {
    assert.equal(refusalOf(makePod({ nodeSelector: { disk: 'ssd' } }), [], room), undefined);
    assert.equal(refusalOf(makePod({ nodeSelector: { disk: 'hdd' } }), [], room)?.reason, 'NodeAffinity');
    const port = makePod({ containers: [makeContainer('app', { ports: [{ containerPort: 80, hostPort: 80 }] })] });
    assert.equal(refusalOf(port, [port], room)?.reason, 'NodePorts');
    assert.equal(refusalOf(port, [makePod()], room), undefined);
  });
});
