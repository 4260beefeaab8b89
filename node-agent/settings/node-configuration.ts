/** From our own NodeConfiguration to a node's settings: those that upstream's KubeletConfiguration has no field for. Pure. */
import type { Heed, NodeSettings, Reading } from './fields.ts';
import { faultOf, readTruth, readWord } from './readers.ts';

const own: Readonly<Record<string, Heed>> = {
  honestProc: (value, settings) => (settings.honestProc = readTruth(value)),
  ephemeralStorage: (value, settings) => (settings.ephemeralStorage = readWord(value, ['evict', 'refuse'])),
};

/** A field that is left empty is as good as absent. */
export function readNodeConfiguration(fields: object): Reading {
  const settings: NodeSettings = {};
  const faults = Object.entries(fields).flatMap(([name, value]) => {
    const heed = Object.hasOwn(own, name) ? own[name] : undefined;
    if (!heed) return [`${name}: strict decoding error: unknown field "${name}"`];
    if (value === null || value === '') return [];
    const fault = faultOf(() => heed(value, settings));
    return fault === undefined ? [] : [`${name}: ${fault}`];
  });
  return { settings, faults };
}
