import assert from 'node:assert/strict';
import { parseSubmounts } from './mount-table.ts';

const table = String.raw`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /proc rw - proc proc rw
30 22 0:40 / /srv/data rw - tmpfs none rw
31 30 0:41 / /srv/data/a\040b rw shared:3 master:1 - xfs /dev/sdb rw
32 31 0:42 / /srv/data/a\040b/c rw - ext4 /dev/sdc rw
33 31 0:43 / /srv/data/a\040b/c rw - tmpfs none rw
34 22 0:44 / /srv/database rw - ext4 /dev/sdd rw
`;

suite('mount table', () => {
  test('parseSubmounts() finds what is mounted below a folder, and what covers it', () => {
    assert.deepEqual(parseSubmounts(table, '/link', '/srv/data'), [
      { source: '/link', below: 'a b', type: 'xfs' },
      { source: '/link', below: 'a b/c', type: 'tmpfs' },
    ]);
    assert.deepEqual(parseSubmounts(table, '/srv/database', '/srv/database'), []);
    assert.deepEqual(
      parseSubmounts(table, '/', '/').map(({ below }) => below),
      ['proc', 'srv/data', 'srv/data/a b', 'srv/data/a b/c', 'srv/database'],
    );
  });
});
