/** Reads specifications of the Container Device Interface, versions 0.3.0 to 0.8.0, JSON or YAML. Pure. */
import { parseDocument } from 'yaml';
import type { HookName } from '../../runtime/types.ts';
import { anything, isSaid, listOf, number, record, string, stringMap, text } from './shapes.ts';

/** What a vendor wants changed of a container. */
export interface CdiEdits {
  /** `NAME=value`. */
  env: string[];
  deviceNodes: CdiNode[];
  mounts: CdiMount[];
  hooks: CdiHook[];
  additionalGids: number[];
  intelRdt?: object | undefined;
}

export interface CdiNode {
  path: string;
  hostPath?: string | undefined;
  type?: string | undefined;
  major?: number | undefined;
  minor?: number | undefined;
  fileMode?: number | undefined;
  permissions?: string | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
}

export interface CdiMount {
  hostPath: string;
  containerPath: string;
  type?: string | undefined;
  options: string[];
}

export interface CdiHook {
  hookName: HookName;
  path: string;
  args: string[];
  env: string[];
  timeout?: number | undefined;
}

export interface CdiSpec {
  /** `vendor.com/class`. */
  kind: string;
  /** For whoever has any of its devices. */
  edits: CdiEdits;
  devices: ReadonlyMap<string, CdiEdits>;
}

interface RawDevice {
  name: string;
  annotations: Record<string, string>;
  containerEdits: CdiEdits;
}

const hookNames: readonly HookName[] = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
];
const versions = ['0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0'];
const mostDevices = 16_384;
const vendorOrClass = /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const deviceName = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;
/** Allows nothing, where leaving it out allows all. */
const noPermissions = 'none';
const uint32 = number({ most: 2 ** 32 - 1 });

const hook = record<CdiHook>({
  hookName: (value, at) => {
    const name = hookNames.find((each) => each === value);
    if (!name) throw new Error(`${at}: invalid hook name ${JSON.stringify(value)}`);
    return name;
  },
  path: demanded,
  args: listOf(text),
  env: listOf(variable),
  timeout: number({}),
});

const mount = record<CdiMount>({
  hostPath: demanded,
  containerPath: demanded,
  type: string,
  options: listOf(text),
});

const node = record<CdiNode>({
  path: demanded,
  hostPath: string,
  type: matching(/^[bcup]?$/, 'type'),
  major: number({}),
  minor: number({}),
  fileMode: uint32,
  permissions: matching(new RegExp(`^(?:[rwm]*|${noPermissions})$`), 'permissions'),
  uid: uint32,
  gid: uint32,
});

const rdt = record({
  closID: string,
  l3CacheSchema: string,
  memBwSchema: string,
  enableCMT: anything,
  enableMBM: anything,
});

const edits = record<CdiEdits>({
  env: listOf(variable),
  deviceNodes: listOf(node),
  mounts: listOf(mount),
  hooks: listOf(hook),
  additionalGids: listOf((value, at) => uint32(value, at) ?? 0),
  intelRdt: (value, at) => (isSaid(value) ? rdt(value, at) : undefined),
});

const device = record<RawDevice>({
  name: matching(deviceName, 'name'),
  annotations: stringMap,
  containerEdits: edits,
});

const whole = record({
  cdiVersion: string,
  kind: string,
  annotations: stringMap,
  devices: listOf(device),
  containerEdits: edits,
});

/** What a file says. Throws an Error with a sentence for the first thing that is wrong with it: nothing of such a file counts. */
export function parseCdiSpec(content: string, format: 'json' | 'yaml'): CdiSpec {
  const value = format === 'json' ? (JSON.parse(content) as unknown) : parseYaml(content);
  const version = versionOf(value);
  const { kind = '', annotations, devices, containerEdits } = whole(value, '');
  const [vendor = '', devicesClass = '', ...more] = kind.split('/');
  if (more.length > 0 || !vendorOrClass.test(vendor) || !vendorOrClass.test(devicesClass)) {
    throw new Error(`kind: ${JSON.stringify(kind)} is not of the form vendor.com/class`);
  }
  if (devices.length === 0) throw new Error('devices: there are none');
  if (devices.length > mostDevices) throw new Error(`devices: more than ${mostDevices}`);
  const named = new Map<string, CdiEdits>();
  for (const { name, containerEdits: own } of devices) {
    if (named.has(name)) throw new Error(`devices: there are several named ${JSON.stringify(name)}`);
    if (isEmpty(own)) throw new Error(`devices: nothing is said of ${JSON.stringify(name)}`);
    named.set(name, own);
  }
  const annotated = [annotations, ...devices.map((each) => each.annotations)].some(
    (each) => Object.keys(each).length > 0,
  );
  const least = leastVersion(devicesClass, named, containerEdits, annotated);
  if (versions.indexOf(version) < versions.indexOf(least)) {
    throw new Error(`cdiVersion: the spec version must be at least v${least}`);
  }
  return { kind, edits: containerEdits, devices: named };
}

/** As upstream's reader has it, for which `0660` is a number in octal. */
function parseYaml(content: string): unknown {
  const document = parseDocument(content, { version: '1.1', prettyErrors: false });
  const [fault] = document.errors;
  if (fault) throw new Error(`not YAML of one document, near character ${fault.pos[0]} (${fault.code})`);
  return document.toJS({ maxAliasCount: 100 });
}

/** Looked at before all else: a file of a later version may well have fields that are not known here. */
function versionOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) throw new Error('there is no specification in it');
  const [, said] = Object.entries(value).find(([name]) => name.toLowerCase() === 'cdiversion') ?? [];
  const version = typeof said === 'string' ? said.replace(/^v/, '') : '';
  if (!versions.includes(version)) {
    throw new Error(`cdiVersion: ${JSON.stringify(said ?? '')} is none of ${versions[0]} to ${versions.at(-1)}`);
  }
  return version;
}

/** The first version that knew all of what a specification says. */
function leastVersion(
  devicesClass: string,
  devices: ReadonlyMap<string, CdiEdits>,
  ofAll: CdiEdits,
  annotated: boolean,
): string {
  const all = [ofAll, ...devices.values()];
  if (all.some(({ intelRdt, additionalGids }) => intelRdt !== undefined || additionalGids.length > 0)) return '0.7.0';
  if (annotated || devicesClass.includes('.')) return '0.6.0';
  const hasHostPath = all.some(({ deviceNodes }) => deviceNodes.some(({ hostPath }) => hostPath));
  if (hasHostPath || [...devices.keys()].some((name) => !/^[A-Za-z]/.test(name))) return '0.5.0';
  return all.some(({ mounts }) => mounts.some(({ type }) => type)) ? '0.4.0' : '0.3.0';
}

function isEmpty({ intelRdt, ...lists }: CdiEdits): boolean {
  return intelRdt === undefined && Object.values(lists).every((list) => list.length === 0);
}

function variable(value: unknown, at: string): string {
  const line = text(value, at);
  if (line.indexOf('=') <= 0) throw new Error(`${at}: invalid environment variable ${JSON.stringify(line)}`);
  return line;
}

function demanded(value: unknown, at: string): string {
  const said = text(value, at);
  if (said === '') throw new Error(`${at}: must not be empty`);
  return said;
}

function matching(form: RegExp, what: string) {
  return (value: unknown, at: string): string => {
    const said = text(value, at);
    if (!form.test(said)) throw new Error(`${at}: invalid ${what} ${JSON.stringify(said)}`);
    return said;
  };
}
