/** What the parts of this folder say to each other. */
import type { Readable, Writable } from 'node:stream';
import type { Resize } from '#protos/gen/node.ts';

/** How a command ended, as the client is told: meta/v1 Status with what upstream's remotecommand adds to it. */
export interface CommandStatus {
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: { causes: { reason?: string; message: string }[] };
  code?: number;
}

/** The client's side of exec and attach, whatever dialect it speaks. */
export interface CommandClient {
  /** Ends when the client has no more to say. */
  stdin: Readable | undefined;
  stdout: Writable | undefined;
  stderr: Writable | undefined;
  /** Calls `listener` for each size of the client's window; those that came before are told at once. */
  onResize(listener: (size: Resize) => void): void;
  /** Aborted when the client is gone. */
  gone: AbortSignal;
  /** Tells how it ended, and closes once all output has left. */
  finish(status: CommandStatus): Promise<void>;
}
