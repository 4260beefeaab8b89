import assert from 'node:assert/strict';
import { refuseStrangers, resolveUser } from './users.ts';

suite('container users', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\nbroken line\n';
  const group = 'root:x:0:root\nwheel:x:10:root,app\nstaff:x:50:\n';
  const resolve = (user: string, more = {}) => resolveUser({ user, supplementalGroups: [], ...more }, passwd, group);

  test('resolveUser() takes names, numbers and nothing for root', () => {
    assert.deepEqual(resolve(''), { uid: 0, gid: 0, additionalGids: [0, 10] });
    assert.deepEqual(resolve('app'), { uid: 1000, gid: 1001, additionalGids: [10, 1001] });
    assert.deepEqual(resolve('1000'), { uid: 1000, gid: 1001, additionalGids: [10, 1001] });
    assert.deepEqual(resolve('4321'), { uid: 4321, gid: 0, additionalGids: [0] });
  });

  test('resolveUser() lets a group that is named stand alone, and lets the pod add and override', () => {
    assert.deepEqual(resolve('app:staff'), { uid: 1000, gid: 50, additionalGids: [50] });
    assert.deepEqual(resolve('app:77'), { uid: 1000, gid: 77, additionalGids: [77] });
    assert.deepEqual(resolve('app', { runAsGroup: 5, supplementalGroups: [3000, 10] }), {
      uid: 1000,
      gid: 5,
      additionalGids: [5, 10, 3000],
    });
    assert.deepEqual(resolve('app', { strictGroups: true, supplementalGroups: [3000] }).additionalGids, [1001, 3000]);
  });

  test('resolveUser() refuses names the image does not know', () => {
    assert.throws(() => resolve('ghost'), /unable to find user ghost: no matching entries in passwd file/);
    assert.throws(() => resolve('app:ghosts'), /unable to find group ghosts: no matching entries in group file/);
  });

  test('refuseStrangers() takes no user or group that the pod’s namespace does not have', () => {
    const ids = { first: 131_072, count: 65_536 };
    refuseStrangers({ uid: 65_535, gid: 65_535, additionalGids: [0, 65_535] }, ids);
    for (const more of [{ uid: 65_536 }, { gid: 70_000 }, { additionalGids: [0, 100_000] }])
      assert.throws(() => refuseStrangers({ uid: 0, gid: 0, additionalGids: [], ...more }, ids), /is beyond the 65536/);
  });
});
