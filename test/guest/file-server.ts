/** Shows files of this machine to a guest. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { eventually } from '../harness/eventually.ts';

/** Where distributions keep what is for QEMU alone. */
const program = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd'].find((file) => existsSync(file));

export function hasFileServer(): boolean {
  return program !== undefined;
}

/** Serves all files of this machine to the one guest that will connect to the socket; ends by itself when that ends. */
export async function serveFiles(socket: string): Promise<ChildProcess> {
  rmSync(socket, { force: true });
  const options = [`--socket-path=${socket}`, '--rlimit-nofile=0'];
  // What it serves does not change while the guest lives, so the guest may remember it.
  for (const option of ['source=/', 'cache=always', 'sandbox=chroot', 'xattr']) options.push('-o', option);
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program!, ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said = `${said}${data.toString()}`.slice(-4096)));
  await eventually('the file server listens', () => {
    if (child.exitCode !== null) throw new Error(`Cannot serve files to a guest: ${said}`);
    return existsSync(socket);
  });
  return child;
}
