/** Runs a program to its end. */
import { spawn } from 'node:child_process';

/** A program that ended with another code than 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: number | null;
  readonly stderr: string;

  constructor(command: string, code: number | null, stderr: string) {
    super(`Cannot run ${command}: ended with ${code}: ${stderr.trim().slice(0, 1000)}`);
    this.code = code;
    this.stderr = stderr;
  }
}

/** No command here takes longer; one that hangs is killed. */
const limitMs = 30_000;

/** Resolves to what the program wrote to stdout. */
export function run(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'pipe', timeout: limitMs });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new CommandError([command, ...args].join(' '), code, stderr));
    });
    // A program that ends before it has read everything tells why by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
