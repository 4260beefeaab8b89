import assert from 'node:assert/strict';
import { pod } from '#lib/kinds/pod.ts';
import { runtimeClass as kind } from '#lib/kinds/runtime-class.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { runtimeClass } from './runtime-class.ts';

const toleration = { key: 'vm', operator: 'Exists' };
const look = lookOf(
  [
    kind,
    objectOf(kind, 'vm', {
      handler: 'microvm',
      overhead: { podFixed: { memory: '128Mi' } },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [toleration] },
    }),
  ],
  [kind, objectOf(kind, 'plain', { handler: 'oci' })],
);
const ask = (spec: object) => {
  const request = requestOf(pod, objectOf(pod, 'p', { spec: { containers: [], ...spec } }));
  return { text: refusalBy(runtimeClass, request, look), spec: request.object['spec'] };
};

suite('runtimeClass', () => {
  test('brings overhead and scheduling along', () => {
    const { text, spec } = ask({ runtimeClassName: 'vm', nodeSelector: { disk: 'ssd' }, tolerations: [toleration] });
    assert.equal(text, '');
    assert.deepEqual(spec, {
      containers: [],
      runtimeClassName: 'vm',
      overhead: { memory: '128Mi' },
      nodeSelector: { disk: 'ssd', vm: 'yes' },
      tolerations: [toleration],
    });
    assert.deepEqual(ask({ runtimeClassName: 'plain' }).spec, { containers: [], runtimeClassName: 'plain' });
  });

  test('refuses what does not agree with the class', () => {
    const start = 'pods "p" is forbidden: ';
    const other = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
    const unasked = 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';
    assert.equal(ask({ runtimeClassName: 'no' }).text, `${start}pod rejected: RuntimeClass "no" not found`);
    assert.equal(ask({ runtimeClassName: 'vm', overhead: { memory: '1Mi' } }).text, start + other);
    assert.equal(ask({ runtimeClassName: 'vm', overhead: { memory: '131072Ki' } }).text, '');
    assert.equal(ask({ overhead: { memory: '1Mi' } }).text, start + unasked);
    assert.equal(
      ask({ runtimeClassName: 'vm', nodeSelector: { vm: 'no' } }).text,
      `${start}conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no`,
    );
  });
});
