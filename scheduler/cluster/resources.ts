/** What a pod asks of a node and what a node has, in plain numbers (upstream: `pkg/scheduler/framework` Resource). */
import type { Container, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { millisOf, unitsOf } from '#lib/meta/quantities.ts';

export interface Resources {
  cpuMillis: number;
  memoryBytes: number;
  ephemeralBytes: number;
  /** Every other resource, in whole units. */
  extended: ReadonlyMap<string, number>;
}

/** CPU and memory with a stand-in for containers that ask for none, so that they weigh something in scores. */
export interface ScoredRequest {
  cpuMillis: number;
  memoryBytes: number;
}

type Quantities = Readonly<Record<string, number | string>>;

/** Upstream's stand-ins (`pkg/scheduler/util`). */
const unstatedCpuMillis = 100;
const unstatedMemoryBytes = 200 * 1024 * 1024;

const none: ReadonlyMap<string, number> = new Map();

/**
 * What the pod needs at its hungriest moment: its containers and sidecars together, or the largest init container with
 * the sidecars started before it, plus the overhead.
 */
export function requestsOf(spec: PodSpec): Resources {
  return fromTotals(hungriest(spec, (container) => totalsOf(container.resources?.requests ?? {})));
}

/** As requestsOf(), with stand-ins for containers that state no CPU or memory request. */
export function scoredRequestOf(spec: PodSpec): ScoredRequest {
  const { cpuMillis, memoryBytes } = fromTotals(
    hungriest(spec, (container) => {
      const totals = totalsOf(container.resources?.requests ?? {});
      if (!totals.has('cpu')) totals.set('cpu', unstatedCpuMillis);
      if (!totals.has('memory')) totals.set('memory', unstatedMemoryBytes);
      return totals;
    }),
  );
  return { cpuMillis, memoryBytes };
}

/** A node's allocatable as Resources; `pods` is told apart by podLimitOf(). */
export function allocatableOf(quantities: Quantities | undefined): Resources {
  const totals = totalsOf(quantities ?? {});
  totals.delete('pods');
  return fromTotals(totals);
}

/** How many pods a node takes. */
export function podLimitOf(quantities: Quantities | undefined): number {
  return units(quantities?.['pods'] ?? 0);
}

export function isZero(need: Resources): boolean {
  return need.cpuMillis === 0 && need.memoryBytes === 0 && need.ephemeralBytes === 0 && need.extended.size === 0;
}

type Totals = Map<string, number>;

function hungriest(spec: PodSpec, ask: (container: Container) => Totals): Totals {
  const running: Totals = new Map();
  for (const container of spec.containers) addTo(running, ask(container));
  const sidecars: Totals = new Map();
  const starting: Totals = new Map();
  for (const container of spec.initContainers ?? []) {
    const asked = ask(container);
    if (container.restartPolicy === 'Always') {
      addTo(running, asked);
      addTo(sidecars, asked);
      raiseTo(starting, sidecars);
    } else {
      addTo(asked, sidecars);
      raiseTo(starting, asked);
    }
  }
  raiseTo(running, starting);
  addTo(running, totalsOf(spec.overhead ?? {}));
  return running;
}

function addTo(totals: Totals, more: Totals): void {
  for (const [name, amount] of more) totals.set(name, (totals.get(name) ?? 0) + amount);
}

function raiseTo(totals: Totals, floor: Totals): void {
  for (const [name, amount] of floor) totals.set(name, Math.max(totals.get(name) ?? 0, amount));
}

function totalsOf(quantities: Quantities): Totals {
  const totals: Totals = new Map();
  for (const name in quantities)
    totals.set(name, name === 'cpu' ? millis(quantities[name]!) : units(quantities[name]!));
  return totals;
}

function fromTotals(totals: Totals): Resources {
  const { cpu = 0, memory = 0, 'ephemeral-storage': ephemeral = 0 } = Object.fromEntries(totals);
  let extended: Map<string, number> | undefined;
  for (const [name, amount] of totals) {
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || amount === 0) continue;
    (extended ??= new Map()).set(name, amount);
  }
  return { cpuMillis: cpu, memoryBytes: memory, ephemeralBytes: ephemeral, extended: extended ?? none };
}

/** Quantities repeat endlessly across pods; parsing one costs more than all else here. */
const millis = remembering(millisOf);
const units = remembering(unitsOf);
const rememberedLimit = 4096;

function remembering(parse: (text: number | string) => number): (text: number | string) => number {
  const known = new Map<number | string, number>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) {
      value = parse(text);
      if (known.size >= rememberedLimit) known.clear();
      known.set(text, value);
    }
    return value;
  };
}
