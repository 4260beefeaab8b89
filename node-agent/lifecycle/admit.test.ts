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
      message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    });
    assert.equal(refusalOf(asking({ 'example.com/gpu': '1' }), [], room), undefined);
    assert.equal(refusalOf(makePod(), [makePod(), makePod(), makePod()], room)?.reason, 'OutOfpods');
  });

  test('refusalOf() looks at the node selector and at host ports', () => {
    assert.equal(refusalOf(makePod({ nodeSelector: { disk: 'ssd' } }), [], room), undefined);
    assert.equal(refusalOf(makePod({ nodeSelector: { disk: 'hdd' } }), [], room)?.reason, 'NodeAffinity');
    const port = makePod({ containers: [makeContainer('app', { ports: [{ containerPort: 80, hostPort: 80 }] })] });
    assert.equal(refusalOf(port, [port], room)?.reason, 'NodePorts');
    assert.equal(refusalOf(port, [makePod()], room), undefined);
  });
});
