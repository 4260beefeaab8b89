/** Hands a command to its node, and learns whether the node takes it: a kubelet refuses before the connection changes its protocol. */
import type { Duplex } from 'node:stream';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { ExecInput, ExecOutput, ExecStart } from '#protos/gen/node.ts';
import { dialFailed, nodeFailure } from './node-connection.ts';
import { refuseInText } from './upgrade.ts';

export interface StartedCommand {
  call: ClientDuplexStream<ExecInput, ExecOutput>;
  /** Resolves when the node takes the command; rejects with why it does not, see nodeFailure(). */
  taken: Promise<void>;
  /** What the call has failed with. */
  failure(): Error | undefined;
}

export function startCommand(call: StartedCommand['call'], start: ExecStart): StartedCommand {
  let failure: Error | undefined;
  const taken = new Promise<void>((resolve, reject) => {
    call.on('metadata', () => resolve());
    call.on('error', (error) => {
      failure = nodeFailure(error);
      reject(failure);
    });
    call.on('status', () => reject(new Error('the node ended the stream without taking the command')));
  });
  // Some clients are told otherwise.
  taken.catch(() => {});
  call.write({ start });
  return { call, taken, failure: () => failure };
}

/** Whether the node takes the command. When not, the client has been told in the node's words; throws when the node cannot be reached. */
export async function isTaken({ taken }: StartedCommand, socket: Duplex): Promise<boolean> {
  try {
    await taken;
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith(dialFailed)) throw error;
    if (!socket.destroyed) refuseInText(socket, message);
    return false;
  }
}
