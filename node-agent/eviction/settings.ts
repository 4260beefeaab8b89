/** How eviction is configured, in upstream's words, and what that means. */
import { parseGoDuration } from '#lib/meta/go-duration.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import { resourceOf } from './types.ts';
import type { Amount, Signal, Threshold } from './types.ts';

/** Quantities (`100Mi`) or percentages (`10%`) by signal; durations as Go writes them. What is given replaces the default whole. */
export interface EvictionConfig {
  hard?: Record<string, string>;
  soft?: Record<string, string>;
  softGracePeriod?: Record<string, string>;
  minimumReclaim?: Record<string, string>;
  /** The most a pod gets to end by itself when a soft threshold is met. */
  maxPodGracePeriodSeconds?: number;
  /** How long a condition of the node holds after the shortage was last seen. */
  pressureTransitionPeriod?: string;
}

export interface EvictionSettings {
  thresholds: readonly Threshold[];
  maxPodGraceSeconds: number;
  transitionMs: number;
}

/** Upstream's hard thresholds on Linux. */
const defaultHard = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
};

/** The configuration with upstream's defaults. */
export function wholeEvictionConfig(config: EvictionConfig = {}): Required<EvictionConfig> {
  return {
    hard: defaultHard,
    soft: {},
    softGracePeriod: {},
    minimumReclaim: {},
    maxPodGracePeriodSeconds: 0,
    pressureTransitionPeriod: '5m',
    ...config,
  };
}

/** What the configuration says; throws an Error with upstream's sentence for one that makes no sense. */
export function evictionSettings(config?: EvictionConfig): EvictionSettings {
  const whole = wholeEvictionConfig(config);
  const hard = thresholds(whole.hard, () => 0);
  const soft = thresholds(whole.soft, (signal) => {
    const grace = whole.softGracePeriod[signal];
    if (grace === undefined) {
      throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`);
    }
    return durationOf(grace);
  });
  const ofPods = hard
    .filter(({ signal }) => signal === 'memory.available')
    .map((threshold): Threshold => ({ ...threshold, signal: 'allocatableMemory.available' }));
  const reclaims = new Map(
    Object.entries(whole.minimumReclaim).map(([signal, text]) => [knownSignal(signal), amountOf(text)]),
  );
  const minReclaimOf = ({ signal }: Threshold) =>
    reclaims.get(signal === 'allocatableMemory.available' ? 'memory.available' : signal);
  return {
    thresholds: [...hard, ...soft, ...ofPods].map((threshold) => {
      const minReclaim = minReclaimOf(threshold);
      return { ...threshold, ...(minReclaim && { minReclaim }) };
    }),
    maxPodGraceSeconds: whole.maxPodGracePeriodSeconds,
    transitionMs: durationOf(whole.pressureTransitionPeriod),
  };
}

function thresholds(texts: Readonly<Record<string, string>>, graceOf: (signal: Signal) => number): Threshold[] {
  return Object.entries(texts).flatMap(([name, text]) => {
    const signal = knownSignal(name);
    // Upstream's ways of saying that there is no such threshold.
    if (text === '0%' || text === '100%') return [];
    const value = amountOf(text);
    if ('share' in value && value.share > 1) {
      throw new Error(`eviction percentage threshold ${signal} must be <= 100%: ${text}`);
    }
    if ('units' in value && value.units <= 0) throw new Error(`eviction threshold ${signal} must be positive: ${text}`);
    return [{ signal, value, graceMs: graceOf(signal) }];
  });
}

function knownSignal(name: string): Signal {
  if (!Object.hasOwn(resourceOf, name) || name === 'allocatableMemory.available') {
    throw new Error(`unsupported eviction signal ${name}`);
  }
  return name as Signal;
}

/** Upstream counts percentages in 32 bits, which shows in the bytes that its messages tell of. */
function amountOf(text: string): Amount {
  const percent = /^([\d.]+)%$/.exec(text)?.[1];
  if (percent === undefined) return { units: unitsOf(text) };
  return { share: Math.fround(Math.fround(Number(percent)) / 100) };
}

function durationOf(text: string): number {
  const parsed = parseGoDuration(text);
  if ('fault' in parsed) throw new Error(parsed.fault);
  if (parsed.ms < 0) throw new Error(`invalid eviction grace period specified: ${text}, must be a positive value`);
  return parsed.ms;
}
