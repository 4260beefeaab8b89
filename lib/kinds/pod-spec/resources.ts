/** What a pod asks of its node: sums over containers, and the quality of service that follows. */
import { parseQuantity } from '#lib/meta/quantities.ts';
import type { Container, PodSpec } from '../gen/core-v1.ts';

/** Resource name -> billionths of its unit, as parseQuantity() gives them. */
export type Amounts = Map<string, bigint>;

/**
 * What the pod needs while it runs, per resource: the larger of its main containers together and of each init container with
 * the sidecars started before it, plus overhead. Rules of upstream's `component-helpers/resource.PodRequests`.
 */
export function podRequests(spec: PodSpec): Amounts {
  return total(spec, 'requests');
}

/** As podRequests(), of limits; a resource is missing when no container limits it. */
export function podLimits(spec: PodSpec): Amounts {
  return total(spec, 'limits');
}

function total(spec: PodSpec, side: 'requests' | 'limits'): Amounts {
  const main: Amounts = new Map();
  const sidecars: Amounts = new Map();
  const initPeak: Amounts = new Map();
  for (const container of spec.containers) add(main, container.resources?.[side]);
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      add(sidecars, container.resources?.[side]);
      add(main, container.resources?.[side]);
      raise(initPeak, sidecars);
    } else {
      const during = new Map(sidecars);
      add(during, container.resources?.[side]);
      raise(initPeak, during);
    }
  }
  raise(main, initPeak);
  if (side === 'requests') add(main, spec.overhead);
  else {
    const limited = Object.entries(spec.overhead ?? {}).filter(([name]) => main.has(name));
    add(main, Object.fromEntries(limited));
  }
  return main;
}

function add(sum: Amounts, list: Readonly<Record<string, number | string>> | undefined): void {
  for (const [name, quantity] of Object.entries(list ?? {})) {
    sum.set(name, (sum.get(name) ?? 0n) + parseQuantity(quantity));
  }
}

function raise(floor: Amounts, by: Amounts): void {
  for (const [name, amount] of by) if (amount > (floor.get(name) ?? 0n)) floor.set(name, amount);
}

/** Guaranteed: every container limits cpu and memory and requests as much. BestEffort: none says anything. Burstable: the rest. */
export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers: Container[] = [...(spec.initContainers ?? []), ...spec.containers];
  const said = containers.flatMap(({ resources }) => [...compute(resources?.requests), ...compute(resources?.limits)]);
  if (said.length === 0) return 'BestEffort';
  const guaranteed = containers.every(({ resources }) =>
    ['cpu', 'memory'].every((name) => {
      const limit = resources?.limits?.[name];
      if (limit === undefined || parseQuantity(limit) <= 0n) return false;
      return parseQuantity(resources?.requests?.[name] ?? limit) === parseQuantity(limit);
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function compute(list: Readonly<Record<string, number | string>> | undefined): string[] {
  return ['cpu', 'memory'].filter((name) => list?.[name] !== undefined && parseQuantity(list[name]) > 0n);
}
