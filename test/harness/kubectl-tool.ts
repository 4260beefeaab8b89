/** One kubectl at work in a namespace, and what it is given to read. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { runCommand } from '#lib/env/command.ts';
import type { Kubectl } from './kubectl.ts';

/** A kubectl that goes on until it is ended. */
export interface KubectlSession {
  /** Resolves once what it has said so far matches; rejects when it ends before, or says nothing such for long. */
  see(pattern: RegExp): Promise<RegExpExecArray>;
  write(text: string): void;
  end(): void;
}

export interface KubectlTool {
  minor: number;
  /** Its output; rejects with what it complained of, and with the command. */
  run(...args: string[]): Promise<string>;
  /** What it complains of; rejects when it does not. */
  refuse(...args: string[]): Promise<string>;
  /** Exit code, output and complaints. */
  all(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Its output and complaints with a program as the editor. */
  edit(editor: string, ...args: string[]): Promise<string>;
  /** Leaves it running. */
  start(...args: string[]): KubectlSession;
  /** Writes a file and answers its path. */
  file(name: string, content: string | object): string;
  /** Removes its files. */
  clear(): void;
}

/** Its own folder is made in `folder`; `kubeconfig` is a file. */
export function makeKubectlTool(
  { command, minor }: Kubectl,
  place: { folder: string; kubeconfig: string; namespace: string },
): KubectlTool {
  const folder = mkdtempSync(join(place.folder, 'kubectl-'));
  const common = [`--kubeconfig=${place.kubeconfig}`, `--cache-dir=${folder}/cache`, '-n', place.namespace];
  const all = (...args: string[]) => runCommand(command, [...common, ...args]);
  const told = (args: readonly string[], { exitCode, stdout, stderr }: Awaited<ReturnType<typeof all>>) =>
    `kubectl ${args.join(' ')} ended with ${exitCode}: ${stderr}${stdout}`;
  return {
    minor,
    all,
    async run(...args) {
      const result = await all(...args);
      assert.equal(result.exitCode, 0, told(args, result));
      return result.stdout;
    },
    async refuse(...args) {
      const result = await all(...args);
      assert.notEqual(result.exitCode, 0, told(args, result));
      return result.stderr;
    },
    async edit(editor, ...args) {
      const result = await runCommand('env', [
        `KUBE_EDITOR=${editor}`,
        `TMPDIR=${folder}`,
        command,
        ...common,
        ...args,
      ]);
      assert.equal(result.exitCode, 0, told(args, result));
      return result.stdout + result.stderr;
    },
    start: (...args) => startSession(command, [...common, ...args]),
    file(name, content) {
      const path = join(folder, name);
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o700 });
      return path;
    },
    clear: () => rmSync(folder, { recursive: true }),
  };
}

function startSession(command: string, args: readonly string[]): KubectlSession {
  // A session that nobody ends is ended by its time limit.
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: 30_000 });
  let text = '';
  let ended = false;
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (text += data.toString()));
  child.on('close', () => (ended = true));
  return {
    see: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text);
          if (match) resolve(match);
          else if (ended) reject(new Error(`kubectl ${args.join(' ')} ended after: ${text}`));
          else setTimeout(look, 20);
        };
        look();
      }),
    write: (input) => void child.stdin.write(input),
    end: () => void child.kill('SIGKILL'),
  };
}
