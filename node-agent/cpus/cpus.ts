/** Gives containers processors for themselves, and keeps the others off them. What was given outlives the process in a file. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { CpuPinner } from '../runtime/types.ts';
import { grantTo, keepGrants, sharedProcessors } from './grants.ts';
import type { CpuPlan, CpuRefusal, Grants } from './grants.ts';
import { formatProcessors, parseProcessors } from './take.ts';

export interface Cpus {
  /** Whether containers can have processors for themselves. */
  pins: boolean;
  /** Sets aside what a new pod needs, or says why there is not as much. */
  admit(pod: Pod): CpuRefusal | undefined;
  /** The processors that a container may run on; undefined for all. */
  of(uid: string, container: string): string | undefined;
  /** The processors that a container has for itself; none when it shares. */
  own(uid: string, container: string): readonly number[];
  /** Those that containers can have for themselves. */
  ownable(): readonly number[];
  /** Takes back what a pod had. */
  release(uid: string): void;
  /** Takes back what pods had that are no more, and moves what an earlier process left elsewhere. */
  keepOnly(keeps: (uid: string) => boolean): void;
  /** Moves what runs to where it may; resolves once it is there. */
  spread(): Promise<void>;
}

/** As upstream's file of the same name, so that its readers can read it. */
interface Saved {
  policyName: 'static';
  defaultCpuSet: string;
  entries?: Record<string, Record<string, string>>;
}

export interface CpusParts {
  env: Env;
  runtime: CpuPinner;
  /** `cpu_manager_state` of the node. */
  file: string;
  policy: 'none' | 'static';
  plan: CpuPlan;
}

/** Reads what an earlier process gave. Throws an Error for a file that is none of ours. */
export function makeCpus({ env, runtime, file, policy, plan }: CpusParts): Cpus {
  const none = policy === 'none';
  let grants = read(file);
  // Under another policy the file is kept until all that it tells of has been undone.
  const hadGrants = grants !== undefined;
  let spreading = Promise.resolve();

  function put(next: Grants): void {
    if (next === grants || none) return;
    write(file, next, plan);
    grants = next;
    moveAll();
  }

  function moveAll(): void {
    spread().catch((error: unknown) => env.log.warn('Cannot move containers to their processors', { error }));
  }

  function spread(): Promise<void> {
    if (none && !hadGrants) return Promise.resolve();
    const everywhere = formatProcessors(plan.machine.map(({ id }) => id));
    const move = async () => {
      await runtime.pin((uid, container) => of(uid, container) ?? everywhere);
      if (none) rmSync(file, { force: true });
    };
    // One after the other: each finds what was given last.
    spreading = spreading.then(move, move);
    return spreading;
  }

  function of(uid: string, container: string): string | undefined {
    if (none) return undefined;
    return formatProcessors(grants?.[uid]?.[container] ?? sharedProcessors(plan, grants ?? {}));
  }

  return {
    pins: !none,
    admit(pod) {
      if (none) return undefined;
      const result = grantTo(pod, plan, grants ?? {});
      if ('refusal' in result) return result.refusal;
      put(result.grants);
      return undefined;
    },
    of,
    own: (uid, container) => grants?.[uid]?.[container] ?? [],
    ownable: () => (none ? [] : plan.machine.map(({ id }) => id).filter((id) => !plan.reserved.includes(id))),
    release: (uid) => put(keepGrants(grants ?? {}, (each) => each !== uid)),
    keepOnly(keeps) {
      put(keepGrants(grants ?? {}, keeps));
      moveAll();
    },
    spread,
  };
}

function read(file: string): Grants | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { entries = {} } = JSON.parse(text) as Saved;
  return Object.fromEntries(
    Object.entries(entries).map(([uid, containers]) => [
      uid,
      Object.fromEntries(Object.entries(containers).map(([name, list]) => [name, parseProcessors(list)])),
    ]),
  );
}

/** Replaces the file whole, before anything is done about it. */
function write(file: string, grants: Grants, plan: CpuPlan): void {
  const saved: Saved = {
    policyName: 'static',
    defaultCpuSet: formatProcessors(sharedProcessors(plan, grants)),
    entries: Object.fromEntries(
      Object.entries(grants).map(([uid, containers]) => [
        uid,
        Object.fromEntries(Object.entries(containers).map(([name, ids]) => [name, formatProcessors(ids)])),
      ]),
    ),
  };
  writeFileSync(`${file}.new`, JSON.stringify(saved), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
