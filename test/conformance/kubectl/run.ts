/** One kubectl at work in a namespace of its own, and what it is given to read. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { runCommand } from '#lib/env/command.ts';
import type { Kubectl } from '../../harness/kubectl.ts';
import type { Space } from '../server.ts';

export interface KubectlRun extends Space {
  minor: number;
  /** Its output; rejects with what it complained of, and with the command. */
  run(...args: string[]): Promise<string>;
  /** What it complains of; rejects when it does not. */
  refuse(...args: string[]): Promise<string>;
  /** Exit code, output and complaints. */
  all(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Its output and complaints with a program as the editor. */
  edit(editor: string, ...args: string[]): Promise<string>;
  /** Leaves it running; resolves with its output once that matches, and ends it. */
  until(pattern: RegExp, args: readonly string[], meanwhile: () => Promise<unknown>): Promise<string>;
  /** Writes a file and answers its path. */
  file(name: string, content: string | object): string;
  /** Removes its files. */
  clear(): void;
}

/** `kubeconfig` is a file; the run's own folder is made beside it. */
export function makeKubectlRun({ command, minor }: Kubectl, space: Space, kubeconfig: string): KubectlRun {
  const folder = mkdtempSync(join(space.api.folder, 'kubectl-'));
  const common = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${folder}/cache`, '-n', space.name];
  const all = (...args: string[]) => runCommand(command, [...common, ...args]);
  const told = (args: readonly string[], { exitCode, stdout, stderr }: Awaited<ReturnType<typeof all>>) =>
    `kubectl ${args.join(' ')} ended with ${exitCode}: ${stderr}${stdout}`;
  return {
    ...space,
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
    async until(pattern, args, meanwhile) {
      const child = spawn(command, [...common, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
      let text = '';
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data: Buffer) => {
          text += data.toString();
          if (pattern.test(text)) resolve(text);
        });
      }
      child.on('error', reject);
      child.on('close', () => reject(new Error(`kubectl ${args.join(' ')} ended after: ${text}`)));
      try {
        await Promise.all([promise, meanwhile()]);
      } finally {
        child.kill('SIGKILL');
      }
      return text;
    },
    file(name, content) {
      const path = join(folder, name);
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o700 });
      return path;
    },
    clear: () => rmSync(folder, { recursive: true }),
  };
}
