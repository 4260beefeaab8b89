/** Statuses on the error channel: upstream's `apimachinery/pkg/util/remotecommand` and what the kubelet sends. Pure. */
import { ApiError } from '#lib/meta/errors.ts';
import type { ExecExit } from '#protos/gen/node.ts';
import type { CommandStatus } from './types.ts';

/** How the command ended. Exit codes other than 0 are failures with a cause that clients look for. */
export function statusOfExit({ code, error }: ExecExit): CommandStatus {
  if (error !== '') return internal(error);
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

/** The command could not be run, or its connection broke. */
export function statusOfError(error: unknown): CommandStatus {
  if (error instanceof ApiError && error.reason !== 'InternalError' && error.reason !== 'Unknown')
    return internal(`unable to upgrade connection: ${error.message}`);
  return internal(error instanceof Error ? error.message : String(error));
}

/** What versions of the protocol before the fourth send: nothing for success, else plain text. */
export function statusText(status: CommandStatus): string {
  return status.status === 'Success' ? '' : (status.message ?? '');
}

function internal(because: string): CommandStatus {
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${because}`,
    reason: 'InternalError',
    details: { causes: [{ message: because }] },
    code: 500,
  };
}
