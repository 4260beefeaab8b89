import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { enableAtBoot, renderUnit } from './boot.ts';
import { layoutOf } from './layout.ts';

const folders = { stateRoot: '/var/lib/wherry', runRoot: '/run/wherry' };
const cluster = layoutOf({ name: 'ci', slot: 0, nodes: 1 }, folders);

suite('boot', () => {
  test('renderUnit() starts and ends the cluster by this launcher, with its own folders', () => {
    const unit = renderUnit(cluster, folders);
    const start =
      /^ExecStart=(\S+) up --name ci --state-root \/var\/lib\/wherry --run-root \/run\/wherry --no-kubeconfig$/m.exec(
        unit,
      );
    assert.ok(start, unit);
    assert.ok(existsSync(start[1]!), `${start[1]} exists`);
    assert.match(unit, /^ExecStop=\S+ down --name ci /m);
  });

  // With systemd the test would have to change the machine.
  const runsSystemd = existsSync('/run/systemd/system');
  (runsSystemd ? test.skip : test)(
    `enableAtBoot() says what to do without systemd${runsSystemd ? ' (this machine runs systemd)' : ''}`,
    async () => {
      await assert.rejects(enableAtBoot(cluster, folders), /does not run systemd; have its own init run "wherry up"/);
    },
  );
});
