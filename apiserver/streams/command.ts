/** Exec and attach: joins a client's streams with a node's. Both directions wait for the slower side; nothing is collected. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { ExecOutput } from '#protos/gen/node.ts';
import type { StartedCommand } from './command-start.ts';
import { nodeFailure } from './node-connection.ts';
import { statusOfError, statusOfExit } from './status.ts';
import type { CommandClient, CommandStatus } from './types.ts';

type Call = StartedCommand['call'];

/** Runs until the command has ended and the client knows, or the client is gone. Never rejects. */
export async function runCommand(client: CommandClient, command: StartedCommand): Promise<void> {
  const { call } = command;
  const ended = new AbortController();
  const cancel = () => call.cancel();
  client.gone.addEventListener('abort', cancel, { once: true });
  if (client.gone.aborted) cancel();
  for (const stream of [client.stdin, client.stdout, client.stderr])
    // A client that vanished is told by `gone`.
    stream?.on('error', () => {});
  client.onResize((size) => {
    if (!ended.signal.aborted) call.write({ resize: size });
  });
  const input = sendInput(client, call, ended.signal);
  const status = await carryOutput(client, command);
  ended.abort();
  client.gone.removeEventListener('abort', cancel);
  client.stdin?.destroy();
  await input;
  call.end();
  call.cancel();
  if (!client.gone.aborted) await client.finish(status);
}

async function carryOutput(client: CommandClient, { call, failure }: StartedCommand): Promise<CommandStatus> {
  try {
    for await (const { stdout, stderr, exit } of call as AsyncIterable<ExecOutput>) {
      if (stdout) await give(client.stdout, stdout, client.gone);
      if (stderr) await give(client.stderr, stderr, client.gone);
      if (exit) return statusOfExit(exit);
    }
    return statusOfError(failure() ?? new Error('the node ended the stream without saying how the command ended'));
  } catch (error) {
    return statusOfError(nodeFailure(error));
  }
}

async function sendInput({ stdin }: CommandClient, call: Call, ended: AbortSignal): Promise<void> {
  if (!stdin) return;
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      if (ended.aborted) return;
      if (!call.write({ stdin: chunk })) await once(call, 'drain', { signal: ended });
    }
    if (!ended.aborted) call.write({ stdinClosed: true });
  } catch {
    // Either the command has ended, or the client's stream broke; then the command must not run on without its input.
    if (!ended.aborted) call.cancel();
  }
}

/** Writes, and waits while the client does not read. Rejects when it is gone. */
async function give(target: Writable | undefined, data: Buffer, gone: AbortSignal): Promise<void> {
  gone.throwIfAborted();
  if (!target || target.destroyed || data.length === 0) return;
  if (!target.write(data)) await Promise.race([once(target, 'drain', { signal: gone }), once(target, 'close')]);
}
