/** A file of a node's settings, YAML or JSON: upstream's KubeletConfiguration, our NodeConfiguration, or a document of each. Pure. */
import { parseAllDocuments } from 'yaml';
import type { NodeSettings, Reading } from './fields.ts';
import { readKubeletConfiguration } from './kubelet-configuration.ts';
import { readNodeConfiguration } from './node-configuration.ts';

interface Sort {
  apiVersion: string;
  kind: string;
  /** Reads all fields but those two. */
  read(fields: object): Reading;
}

const sorts: readonly Sort[] = [
  { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', read: readKubeletConfiguration },
  { apiVersion: 'node.wherry.local/v1alpha1', kind: 'NodeConfiguration', read: readNodeConfiguration },
];
const wanted = sorts.map(({ apiVersion, kind }) => `"apiVersion: ${apiVersion}" and "kind: ${kind}"`).join(', or ');
/** Faults told at once of each document. */
const mostFaults = 20;

/** The settings that a file's text says. Throws an Error with all that is wrong with it, a line each, below the document's kind. */
export function readSettings(text: string): NodeSettings {
  const settings: NodeSettings = {};
  const ofFile: string[] = [];
  const refusals: string[] = [];
  const read = new Set<Sort>();
  for (const [at, document] of documentsOf(text).entries()) {
    const { apiVersion, kind, ...fields } = asMap(document);
    const sort = sorts.find((each) => each.apiVersion === apiVersion && each.kind === kind);
    if (!sort) ofFile.push(`document ${at + 1} must say ${wanted}`);
    else if (read.has(sort)) ofFile.push(`document ${at + 1} is a second ${sort.kind}`);
    else {
      read.add(sort);
      const reading = sort.read(fields);
      if (reading.faults.length > 0) refusals.push(refusal(sort.kind, reading.faults));
      Object.assign(settings, reading.settings);
    }
  }
  if (ofFile.length === 0 && read.size === 0) ofFile.push(`it is empty: it must say ${wanted}`);
  if (ofFile.length > 0) refusals.unshift(refusal('file of settings', ofFile));
  if (refusals.length > 0) throw new Error(refusals.join('\n'));
  return settings;
}

/** Without those that are empty, as a separator at the end makes one. */
function documentsOf(text: string): unknown[] {
  const documents = [...parseAllDocuments(text, { prettyErrors: false })];
  const fault = documents.flatMap(({ errors }) => errors)[0];
  if (fault) throw new Error(refusal('file of settings', [`not YAML, near character ${fault.pos[0]} (${fault.code})`]));
  return documents
    .map((document): unknown => document.toJS({ maxAliasCount: 100 }))
    .filter((value) => value !== null && value !== undefined);
}

function asMap(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function refusal(what: string, faults: readonly string[]): string {
  const told = faults.slice(0, mostFaults).map((fault) => `  ${fault}`);
  return [`Cannot take the ${what}:`, ...told].join('\n');
}
