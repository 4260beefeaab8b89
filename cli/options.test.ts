import assert from 'node:assert/strict';
import { parseOptions } from './options.ts';

const user = { home: '/home/jane', kubeconfig: undefined };

suite('options', () => {
  test('parseOptions() reads words and options in any order', () => {
    const options = parseOptions(['image', '--name', 'ci', 'build', '.', '--tag', 'a:1'], user);
    assert.deepEqual(options.words, ['image', 'build', '.']);
    assert.equal(options.name, 'ci');
    assert.equal(options.tag, 'a:1');
    assert.equal(options.userKubeconfig, '/home/jane/.kube/config');
  });

  test('parseOptions() leaves settings alone that are not spoken of', () => {
    const { auditPolicy, nodeConfig } = parseOptions(['up', '--node-config', 'node.yaml'], user);
    assert.deepEqual([auditPolicy, nodeConfig], [undefined, 'node.yaml']);
  });

  test('parseOptions() takes the first file of $KUBECONFIG, and none with --no-kubeconfig', () => {
    assert.equal(parseOptions(['up'], { ...user, kubeconfig: '/a:/b' }).userKubeconfig, '/a');
    assert.equal(parseOptions(['up', '--no-kubeconfig'], user).userKubeconfig, undefined);
  });

  test('parseOptions() refuses what it does not understand with a sentence', () => {
    assert.throws(() => parseOptions(['up', '--nodes', 'two'], user), /--nodes wants a number, not "two"/);
    assert.throws(() => parseOptions(['up', '--name', 'A B'], user), /Cannot use cluster name "A B"/);
    assert.throws(() => parseOptions(['up', '--colour'], user), /Unknown option/);
  });
});
