/** Warnings of names that make bad hostnames. */
import { labelNameFaults } from '#lib/meta/names.ts';

/** `where` is in what the name is used besides: `the Pod's hostname`, or `Pod names and hostnames`. */
export function nameWarnings(name: string, where: string): string[] {
  const faults = labelNameFaults(name);
  if (faults.length === 0) return [];
  const surprise = 'which can result in surprising behavior; a DNS label is recommended';
  return [`metadata.name: this is used in ${where}, ${surprise}: [${faults.join(' ')}]`];
}

/** Of the name of what makes pods. */
export function makerNameWarnings(name: string): string[] {
  return nameWarnings(name, 'Pod names and hostnames');
}
