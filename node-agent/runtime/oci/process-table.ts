/** Looks at processes through /proc. Process ids are used again, so every look asks for something that names the right one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Whether process `pid` runs in a cgroup whose path contains `mark`, a pod's uid or container's id. */
export function runsIn(pid: number, mark: string): boolean {
  return readProc(pid, 'cgroup').includes(mark);
}

/** Whether process `pid` is the conmon of container `id`. */
export function isConmonOf(pid: number, id: string): boolean {
  return words(pid).includes(`--cid=${id}`);
}

/** Processes that run one of our scripts for this pod or container, and a crun that starts the container: that outlives its script, should somebody kill it. */
export function scriptProcesses(scriptName: string, about: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const all = words(pid);
      const [, flag, , name, target] = all;
      // After the last word there is the end of it.
      const [verb, id] = all.slice(-3);
      return (flag === '-c' && name === scriptName && target === about) || (verb === 'start' && id === about);
    });
}

/** The process id that a program left in a file; undefined when it is not there (yet). */
export function readPidFile(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8').trim());
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** Sends a signal; false when the process is gone. */
export function signalProcess(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function words(pid: number): string[] {
  return readProc(pid, 'cmdline').split('\0');
}

/** '' for a process that is gone, or that has ended and has no namespaces any more. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return '';
    throw error;
  }
}
