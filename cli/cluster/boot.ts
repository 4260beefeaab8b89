/** Starting a cluster when the machine does, by systemd. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClusterLayout, Folders } from './layout.ts';
import { run } from './run.ts';

const launcher = fileURLToPath(new URL('../../bin/wherry', import.meta.url));
const unitFile = (cluster: ClusterLayout) => `/etc/systemd/system/${unitName(cluster)}`;

/** Has systemd bring the cluster up at boot and down at shutdown. Throws on a machine that does not run systemd. */
export async function enableAtBoot(cluster: ClusterLayout, folders: Folders): Promise<void> {
  if (!existsSync('/run/systemd/system')) {
    throw new Error(
      'Cannot start the cluster at boot: this machine does not run systemd; have its own init run "wherry up"',
    );
  }
  writeFileSync(unitFile(cluster), renderUnit(cluster, folders));
  await run('systemctl', ['daemon-reload']);
  await run('systemctl', ['enable', unitName(cluster)]);
}

/** Takes that back; a cluster that was not enabled is no fault. */
export async function disableAtBoot(cluster: ClusterLayout): Promise<void> {
  if (!existsSync(unitFile(cluster))) return;
  await run('systemctl', ['disable', unitName(cluster)]);
  rmSync(unitFile(cluster));
  await run('systemctl', ['daemon-reload']);
}

/**
 * The unit's text. The cluster's processes keep themselves running, so systemd only starts and ends them; they must not be killed with
 * the command that started them.
 */
export function renderUnit(cluster: ClusterLayout, { stateRoot, runRoot }: Folders): string {
  const options = `--name ${cluster.name} --state-root ${stateRoot} --run-root ${runRoot} --no-kubeconfig`;
  return `[Unit]
Description=Wherry cluster ${cluster.name}
After=network.target local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=none
Delegate=yes
ExecStart=${launcher} up ${options}
ExecStop=${launcher} down ${options}
TimeoutStartSec=300
TimeoutStopSec=120

[Install]
WantedBy=multi-user.target
`;
}

function unitName({ name }: ClusterLayout): string {
  return `wherry-${name}.service`;
}
