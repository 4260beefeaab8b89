/** From upstream's KubeletConfiguration to a node's settings, and back. Pure. */
import { evictionSettings } from '../eviction/settings.ts';
import { parseProcessors } from '../cpus/take.ts';
import { imageThresholds } from '../node/image-thresholds.ts';
import { checkShutdown } from '../shutdown/plan.ts';
import { fixed, heeded, onUnlessSaid, unknownHere } from './fields.ts';
import type { NodeSettings, Reading } from './fields.ts';
import { faultOf } from './readers.ts';

/**
 * Faults are fields that upstream does not know, those that nodes here do not heed, and values that make no sense. A field that says nothing (empty, 0, false) is as
 * good as absent.
 */
export function readKubeletConfiguration(fields: object): Reading {
  const faults: string[] = [];
  const settings: NodeSettings = {};
  for (const [name, value] of Object.entries(fields)) {
    const fault = heed(name, value, settings);
    if (fault !== undefined) faults.push(`${name}: ${fault}`);
  }
  if (faults.length === 0) faults.push(...faultsTogether(settings));
  return { settings: faults.length === 0 ? withReservedCpus(settings) : settings, faults };
}

/** All that nodes with these settings heed or do anyway, by upstream's fields. */
export function tellKubeletConfiguration(settings: NodeSettings): Record<string, unknown> {
  return {
    ...Object.fromEntries(Object.entries(heeded).map(([name, { tell }]) => [name, tell(settings)])),
    ...Object.fromEntries(Object.entries(fixed).map(([name, choices]) => [name, choices.at(-1)])),
  };
}

function heed(name: string, value: unknown, settings: NodeSettings): string | undefined {
  const field = Object.hasOwn(heeded, name) ? heeded[name] : undefined;
  if (field) {
    if (value === null || value === '' || (value === 0 && name === 'maxPods')) return undefined;
    return faultOf(() => field.heed(value, settings));
  }
  const choices = Object.hasOwn(fixed, name) ? fixed[name] : undefined;
  if (choices) {
    const isLeftOut = value === null || value === '' || value === '0s';
    if (isLeftOut || choices.some((choice) => JSON.stringify(choice) === JSON.stringify(value))) return undefined;
    return `nodes can only do ${JSON.stringify(choices[0])}`;
  }
  if (!unknownHere.has(name)) return `strict decoding error: unknown field "${name}"`;
  return says(value) || (value === false && onUnlessSaid.has(name)) ? 'nodes do not have this setting' : undefined;
}

/** Whether a value is more than upstream's way to leave a field out, which generated files are full of. */
function says(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(says);
  return !['', 0, '0s', null, undefined].includes(value as string) && value !== false;
}

/** What single fields do not show. */
function faultsTogether(settings: NodeSettings): string[] {
  const { highPercent, lowPercent } = { ...imageThresholds, ...settings.imageGarbage };
  const low =
    lowPercent >= highPercent ? 'imageGCLowThresholdPercent must be less than imageGCHighThresholdPercent' : undefined;
  return [faultOf(() => evictionSettings(settings.eviction)), faultOf(() => checkShutdown(settings)), low].filter(
    (fault) => fault !== undefined,
  );
}

/** As upstream: named processors count for what is kept back of them, whatever else was said of that. */
function withReservedCpus(settings: NodeSettings): NodeSettings {
  if (settings.reservedCpus === undefined) return settings;
  const { cpu: _, ...kubeReserved } = settings.kubeReserved ?? {};
  const cpu = String(parseProcessors(settings.reservedCpus).length);
  return { ...settings, kubeReserved, systemReserved: { ...settings.systemReserved, cpu } };
}
