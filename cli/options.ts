/** The command line's words as typed options. */
import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';
import path from 'node:path';
import { clusterNameFault } from './cluster/layout.ts';
import type { Folders } from './cluster/layout.ts';

const common = {
  name: { type: 'string', default: 'default' },
  'state-root': { type: 'string', default: '/var/lib/wherry' },
  'run-root': { type: 'string', default: '/run/wherry' },
  kubeconfig: { type: 'string' },
  'no-kubeconfig': { type: 'boolean', default: false },
  nodes: { type: 'string' },
  'audit-policy': { type: 'string' },
  'node-config': { type: 'string' },
  namespace: { type: 'string', short: 'n', default: 'default' },
  tag: { type: 'string' },
  file: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

export interface Options {
  help: boolean;
  folders: Folders;
  name: string;
  nodes: number | undefined;
  /** A file, or `none`; undefined to leave the audit log as it is. */
  auditPolicy: string | undefined;
  /** A file, or `none`; undefined to leave the nodes' settings as they are. */
  nodeConfig: string | undefined;
  /** Where what is asked about is. */
  namespace: string;
  tag: string | undefined;
  file: string | undefined;
  /** The user's kubeconfig; undefined to leave it alone. */
  userKubeconfig: string | undefined;
  /** The command and its arguments. */
  words: string[];
}

/** A mistake in how the command was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the command needs to know of the user's session. */
export interface UserFacts {
  home: string;
  /** $KUBECONFIG, when set. */
  kubeconfig: string | undefined;
}

/** Reads the words; throws UsageError, or parseArgs' own TypeError, for what it cannot understand. */
export function parseOptions(argv: readonly string[], user: UserFacts): Options {
  const { values, positionals } = parseArgs({ args: [...argv], options: common, allowPositionals: true });
  const fault = clusterNameFault(values.name);
  if (fault !== undefined) throw new UsageError(fault);
  if (values.nodes !== undefined && !/^\d+$/.test(values.nodes))
    throw new UsageError(`--nodes wants a number, not "${values.nodes}"`);
  const kubeconfig = values.kubeconfig ?? user.kubeconfig?.split(':')[0] ?? path.join(user.home, '.kube/config');
  return {
    help: values.help,
    folders: { stateRoot: path.resolve(values['state-root']), runRoot: path.resolve(values['run-root']) },
    name: values.name,
    nodes: values.nodes === undefined ? undefined : Number(values.nodes),
    auditPolicy: values['audit-policy'],
    nodeConfig: values['node-config'],
    namespace: values.namespace,
    tag: values.tag,
    file: values.file,
    userKubeconfig: values['no-kubeconfig'] ? undefined : kubeconfig,
    words: positionals,
  };
}
