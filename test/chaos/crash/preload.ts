/**
 * Loaded before a program (`node --import`), this ends it by SIGKILL at a chosen side effect: a change of the file system, a program started, a signal sent. So every place where a crash
 * could tear something apart can be tried, one after the other. What the program is told by its environment:
 *
 * - `WHERRY_CRASH`: `<when> <number>`: die `before` or `after` the effect of this number, counted from 1, or `amid` a removal of a tree, half of which is gone then.
 * - `WHERRY_CRASH_TRACE`: a file that takes a line for each effect: its number, a tab, what it is.
 *
 * Programs started by it find its pid in `WHERRY_CRASH_PID`, so that they can end it themselves (`shim.sh`).
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';

const [when = '', number = '0'] = (process.env.WHERRY_CRASH ?? '').split(' ');
const at = Number(number);
const traceFile = process.env.WHERRY_CRASH_TRACE;
process.env.WHERRY_CRASH_PID = String(process.pid);

const kill = process.kill.bind(process);
const { existsSync, readdirSync, rmSync, writeSync } = fs;
const trace = traceFile === undefined ? undefined : fs.openSync(traceFile, 'a');
let count = 0;
/** Node.js makes some of these calls of others of them. */
let isWithin = false;

function die(): never {
  kill(process.pid, 'SIGKILL');
  // The signal is delivered before the call returns.
  throw new Error('not reached');
}

function effect<T>(what: string, run: () => T): T {
  const isChosen = ++count === at;
  if (trace !== undefined) writeSync(trace, `${count}\t${what.replaceAll('\n', ' ')}\n`);
  if (isChosen && when === 'before') die();
  isWithin = true;
  const result = unwind(run);
  if (!isChosen || when !== 'after') return result;
  if (result instanceof Promise) return result.finally(die) as T;
  return die();
}

function unwind<T>(run: () => T): T {
  try {
    return run();
  } finally {
    isWithin = false;
  }
}

/** Removes every other file of a tree, and dies. */
function dieAmid(tree: string): void {
  if (when !== 'amid' || count + 1 !== at || !existsSync(tree)) return;
  const files = readdirSync(tree, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  for (const [i, { parentPath, name }] of files.entries()) if (i % 2 === 0) rmSync(path.join(parentPath, name));
  die();
}

type Call = (...args: unknown[]) => unknown;

/** Calls that change nothing are no effects. */
function changes(name: string, [target]: unknown[]): boolean {
  if (typeof target !== 'string') return true;
  if (name.startsWith('mkdir')) return !existsSync(target);
  if (/^(rm|unlink|rmdir)/.test(name)) return existsSync(target);
  return true;
}

function guard(room: Record<string, unknown>, names: readonly string[], label: string): void {
  for (const name of names) {
    const real = (room[name] as Call).bind(room);
    room[name] = (...args: unknown[]) => {
      if (isWithin || !changes(name, args)) return real(...args);
      if (name === 'rm') dieAmid(String(args[0]));
      return effect(`${label}${name} ${args.filter((arg) => typeof arg === 'string').join(' ')}`, () => real(...args));
    };
  }
}

const changing = ['writeFile', 'appendFile', 'mkdir', 'rename', 'rm', 'rmdir', 'unlink', 'symlink', 'link', 'chmod'];
const alsoChanging = ['chown', 'lchown', 'utimes', 'truncate', 'copyFile', 'cp'];
const all = [...changing, ...alsoChanging];
const room = (module: unknown) => module as Record<string, unknown>;
guard(
  room(fs),
  all.map((name) => `${name}Sync`),
  '',
);
guard(room(fs.promises), all, 'await ');
guard(room(process), ['kill'], '');

/** Names what is run with its arguments. */
const running =
  (run: Call): Call =>
  (program, args, ...rest) =>
    effect(`run ${[program, ...(Array.isArray(args) ? args : [])].join(' ')}`, () => run(program, args, ...rest));
const { spawn, execFile } = childProcess;
Object.assign(childProcess, {
  spawn: running(spawn as Call),
  execFile: Object.assign(running(execFile as Call), {
    [promisify.custom]: running(promisify(execFile) as Call),
  }),
});

syncBuiltinESMExports();
