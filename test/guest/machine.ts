/** Starts and ends a guest: with the machine's own processor where that works, else in software. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { qemuArguments } from './arguments.ts';
import type { Accelerator, MachineSpec } from './arguments.ts';
import { serveFiles } from './file-server.ts';

export interface Machine {
  /** Resolves when the guest has ended, with why if it was ended by us. */
  ended: Promise<string | undefined>;
  /** Ends it by force. */
  end(why: string): Promise<void>;
}

export interface Patience {
  /** A guest that has not said its first line by then is given up, for each way of running it. */
  helloMs: Readonly<Record<Accelerator, number>>;
  /** So long it may say nothing. */
  silenceMs: number;
  /** So long it may live. */
  lifeMs: number;
}

/** The end of what QEMU complains of is kept. */
const mostComplaint = 4096;
const mostLastWords = 100;
const afterlifeMs = 5000;

/** The last of what a guest said on its console. */
export function lastWords(spec: Pick<MachineSpec, 'console'>): string {
  return existsSync(spec.console)
    ? readFileSync(spec.console, 'utf8').split('\n').slice(-mostLastWords).join('\n')
    : '';
}

/**
 * Resolves once the guest has said its first line; `onLine` hears that and every further one. A /dev/kvm proves nothing: there are those on which QEMU gives up, and
 * those on which a guest never says a word. Rejects when no way leads to a first line.
 */
export async function startMachine(
  spec: Omit<MachineSpec, 'accelerator'>,
  patience: Patience,
  onLine: (line: string) => void,
): Promise<Machine> {
  const ways: Accelerator[] = existsSync('/dev/kvm') ? ['kvm', 'tcg'] : ['tcg'];
  const refusals: string[] = [];
  for (const accelerator of ways) {
    const machine = await tryMachine({ ...spec, accelerator }, patience, onLine);
    if (typeof machine !== 'string') return machine;
    refusals.push(`${accelerator}: ${machine}`);
  }
  throw new Error(`Cannot start a guest: ${refusals.join('\n')}\n${lastWords(spec)}`);
}

/** The machine, or why there is none. */
async function tryMachine(
  spec: MachineSpec,
  { helloMs, silenceMs, lifeMs }: Patience,
  onLine: (line: string) => void,
): Promise<Machine | string> {
  const files = await serveFiles(spec.files);
  // Neither outlives us, however we end.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...qemuArguments(spec)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  let why: string | undefined;
  const give = (reason: string) => {
    why ??= reason;
    qemu.kill('SIGKILL');
  };
  // Without its files a guest hangs. A guest that ends takes its server with it, which may be heard of first.
  void files.ended.then((said) => setTimeout(() => give(`its file server ended: ${said}`), afterlifeMs).unref());
  let watchdog = setTimeout(() => give('it never said a word'), helloMs[spec.accelerator]);
  const lifetime = setTimeout(() => give(`it was not done within ${lifeMs / 1000} s`), lifeMs);
  qemu.stderr.on('data', (data: Buffer) => (complaint = `${complaint}${data.toString()}`.slice(-mostComplaint)));
  const ended = new Promise<string | undefined>((resolve) => {
    qemu.on('close', () => {
      clearTimeout(watchdog);
      clearTimeout(lifetime);
      void files.end().then(() => resolve(why));
    });
  });
  const spoke = new Promise<true>((resolve) => {
    createInterface({ input: qemu.stdout }).on('line', (line) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => give(`it said nothing for ${silenceMs / 1000} s`), silenceMs);
      onLine(line);
      resolve(true);
    });
  });
  if ((await Promise.race([spoke, ended])) !== true) return why ?? complaint.trim();
  return {
    ended,
    async end(reason) {
      give(reason);
      await ended;
    },
  };
}
