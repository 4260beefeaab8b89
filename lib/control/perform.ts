/** Does what a controller decided: bounded in parallel, with preconditions, telling the outcome in Events where asked. */
import type { Client } from '#lib/client/types.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Occurrence } from './correlate.ts';
import type { Action, Failure, Report } from './types.ts';

export interface Outcome {
  failures: Failure[];
  /** The revision of the last write that is known to have happened; 0n when there was none. */
  revision: bigint;
  /** A write whose answer was lost may have happened, or may happen yet. */
  unsure: boolean;
  /** The shortest wait asked for. */
  wakeMs: number | undefined;
}

export interface Hands {
  client: Client;
  record(occurrence: Occurrence): void;
}

/** Writes in flight at once for one key. */
const parallel = 64;

/** Performs `actions` in order, neighbours of one sort side by side; after a failure the rest is left out. */
export async function perform(actions: readonly Action[], hands: Hands): Promise<Outcome> {
  const outcome: Outcome = { failures: [], revision: 0n, unsure: false, wakeMs: undefined };
  // An update and a status write of one object follow each other: the second builds on the version that the first made.
  const versions = new Map<string, string>();
  for (const run of runsOf(actions)) {
    // Creates start slowly: what refuses the first (a quota, a webhook) refuses all, and should not hear it 500 times.
    let batch = run[0]!.do === 'create' ? 1 : parallel;
    for (let from = 0; from < run.length && outcome.failures.length === 0; from += batch) {
      if (from > 0 && batch < parallel) batch = Math.min(batch * 2, parallel);
      await Promise.all(run.slice(from, from + batch).map((action) => attempt(action, hands, outcome, versions)));
    }
    if (outcome.failures.length > 0) break;
  }
  return outcome;
}

/** Splits into runs of neighbours of one sort. An update and a status write of one object differ in sort, so they stay in order. */
function runsOf(actions: readonly Action[]): Action[][] {
  const runs: Action[][] = [];
  for (const action of actions) {
    const last = runs.at(-1);
    const alone = action.do === 'wake' || action.do === 'put';
    if (!alone && last?.[0]!.do === action.do) last.push(action);
    else runs.push([action]);
  }
  return runs;
}

async function attempt(action: Action, hands: Hands, outcome: Outcome, versions: Map<string, string>): Promise<void> {
  if (action.do === 'event') {
    const { regarding, type, reason, message } = action;
    hands.record({ regarding, type, reason, message });
    return;
  }
  if (action.do === 'wake') {
    outcome.wakeMs = Math.min(outcome.wakeMs ?? Infinity, action.afterMs);
    return;
  }
  const report = 'report' in action ? action.report : undefined;
  try {
    const result = await write(action, hands.client, versions);
    if (result?.metadata?.resourceVersion) {
      versions.set(result.metadata.uid, result.metadata.resourceVersion);
      const revision = BigInt(result.metadata.resourceVersion);
      if (revision > outcome.revision) outcome.revision = revision;
    }
    tell(report, 'done', result?.metadata?.name ?? nameOf(action), '', hands);
  } catch (error) {
    if (isAlreadyGone(action, error)) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    outcome.unsure ||= isReason(error, 'ServiceUnavailable', 'Timeout', 'InternalError') || !isReason(error);
    outcome.failures.push({ action, error: failure });
    tell(report, 'failed', nameOf(action), failure.message, hands);
  }
}

type Write = Exclude<Action, { do: 'event' } | { do: 'wake' }>;

async function write(action: Write, client: Client, versions: Map<string, string>): Promise<Resource | undefined> {
  switch (action.do) {
    case 'create':
      return client.create(action.kind, action.object);
    case 'update':
      return client.update(action.kind, current(action.object, versions));
    case 'status':
      return client.updateStatus(action.kind, current(action.object, versions));
    case 'patch': {
      const { kind, target, uid, patch, subresource } = action;
      const options = { uid, ...(subresource !== undefined && { subresource }) };
      return client.patch(kind, target, 'application/merge-patch+json', patch, options);
    }
    case 'delete': {
      const { kind, target, uid, gracePeriodSeconds, propagationPolicy, resourceVersion } = action;
      return client.delete(kind, target, {
        uid,
        ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
        ...(propagationPolicy && { propagationPolicy }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      });
    }
    case 'put':
      return (await client.put(action.kind, action.target, action.subresource, action.body)) as Resource | undefined;
  }
}

function current<T extends Resource>(object: T, versions: Map<string, string>): T {
  const resourceVersion = versions.get(object.metadata.uid);
  return resourceVersion === undefined ? object : { ...object, metadata: { ...object.metadata, resourceVersion } };
}

/** A deletion wants the object gone: gone before, or another one in its place, is as good. */
function isAlreadyGone(action: Write, error: unknown): boolean {
  if (action.do !== 'delete') return false;
  return isReason(error, 'NotFound') || (action.resourceVersion === undefined && isReason(error, 'Conflict'));
}

function nameOf(action: Write): string {
  if (action.do === 'create') return action.object.metadata.name ?? '';
  return 'target' in action ? action.target.name : action.object.metadata.name;
}

function tell(report: Report | undefined, which: 'done' | 'failed', name: string, error: string, hands: Hands): void {
  const text = report?.[which];
  if (!text) return;
  const message = text.message.replaceAll('{name}', () => name).replaceAll('{error}', () => error);
  const type = which === 'done' ? 'Normal' : 'Warning';
  hands.record({ regarding: report.regarding, type, reason: text.reason, message });
}
