/** Which devices of the Container Device Interface there are, and what containers need for those they have. Pure. */
import type { Mount } from '../../runtime/types.ts';
import type { CdiChanges } from '../types.ts';
import { CdiError } from './error.ts';
import { parseCdiSpec } from './parse.ts';
import type { CdiEdits, CdiHook, CdiNode, CdiSpec } from './parse.ts';

/** A file of specifications. */
export interface CdiFile {
  path: string;
  text: string;
}

/** A device, and the specification that it comes from. */
interface Known {
  spec: CdiSpec;
  own: CdiEdits;
  path: string;
  folder: number;
}

export interface CdiCatalog {
  /** By `vendor.com/class=device`. */
  devices: ReadonlyMap<string, Known>;
  /** What does not count, and why. */
  faults: string[];
}

/**
 * What the files of some folders say. A later folder counts more than an earlier one; a name that two files of one folder have is nobody's, as upstream also where a later
 * folder has it too.
 */
export function catalogOf(folders: readonly (readonly CdiFile[])[]): CdiCatalog {
  const devices = new Map<string, Known>();
  const torn = new Set<string>();
  const faults: string[] = [];
  for (const [folder, files] of folders.entries()) {
    for (const { path, text } of files) {
      let spec: CdiSpec;
      try {
        spec = parseCdiSpec(text, path.endsWith('.json') ? 'json' : 'yaml');
      } catch (error) {
        faults.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
      for (const [device, own] of spec.devices) {
        const name = `${spec.kind}=${device}`;
        const before = devices.get(name);
        if (before?.folder === folder) {
          torn.add(name);
          faults.push(`conflicting device "${name}" (specs "${path}", "${before.path}")`);
        } else devices.set(name, { spec, own, path, folder });
      }
    }
  }
  for (const name of torn) devices.delete(name);
  return { devices, faults };
}

/**
 * What a container with these devices gets, which counts more than all else that is said of it: of several that want the same variable or path the last one counts. Throws
 * CdiError for names that nobody has, and for what nodes cannot do.
 */
export function changesFor(names: readonly string[], { devices }: CdiCatalog): CdiChanges {
  const unknown = names.filter((name) => !devices.has(name));
  if (unknown.length > 0) throw failed(`unresolvable CDI devices ${unknown.join(', ')}`);
  const found = names.map((name) => devices.get(name)!);
  const seen = new Set<CdiSpec>();
  const edits = found.flatMap(({ spec, own }) => {
    const first = !seen.has(spec);
    seen.add(spec);
    return first ? [spec.edits, own] : [own];
  });
  if (edits.some(({ intelRdt }) => intelRdt !== undefined)) {
    throw failed(`intelRdt of CDI devices ${names.join(', ')} is not supported by this node`);
  }
  const lastOf = <T>(list: readonly T[], key: (item: T) => string) => [
    ...new Map(list.map((item) => [key(item), item])).values(),
  ];
  return {
    env: new Map(edits.flatMap(({ env }) => env.map(splitVariable))),
    devices: lastOf(
      edits.flatMap(({ deviceNodes }) => deviceNodes.map(deviceOf)),
      ({ target }) => target,
    ),
    mounts: lastOf(
      edits.flatMap(({ mounts }) =>
        mounts.map(({ hostPath, containerPath, type, options }): Mount => ({
          source: hostPath,
          target: containerPath,
          readOnly: options.includes('ro'),
          propagation: 'private',
          as: { type: type || 'bind', options },
        })),
      ),
      ({ target }) => target,
    ),
    hooks: hooksOf(edits.flatMap(({ hooks }) => hooks)),
    groups: [...new Set(edits.flatMap(({ additionalGids }) => additionalGids))].filter((gid) => gid !== 0),
  };
}

function deviceOf(node: CdiNode): CdiChanges['devices'][number] {
  const { path, hostPath, type, major, minor, fileMode, permissions, uid, gid } = node;
  return {
    source: hostPath || path,
    target: path,
    access: permissions === 'none' ? '' : permissions || 'rwm',
    as: {
      // An unbuffered character device is one of characters.
      ...(type && { type: type === 'u' ? 'c' : (type as 'b' | 'c' | 'p') }),
      ...(major && { major, minor: minor ?? 0 }),
      ...(fileMode !== undefined && { fileMode }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    },
  };
}

function hooksOf(all: readonly CdiHook[]): CdiChanges['hooks'] {
  const hooks: CdiChanges['hooks'] = {};
  for (const { hookName, path, args, env, timeout } of all) {
    (hooks[hookName] ??= []).push({
      path,
      ...(args.length > 0 && { args }),
      ...(env.length > 0 && { env }),
      ...(timeout !== undefined && { timeout }),
    });
  }
  return hooks;
}

function splitVariable(line: string): [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}

function failed(because: string): CdiError {
  return new CdiError(`CDI device injection failed: ${because}`);
}
