/** A node's mount namespace, pinned to a file so that it outlives the agent: containers' mounts stay while the agent restarts. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.ts';

/** A folder that is seen at another place too. */
export interface Bind {
  from: string;
  to: string;
}

/** Makes what is missing of folders, and binds each unless something is bound there already. Arguments: name, folders in pairs. */
const bindScript = `set -e
while [ $# -gt 0 ]; do
  mkdir -p "$1" "$2"
  mountpoint -q "$2" || mount --bind "$1" "$2"
  shift 2
done
`;

/**
 * Makes the namespace unless the file pins one already, with these folders bound in it. The pin's folder becomes a private mount, as the kernel demands.
 * Outside, nothing is bound; the places are made where they are missing, and stay, as other namespaces may have mounts there.
 */
export async function pinMountNamespace(file: string, binds: readonly Bind[] = []): Promise<void> {
  if (!isMounted(file)) await makeNamespace(file);
  if (binds.length === 0) return;
  const pairs = binds.flatMap(({ from, to }) => [from, to]);
  await run('nsenter', [`--mount=${file}`, 'sh', '-c', bindScript, 'sh', ...pairs]);
}

async function makeNamespace(file: string): Promise<void> {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isMounted(folder)) await run('mount', ['--bind', folder, folder]);
  await run('mount', ['--make-private', folder]);
  closeSync(openSync(file, 'a'));
  await run('unshare', [`--mount=${file}`, '--propagation', 'private', 'true']);
}

/** Lets go of the namespaces pinned in `folder`, and of the folder. They end with the last process inside. */
export async function releaseMountNamespaces(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) while (isMounted(file)) await run('umount', [file]);
  while (isMounted(folder)) await run('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
}

/** Whether something is mounted right at this path. */
export function isMounted(target: string): boolean {
  const escaped = target.replaceAll(' ', '\\040');
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === escaped);
}
