/** Renders one container for the runtime from its pod, its image and its environment. */
import type { Pod, SecurityContext } from '#lib/kinds/gen/core-v1.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import type { ContainerDevices } from '../devices/types.ts';
import type { UnpackedImage } from '../images/types.ts';
import type { ContainerSpec, GivenNode, Mount } from '../runtime/types.ts';
import { ConfigError } from './env.ts';
import { expand } from './expansion.ts';
import { oomScoreAdjOf } from './oom-score.ts';
import { memoryRulesOf } from './memory-rules.ts';
import type { MemoryRules } from './memory-rules.ts';
import { containerResources, ioResources } from './resources.ts';
import type { AnyContainer } from './types.ts';

export interface ContainerInputs {
  pod: Pod;
  spec: AnyContainer;
  attempt: number;
  image: UnpackedImage;
  env: ReadonlyMap<string, string>;
  mounts: Mount[];
  /** What it gets of device plug-ins. */
  devices?: ContainerDevices;
  logPath: string;
  /** The processors it may run on; undefined for all. */
  cpus?: string | undefined;
  /** What the node is, and is told, of memory. */
  memoryRules: MemoryRules;
  /** Folder of seccomp profiles that `Localhost` names files in. */
  seccompDir: string;
}

/** The complete specification. Throws ConfigError for a container that may not run as it stands. */
export function containerSpec(inputs: ContainerInputs): ContainerSpec {
  const { pod, spec, attempt, image, env, mounts, devices, logPath } = inputs;
  const context = spec.securityContext ?? {};
  const podContext = pod.spec.securityContext ?? {};
  const runAsUser = context.runAsUser ?? podContext.runAsUser;
  const runAsGroup = context.runAsGroup ?? podContext.runAsGroup;
  const runAsNonRoot = context.runAsNonRoot ?? podContext.runAsNonRoot ?? false;
  const user = runAsUser === undefined ? image.config.user : String(runAsUser);
  if (runAsNonRoot) refuseRoot(pod, spec, runAsUser, image.config.user);
  const groups = [
    ...(podContext.supplementalGroups ?? []),
    ...(podContext.fsGroup === undefined ? [] : [podContext.fsGroup]),
    ...(devices?.cdi?.groups ?? []),
  ];
  const storage = spec.resources?.limits?.['ephemeral-storage'];
  return {
    pod: { uid: pod.metadata.uid, namespace: pod.metadata.namespace ?? '', name: pod.metadata.name },
    name: spec.name,
    attempt,
    image,
    args: commandOf(spec, image, env),
    env: [...withImage(image.config.env, devices, env)].map(([name, value]) => `${name}=${value}`),
    workingDir: spec.workingDir || image.config.workingDir || '/',
    user,
    ...(runAsGroup !== undefined && { runAsGroup }),
    supplementalGroups: groups,
    ...(podContext.supplementalGroupsPolicy === 'Strict' && { strictGroups: true }),
    runAsNonRoot,
    ...('targetContainerName' in spec && spec.targetContainerName && { processesOf: spec.targetContainerName }),
    tty: spec.tty ?? false,
    stdin: spec.stdin ?? false,
    stdinOnce: spec.stdinOnce ?? false,
    ...withDevices(mounts, devices),
    ...(devices && Object.keys(devices.annotations).length > 0 && { annotations: devices.annotations }),
    resources: {
      ...containerResources(spec.resources),
      ...memoryRulesOf(pod, spec.resources, inputs.memoryRules),
      ...ioResources(pod, spec.name),
      ...(inputs.cpus !== undefined && { cpus: inputs.cpus }),
    },
    asked: spec.resources ?? {},
    oomScoreAdj: oomScoreAdjOf(pod, spec, inputs.memoryRules.memoryBytes),
    ...(storage !== undefined && { ephemeralStorageBytes: unitsOf(storage) }),
    security: securityOf(context, podContext, inputs.seccompDir),
    terminationMessagePath: spec.terminationMessagePath || '/dev/termination-log',
    logPath,
  };
}

/** Command and arguments: a command replaces the image's entrypoint and its arguments with it, arguments alone replace only those. */
function commandOf(spec: AnyContainer, image: UnpackedImage, env: ReadonlyMap<string, string>): string[] {
  const expanded = (list: string[] | undefined) => (list ?? []).map((text) => expand(text, (name) => env.get(name)));
  const command = expanded(spec.command);
  const args = expanded(spec.args);
  if (command.length > 0) return [...command, ...args];
  return [...image.config.entrypoint, ...(args.length > 0 ? args : image.config.cmd)];
}

/** The pod's own variables come before those of its plug-ins, and those before the image's; what the Container Device Interface wants comes before all, as upstream. */
function withImage(
  imageEnv: readonly string[],
  devices: ContainerDevices | undefined,
  env: ReadonlyMap<string, string>,
): Map<string, string> {
  const own = imageEnv.map((line): [string, string] => {
    const at = line.indexOf('=');
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
  });
  return new Map([...own, ...(devices?.env ?? []), ...env, ...(devices?.cdi?.env ?? [])]);
}

/** The volumes with what devices bring. Of two things at one place in the container that of the Container Device Interface counts. */
function withDevices(
  volumes: readonly Mount[],
  devices: ContainerDevices | undefined,
): Pick<ContainerSpec, 'mounts' | 'devices' | 'hooks'> {
  const { cdi } = devices ?? {};
  const ofPlugins = (devices?.mounts ?? []).map((mount): Mount => ({ ...mount, propagation: 'private' }));
  const nodes = overridden<GivenNode>(devices?.devices ?? [], cdi?.devices ?? []);
  return {
    mounts: overridden([...ofPlugins, ...volumes], cdi?.mounts ?? []),
    ...(nodes.length > 0 && { devices: nodes }),
    ...(cdi && Object.keys(cdi.hooks).length > 0 && { hooks: cdi.hooks }),
  };
}

function overridden<T extends { target: string }>(list: readonly T[], by: readonly T[]): T[] {
  const placeOf = ({ target }: T) => target.replace(/(?<=.)\/+$/, '');
  const taken = new Set(by.map(placeOf));
  return [...list.filter((item) => !taken.has(placeOf(item))), ...by];
}

function securityOf(
  context: SecurityContext,
  podContext: NonNullable<Pod['spec']['securityContext']>,
  seccompDir: string,
): ContainerSpec['security'] {
  const privileged = context.privileged ?? false;
  const profile = context.seccompProfile ?? podContext.seccompProfile;
  const seccomp =
    profile?.type === 'Localhost' ? `${seccompDir}/${profile.localhostProfile}` : (profile?.type ?? 'RuntimeDefault');
  return {
    privileged,
    allowPrivilegeEscalation: privileged || (context.allowPrivilegeEscalation ?? true),
    readOnlyRootFilesystem: context.readOnlyRootFilesystem ?? false,
    capabilitiesAdd: context.capabilities?.add ?? [],
    capabilitiesDrop: context.capabilities?.drop ?? [],
    seccomp: privileged ? 'Unconfined' : seccomp,
    procMount: context.procMount ?? 'Default',
  };
}

function refuseRoot(pod: Pod, spec: AnyContainer, runAsUser: number | undefined, imageUser: string): void {
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${spec.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  const name = imageUser.split(':')[0]!;
  if (name === '' || Number(name) === 0) {
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  }
  if (!/^\d+$/.test(name)) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root ${where}`,
    );
  }
}
