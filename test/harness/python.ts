/** Scripts of Debian's Python that try a client of another making, one case after the other. */
import assert from 'node:assert/strict';
import { runCommand } from '#lib/env/command.ts';

/** Debian's, which has Debian's packages; the first in PATH may be another. */
const python = '/usr/bin/python3';

/**
 * Makes a test of each case. The script runs once, before the first, with arguments that are known by then; it prints `ok NAME` or
 * `failed NAME: why` for each case.
 */
export function pythonCases(script: string, args: () => string[], cases: readonly string[]): void {
  let output: string;

  suiteSetup(async () => {
    const { exitCode, stdout, stderr } = await runCommand(python, ['-B', script, ...args()], '', 50_000);
    assert.equal(exitCode, 0, stderr);
    output = stdout;
  });

  for (const name of cases) {
    test(name.replaceAll('_', ' '), () => {
      const line = output.split('\n').find((text) => new RegExp(`^(ok|failed) ${name}\\b`).test(text));
      assert.equal(line?.replaceAll('\\n', '\n'), `ok ${name}`);
    });
  }
}
