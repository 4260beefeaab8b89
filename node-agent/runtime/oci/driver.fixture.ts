/**
 * A process that holds a runtime for tests: it reads one JSON call a line, `{"call": 1, "verb": "list", "args": []}`, and answers each with one line; `{"abort": 1}` gives
 * a call up. Between answers stand lines that tell of changed pods. Tests start it in namespaces of their own, and may kill it.
 */
import { createInterface } from 'node:readline';
import { makeRealEnv } from '#lib/env/real.ts';
import type { StreamSession } from '../types.ts';
import { makeOciRuntime } from './runtime.ts';
import type { OciRuntimeOptions } from './runtime.ts';

const options = JSON.parse(process.argv[2]!) as OciRuntimeOptions;
const env = makeRealEnv({ service: 'runtime-test', level: 'error' });
const runtime = makeOciRuntime(options, env);
const sessions = new Map<string, { session: StreamSession; output: string; ended: Promise<number | string> }>();
const calls = new Map<number, AbortController>();
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
runtime.onChange((changed) => void tell({ changed }));

type Verb = (...args: never[]) => unknown;
type Line = { call: number; verb: string; args: never[] } | { abort: number };
const verbsUnder = (signal: AbortSignal): Record<string, Verb> => ({
  prepareNode: () => runtime.prepareNode(),
  list: (uid?: string) => runtime.list(uid),
  preparePod: (spec) => runtime.preparePod(spec, signal),
  startContainer: (spec) => runtime.startContainer(spec, signal),
  resizePod: (uid, wanted) => runtime.resizePod(uid, wanted),
  stopContainer: (id, graceMs) => runtime.stopContainer(id, graceMs, signal),
  removeContainer: (id) => runtime.removeContainer(id),
  removePod: (uid) => runtime.removePod(uid),
  execSync: (id, command, timeoutMs) => runtime.execSync(id, command, timeoutMs),
  stats: (uid) => runtime.stats(uid),
  podUsage: (uid) => runtime.podUsage(uid),
  layers: (uid) => runtime.layers(uid),
  clearNode: () => runtime.clearNode(),
  reopenLog: (id) => runtime.reopenLog(id),
  /** `how` is 'exec' or 'attach'; the session's output is kept as text. */
  open: async (name: string, how: string, id: string, command: string[], tty: boolean) => {
    const held = { output: '' };
    const keep = (data: Buffer) => {
      held.output += data.toString();
    };
    const sink = { stdout: keep, stderr: keep };
    const session =
      how === 'exec'
        ? await runtime.exec(id, command, { tty, stdin: true }, sink)
        : await runtime.attach(id, { tty, stdin: true }, sink);
    const ended = session.exited.catch(String);
    sessions.set(name, {
      session,
      ended,
      get output() {
        return held.output;
      },
    });
  },
  write: (name: string, text: string) => sessions.get(name)!.session.write(Buffer.from(text)),
  closeStdin: (name: string) => sessions.get(name)!.session.closeStdin(),
  resize: (name: string, width: number, height: number) => sessions.get(name)!.session.resize(width, height),
  output: (name: string) => sessions.get(name)!.output,
  ended: (name: string) => sessions.get(name)!.ended,
  /** Sends text to a port, and answers with what comes back until the end. */
  port: async (uid: string, port: number, text: string) => {
    const stream = await runtime.openPort(uid, port);
    stream.end(text);
    let answer = '';
    for await (const data of stream) answer += String(data);
    return answer;
  },
});

const lines = createInterface({ input: process.stdin });
lines.on('line', (text) => {
  const line = JSON.parse(text) as Line;
  if ('abort' in line) return calls.get(line.abort)?.abort(new Error('given up'));
  const { call, verb, args } = line;
  const controller = new AbortController();
  calls.set(call, controller);
  Promise.resolve()
    .then(() => verbsUnder(controller.signal)[verb]!(...args))
    .then(
      (value) => tell({ call, value }),
      (error: Error & { reason?: string }) => tell({ call, error: { message: error.message, reason: error.reason } }),
    )
    .finally(() => calls.delete(call));
});
// The tests are gone without having closed their bench: nobody else would clear up.
lines.on('close', () => {
  void runtime
    .list()
    .then((pods) => Promise.allSettled(pods.map(({ uid }) => runtime.removePod(uid))))
    .finally(() => process.exit());
});
