/** A container's log as a stream, however it is asked for. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { LogsRequest } from '#protos/gen/node.ts';
import { runsOf } from '../lifecycle/containers.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { Seen } from '../lifecycle/types.ts';
import { readLog } from './log-reader.ts';
import { findLog } from './logs.ts';

/** Writes the log piece by piece, waiting for each, until it ends or `signal` aborts. Rejects with upstream's refusals before it has written anything. */
export async function streamLog(
  logDir: string,
  pods: Pick<Pods, 'seen' | 'onRunChange'>,
  seen: Seen & { pod: Pod },
  request: Omit<LogsRequest, 'pod'>,
  write: (data: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { pod } = seen;
  const { uid } = pod.metadata;
  const container = request.container || pod.spec.containers[0]!.name;
  const { file, attempt } = await findLog(logDir, seen, container, request.previous);
  const following = request.follow
    ? {
        isOver: () => !isRunning(pods.seen(uid), container, attempt),
        onChange: (listener: () => void) => pods.onRunChange((changed) => changed === uid && listener()),
      }
    : undefined;
  const query = {
    timestamps: request.timestamps,
    sinceMs: parseTime(request.sinceTime || undefined),
    tailLines: request.tailLines < 0 ? undefined : request.tailLines,
    limitBytes: request.limitBytes > 0 ? request.limitBytes : undefined,
  };
  await readLog(file, query, following, write, signal);
}

function isRunning(seen: Seen | undefined, container: string, attempt: number): boolean {
  return runsOf(seen?.observed, container).some((run) => run.attempt === attempt && run.state !== 'exited');
}
