/** conmon's command line and its small language. */
import { StartError } from '../types.ts';

export interface ConmonInputs {
  id: string;
  name: string;
  bundle: string;
  crun: string;
  crunRoot: string;
  exits: string;
  logPath: string;
  tty: boolean;
  stdin: boolean;
  /** Standard input ends with the first client that leaves. */
  stdinOnce: boolean;
  /** The pod has users of its own. */
  ownUsers: boolean;
}

/** The arguments for one container. */
export function conmonArguments(inputs: ConmonInputs): string[] {
  return [
    '--api-version=1',
    `--cid=${inputs.id}`,
    `--cuuid=${inputs.id}`,
    `--name=${inputs.name}`,
    ...runtimeOf(inputs),
    `--bundle=${inputs.bundle}`,
    `--persist-dir=${inputs.bundle}`,
    `--container-pidfile=${inputs.bundle}/pid`,
    `--conmon-pidfile=${inputs.bundle}/conmon.pid`,
    `--exit-dir=${inputs.exits}`,
    // The format of log lines that the Container Runtime Interface asks for.
    `--log-path=k8s-file:${inputs.logPath}`,
    // Without this the socket's path would be cut off at the 108 bytes of a socket address.
    '--full-attach',
    '--no-sync-log',
    '--log-level=error',
    `--runtime-arg=--root=${inputs.crunRoot}`,
    '--runtime-arg=--cgroup-manager=cgroupfs',
    ...(inputs.tty ? ['--terminal'] : []),
    ...(inputs.stdin ? ['--stdin'] : []),
    ...(inputs.stdin && !inputs.stdinOnce ? ['--leave-stdin-open'] : []),
  ];
}

/**
 * crun gives the streams it finds to the container's root. Where a container has no input, or a terminal, conmon passes the node's /dev/null, which must not belong to
 * a pod: an input that has ended takes its place, and of the output, which a terminal has instead, crun's own errors.
 */
function runtimeOf({ crun, ownUsers, stdin, tty }: ConmonInputs): string[] {
  if (!ownUsers || (stdin && !tty)) return [`--runtime=${crun}`];
  const script = `exec "$@" ${tty ? '>&2 ' : ''}<<END\nEND\n`;
  return ['--runtime=/bin/sh', ...['-c', script, 'sh', crun].map((word) => `--runtime-arg=${word}`)];
}

/** Orders for the control fifo. */
export const conmonOrders = {
  resize: (width: number, height: number) => `1 ${height} ${width}\n`,
  reopenLog: '2 0 0\n',
};

/** The container's process id from conmon's report. Throws StartError with crun's complaint. */
export function readReport(report: string, args: readonly string[]): number {
  const parsed = /^\{.*\}$/s.test(report.trim())
    ? (JSON.parse(report) as { data: number; message?: string })
    : { data: -1, message: report.trim() };
  if (parsed.data > 0) return parsed.data;
  throw new StartError('RunContainerError', describeFailure(parsed.message ?? '', args));
}

/** crun's complaint in the words that runc and upstream's documentation use for what users meet most. */
export function describeFailure(complaint: string, args: readonly string[]): string {
  const said = complaint.trim();
  const program = JSON.stringify(args[0] ?? '');
  const unmapped = /mount_setattr `(.*)`: Invalid argument/.exec(said)?.[1];
  const isMissing = /executable.*: No such file or directory/.test(said);
  const because =
    isMissing && args[0]?.includes('/')
      ? `exec: ${program}: stat ${args[0]}: no such file or directory`
      : isMissing
        ? `exec: ${program}: executable file not found in $PATH`
        : /executable.*: (Permission denied|Operation not permitted)/.test(said)
          ? `exec: ${program}: permission denied`
          : unmapped !== undefined
            ? `the file system of "${unmapped}" cannot show other owners, as hostUsers: false needs (idmapped mounts)`
            : said || 'the runtime gave no reason';
  return `failed to create container: unable to start container process: ${because}`;
}
