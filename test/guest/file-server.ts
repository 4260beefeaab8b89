/** Shows files of this machine to a guest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { eventually } from '../harness/eventually.ts';

/** Where distributions keep what is for QEMU alone. */
const program = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd'].find((file) => existsSync(file));
/** So much of what it complains of is kept. */
const mostComplaint = 4096;

export function hasFileServer(): boolean {
  return program !== undefined;
}

export interface FileServer {
  /** Resolves with its complaints when it has ended. */
  ended: Promise<string>;
  /** Resolves when nothing of it is left. */
  end(): Promise<void>;
}

/** Serves all files of this machine to the one guest that will connect to the socket. Rejects with what the server says when it ends instead. */
export async function serveFiles(socket: string): Promise<FileServer> {
  const options = [`--socket-path=${socket}`, '--rlimit-nofile=0'];
  // What it serves does not change while the guest lives, so the guest may remember it.
  for (const option of ['source=/', 'cache=always', 'sandbox=chroot', 'xattr']) options.push('-o', option);
  // It is several processes: the namespace that they are in ends with its first, and that with us.
  const holder = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--fork', '--kill-child=KILL'];
  const child = spawn(holder[0]!, [...holder.slice(1), program!, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said = `${said}${data.toString()}`.slice(-mostComplaint)));
  const ended = once(child, 'close').then(() => said.trim());
  const end = async () => {
    child.kill('SIGKILL');
    await ended;
    // Killed, it leaves these behind.
    rmSync(socket, { force: true });
    rmSync(`/run/virtiofsd/${socket.replaceAll('/', '.')}.pid`, { force: true });
  };
  const listens = await eventually('the file server listens or ends', () =>
    existsSync(socket) ? 'listens' : child.exitCode !== null && 'ended',
  );
  if (listens === 'listens') return { ended, end };
  await end();
  throw new Error(`Cannot serve files to a guest: ${said.trim()}`);
}
