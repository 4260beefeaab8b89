/**
 * Flow control as it runs: by the objects that the world holds, whenever they change.
 *
 * It is for requests of REST. Our own components come by gRPC, on listeners and connections of their own, and hold no seats. REST cannot keep them waiting:
 * what it has under way at a time is the server's seats, and what one of those computes in a turn. They cannot starve REST: there are few of them, they read
 * by watching and write from a handful of workers each, a connection has a bounded number of calls under way (`grpc/server.ts`), and the event loop takes
 * from every connection in turn.
 */
import type { Env } from '#lib/env/env.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { equal } from '#lib/meta/equal.ts';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { priorityLevelConfiguration } from '#lib/kinds/priority-level-configuration.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Lookup } from '../admission/types.ts';
import { makeLookup } from '../verbs/context.ts';
import { keepUp } from '../store/keep-up.ts';
import type { Follower } from '../store/keep-up.ts';
import type { World, WorldEvent } from '../store/world-types.ts';
import { prefixOf } from '../verbs/selection.ts';
import type { Verbs } from '../verbs/types.ts';
import { keepConditions } from './conditions.ts';
import { makeFlowControl } from './flow-control.ts';
import type { FlowControl } from './flow-control.ts';
import { keepFlowObjects } from './keep.ts';
import { measureFlows, measureLimits } from './meter.ts';
import { planOf } from './plan.ts';
import { seatsOf } from './width.ts';

export interface FlowConfig {
  /** Requests that are served at a time, in seats; upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight` together. */
  maxInFlight?: number;
}

/**
 * The server's seats unless the configuration says otherwise. Requests that wait for the store need as many as it answers at a time; what they compute
 * they compute one after the other, so that more seats would only let more of it come before a request that others must not hold up.
 */
const defaultSeats = 200;

/** A quarter of what a request may take altogether, as upstream. */
const waitMs = 15_000;

/** Starts by the objects that are there, and keeps those that must be. */
export function startFlowControl(
  config: FlowConfig,
  {
    verbs,
    world,
    catalog,
    registry,
    env,
  }: { verbs: Verbs; world: World; catalog: Pick<Catalog, 'at'>; registry: Registry; env: Env },
): FlowControl {
  const look = makeLookup(world);
  const schemas = () => sound(flowSchema, look);
  const plan = () => planOf(schemas(), sound(priorityLevelConfiguration, look));
  const flows = makeFlowControl(
    plan(),
    {
      seats: config.maxInFlight ?? defaultSeats,
      waitMs,
      meter: measureFlows(registry),
      seatsOf: (info, query, bodyBytes, widest) => seatsOf(info, query, bodyBytes, widest, world, catalog),
    },
    env,
  );
  measureLimits(registry, flows.levels);
  const conditions = keepConditions(
    verbs,
    schemas,
    (name) => look.get(priorityLevelConfiguration, { namespace: '', name }) !== undefined,
    env,
  );
  const stopFollowing = follow(
    world,
    (isAnother) => {
      if (isAnother) flows.follow(plan());
      conditions.look();
    },
    env,
  );
  const stopKeeping = keepFlowObjects(verbs, look, env);
  return {
    ...flows,
    stop() {
      stopFollowing();
      stopKeeping();
      conditions.stop();
      flows.stop();
    },
  };
}

/** Those that make sense: one that came into the store in another way must not keep the others from being heeded. */
function sound<T extends Resource>(kind: Kind<T>, look: Lookup): T[] {
  return [...look.list(kind, '')].filter((object) => {
    try {
      return (kind.check?.(object, undefined) ?? []).length === 0;
    } catch {
      return false;
    }
  });
}

/** Tells of every change, at once of the present state, and whether it is one of what flow control goes by. */
function follow(world: World, onChange: (isAnother: boolean) => void, env: Env): () => void {
  const prefixes = [flowSchema, priorityLevelConfiguration].map((kind) => prefixOf(kind, ''));
  const follower: Follower = {
    restart: () => onChange(true),
    onEvents(events) {
      if (events.length > 0) onChange(events.some(isAnother));
    },
  };
  return keepUp(world, prefixes, 'the objects of flow control', follower, env);
}

/** Whether more has changed than a status. */
function isAnother({ type, entry, before }: WorldEvent): boolean {
  if (type === 'DELETE' || !before) return true;
  const [now, was] = [entry.object, before.object] as (FlowSchema | PriorityLevelConfiguration)[];
  return now!.metadata.uid !== was!.metadata.uid || !equal(now!.spec, was!.spec);
}
