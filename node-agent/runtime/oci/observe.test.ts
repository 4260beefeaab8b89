import assert from 'node:assert/strict';
import { hostsWithPod, observeContainer } from './observe.ts';
import type { ContainerRecord } from './records.ts';

suite('observation', () => {
  test('observeContainer() never lets a container begin after its end', () => {
    const record: ContainerRecord = {
      id: 'c',
      podUid: 'p',
      name: 'n',
      attempt: 0,
      image: 'i',
      imageId: 's',
      createdAt: 1,
      logPath: '/l',
      stopSignal: '',
      tty: false,
      stdin: false,
      bootId: 'b',
    };
    assert.equal(observeContainer(record, undefined).state, 'created');
    const started = { ...record, started: { at: 9, pid: 5 } };
    assert.deepEqual(observeContainer(started, undefined).pid, 5);
    const ended = observeContainer(started, { code: 0, at: 7, oomKilled: false, message: '' });
    assert.deepEqual([ended.state, ended.startedAt, ended.finishedAt], ['exited', 7, 7]);
  });

  test('hostsWithPod() puts the pod before the aliases', () => {
    const hosts = '127.0.0.1\tlocalhost\n\n# Entries added by HostAliases.\n1.2.3.4\tfoo\n';
    assert.equal(
      hostsWithPod(hosts, '10.0.0.9', 'web', 'sub.ns.svc.cluster.local'),
      '127.0.0.1\tlocalhost\n10.0.0.9\tweb.sub.ns.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\tfoo\n',
    );
    assert.equal(hostsWithPod('', '10.0.0.9', 'web', ''), '10.0.0.9\tweb\n');
    assert.equal(hostsWithPod('', '10.0.0.9', 'a.b', 'sub.ns'), '10.0.0.9\ta.b.sub.ns\ta.b\n');
    assert.equal(hostsWithPod('', '10.0.0.9', 'web.sub.ns', 'sub.ns'), '10.0.0.9\tweb.sub.ns\tweb\n');
  });
});
