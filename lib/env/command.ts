/** Runs the system's programs to their end: the one way in which services and the command line do. */
import { spawn } from 'node:child_process';

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** What a program says beyond this is dropped. */
const mostOutputBytes = 16 * 1024 * 1024;
/** After this a program is taken for stuck and killed, unless its caller knows better. */
const usualLimitMs = 30_000;

/**
 * Resolves when the program has ended, whatever its exit code; code 128 + n when signal n ended it. Rejects when it cannot be run at all. Programs whose own children
 * outlive them must not hand them stdout or stderr, since this waits for both to end.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  input = '',
  limitMs = usualLimitMs,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
      // What programs say is read, so they speak one language.
      env: { ...process.env, LC_ALL: 'C' },
    });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ exitCode: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), stdout: stdout(), stderr: stderr() }),
    );
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** As runCommand(), but rejects when the exit code is not 0. `action` begins the message: `Cannot <action>: <what it said>`. */
export async function demandCommand(
  action: string,
  command: string,
  args: readonly string[],
  input?: string,
  limitMs?: number,
): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(command, args, input, limitMs);
  if (exitCode !== 0)
    throw new Error(`Cannot ${action}: ${stderr.trim() || `${command} ended with exit code ${exitCode}`}`);
  return stdout;
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < mostOutputBytes) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8', 0, mostOutputBytes);
}
