/** Keeps the flow schemas' conditions true. */
import type { Env } from '#lib/env/env.ts';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import type { FlowSchema } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { isReason } from '#lib/meta/errors.ts';
import { ourselves } from '../auth/ourselves.ts';
import type { Verbs } from '../verbs/types.ts';
import { danglingCondition } from './dangling.ts';

export interface ConditionKeeper {
  /** Something may have changed. */
  look(): void;
  stop(): void;
}

const fieldManager = 'api-priority-and-fairness-config-consumer-v1';

/** Writes to one schema in a minute: servers that disagree must not do so without end. */
const mostInMinute = 6;
const minuteMs = 60_000;

/** When something is left to do, it is looked at again after this. */
const againMs = 5000;

/** `schemas` gives them as they are now. */
export function keepConditions(
  verbs: Verbs,
  schemas: () => Iterable<FlowSchema>,
  isLevel: (name: string) => boolean,
  env: Env,
): ConditionKeeper {
  /** When each schema was written to, in the last minute. */
  let writes: { name: string; atMs: number }[] = [];
  let [stopped, isBusy, isAsked] = [false, false, false];
  let cancel = () => {};

  const write = async ({ metadata: { name } }: FlowSchema, condition: object) => {
    writes.push({ name, atMs: env.monotonic() });
    const patch = { status: { conditions: [condition] } };
    const options = { subresource: 'status', fieldManager };
    await verbs.patch(
      ourselves,
      flowSchema,
      { namespace: '', name },
      'application/strategic-merge-patch+json',
      patch,
      options,
    );
  };
  /** Whether everything is as it should be. */
  const round = async (): Promise<boolean> => {
    const minuteAgo = env.monotonic() - minuteMs;
    writes = writes.filter(({ atMs }) => atMs > minuteAgo);
    let isDone = true;
    for (const schema of [...schemas()]) {
      const condition = danglingCondition(schema, isLevel, env.now());
      if (!condition) continue;
      const { name } = schema.metadata;
      if (writes.filter((one) => one.name === name).length >= mostInMinute) {
        isDone = false;
        continue;
      }
      try {
        await write(schema, condition);
      } catch (error) {
        if (isReason(error, 'NotFound')) continue;
        isDone = false;
        if (!stopped) env.log.warn('Cannot set the condition of a flow schema, trying again later', { name, error });
      }
    }
    return isDone;
  };
  const run = async () => {
    isBusy = true;
    let isDone = false;
    while (isAsked) {
      isAsked = false;
      isDone = await round();
    }
    isBusy = false;
    if (!isDone && !stopped) cancel = env.after(againMs, look);
  };
  const look = () => {
    cancel();
    isAsked = true;
    if (!isBusy && !stopped) void run();
  };
  return {
    look,
    stop() {
      stopped = true;
      isAsked = false;
      cancel();
    },
  };
}
