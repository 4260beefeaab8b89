/** The command line: words to actions. Mistakes in the words answer with a sentence and exit code 2, failures with 1. */
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { clusterNames, readFacts, settleFacts } from './cluster/facts.ts';
import { addToUserKubeconfig, removeFromUserKubeconfig } from './cluster/kubeconfig.ts';
import { layoutOf } from './cluster/layout.ts';
import type { ClusterLayout } from './cluster/layout.ts';
import { parseOptions, UsageError } from './options.ts';
import type { Options, UserFacts } from './options.ts';
import { say, seconds } from './say.ts';

const usage = `Usage: wherry COMMAND [OPTION...]

Clusters on this machine:
  up [--nodes N]            start the cluster, or what of it is not running; N nodes (1, or as many as before)
     [--audit-policy FILE]  keep an audit log by this policy, until it is "none"
     [--node-config FILE]   settings of all nodes (docs/node.md), until it is "none"
  down                      end everything that runs; objects and images stay for the next up
  delete                    down, and remove the cluster's state
  status                    what runs
  describe pod NAME         how a pod does, what it waits for, and how far its images have come
     [--namespace NAME]
  enable, disable           start the cluster at boot, by systemd, or no longer
  demo [--nodes N]          up with two nodes, and a web application to try

Images, kept once for all nodes of a cluster:
  image ls
  image import FILE         a tar of docker save, or an OCI layout; plain, gzipped or as zstd
  image build FOLDER --tag NAME [--file DOCKERFILE]
  image pull NAME
  image rm NAME

Options of all commands:
  --name NAME               the cluster, "default" when not given
  --state-root DIR          /var/lib/wherry
  --run-root DIR            /run/wherry
  --kubeconfig FILE         where up adds the cluster's context; $KUBECONFIG, or ~/.kube/config
  --no-kubeconfig           leave the user's kubeconfig alone`;

type Command = (options: Options, env: Env) => Promise<void>;

/** Rarely needed or large parts are loaded by the command that needs them. */
const commands: Record<string, Command> = {
  up: async (options, env) => {
    const cluster = await start(options, env);
    const setting = options.userKubeconfig === undefined ? `KUBECONFIG=${cluster.kubeconfig} ` : '';
    say(`Cluster "${cluster.name}" is up. Try: ${setting}kubectl get nodes,pods,services -A -o wide`);
  },
  down: async (options) => {
    const { down } = await import('./cluster/down.ts');
    await down(existing(options));
  },
  delete: async (options) => {
    const { remove } = await import('./cluster/down.ts');
    const { disableAtBoot } = await import('./cluster/boot.ts');
    const cluster = existing(options);
    await disableAtBoot(cluster);
    await remove(cluster);
    if (options.userKubeconfig !== undefined) removeFromUserKubeconfig(cluster, options.userKubeconfig);
  },
  enable: async (options) => {
    const { enableAtBoot } = await import('./cluster/boot.ts');
    await enableAtBoot(existing(options), options.folders);
  },
  disable: async (options) => {
    const { disableAtBoot } = await import('./cluster/boot.ts');
    await disableAtBoot(existing(options));
  },
  status: async (options) => {
    const { statusOf } = await import('./cluster/status.ts');
    const names = clusterNames(options.folders);
    if (names.length === 0) say('No clusters.');
    for (const name of names) say(await statusOf(layoutOf(readFacts(name, options.folders)!, options.folders)));
  },
  describe: async (options, env) => {
    const { describe } = await import('./describe/describe.ts');
    await describe(existing(options), options, env);
  },
  demo: async (options, env) => {
    const { demo } = await import('./demo.ts');
    await demo(options, env, start);
  },
  image: async (options, env) => {
    const { image } = await import('./image.ts');
    await image(existing(options), options, env);
  },
};

/** Runs one command; resolves with the exit code. */
export async function main(argv: readonly string[], user: UserFacts, env: Env): Promise<number> {
  try {
    const options = parseOptions(argv, user);
    const word = options.words.shift();
    if (options.help || word === undefined) {
      say(usage);
      return options.help ? 0 : 2;
    }
    const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
    if (!command) throw new UsageError(`Unknown command "${word}"; try wherry --help`);
    await command(options, env);
    return 0;
  } catch (error) {
    process.stderr.write(`wherry: ${messageOf(error)}\n`);
    return isUsageError(error) ? 2 : 1;
  }
}

/** Starts the cluster and prints each stage with its time. */
async function start(options: Options, env: Env): Promise<ClusterLayout> {
  const { up } = await import('./cluster/up.ts');
  const { layNodeSettings, readNodeSettings } = await import('./cluster/node-settings.ts');
  // Before there is anything of a cluster whose nodes could not have them.
  const stateDir = path.join(options.folders.stateRoot, options.name);
  const settings = options.nodeConfig === undefined ? undefined : await readNodeSettings(options.nodeConfig, stateDir);
  const begin = env.monotonic();
  const facts = await settleFacts(options.name, options.nodes, options.folders);
  const cluster = layoutOf(facts, options.folders);
  if (options.auditPolicy !== undefined) {
    const { layAuditPolicy } = await import('./cluster/audit-policy.ts');
    layAuditPolicy(cluster, options.auditPolicy);
  }
  if (options.nodeConfig !== undefined) layNodeSettings(cluster, settings);
  await up(cluster, env, (stage, ms) => say(`  ${stage.padEnd(24)} ${seconds(ms)}`));
  if (options.userKubeconfig !== undefined) addToUserKubeconfig(cluster, options.userKubeconfig);
  say(`  ${'cluster up'.padEnd(24)} ${seconds(env.monotonic() - begin)}`);
  return cluster;
}

function existing({ name, folders }: Options): ClusterLayout {
  const facts = readFacts(name, folders);
  if (!facts) throw new Error(`There is no cluster "${name}" in ${folders.stateRoot}`);
  return layoutOf(facts, folders);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
