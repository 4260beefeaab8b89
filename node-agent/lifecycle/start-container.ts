/** Creates and starts one container: environment, mounts, specification, runtime, postStart hook. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { IoLimitsError } from '#lib/kinds/pod-spec/io-limits.ts';
import { CdiError } from '../devices/cdi/error.ts';
import { DeviceError } from '../devices/devices.ts';
import { StartError } from '../runtime/types.ts';
import type { ContainerSpec, ObservedContainer } from '../runtime/types.ts';
import { VolumeError } from '../volumes/failures.ts';
import { longer } from './backoff.ts';
import { containerSpec } from './container-spec.ts';
import { containersOf, doingOf, fieldPathOf } from './containers.ts';
import { buildEnv, ConfigError, objectsNamedBy } from './env.ts';
import type { Objects } from './env.ts';
import { logPath } from './log-files.ts';
import type { Scene } from './perform.ts';
import { serviceEnv } from './service-env.ts';
import type { AnyContainer, Step } from './types.ts';

/** A container that names something missing, or cannot be made, is tried again this often, and at once when a held object changes. */
const retryMs = 5000;

/** Upstream's exit code of a container whose program could not be started. */
const notStartedCode = 128;

export async function startContainer(step: Step & { do: 'start' }, pod: Pod, scene: Scene): Promise<void> {
  const { hands, look, noteContainer, signal } = scene;
  const { env, events } = hands;
  const seen = look();
  const { spec } = containersOf(pod).find((item) => item.spec.name === step.container)!;
  const doing = doingOf(seen, pod, spec.name);
  const crashes = seen.notes.containers[spec.name]?.crashes;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    events.record({ regarding: pod, fieldPath: fieldPathOf(pod, spec.name), type, reason, message });
  try {
    const rendered = await render(spec, step.attempt, pod, scene);
    await mkdir(path.dirname(rendered.logPath), { recursive: true });
    const hook = spec.lifecycle?.postStart;
    // Who had the processors before must be off them; and who got them while this one started is alone there.
    if (hands.cpus.pins) await hands.cpus.spread();
    // Before new sandboxes: pods that are half there come first.
    const run = await hands.limit(() => hands.runtime.startContainer(rendered, signal), true);
    if (hands.cpus.pins) await hands.cpus.spread();
    tell('Normal', 'Created', `Created container: ${spec.name}`);
    tell('Normal', 'Started', `Started container ${spec.name}`);
    noteContainer(spec.name, {
      pulled: undefined,
      problem: undefined,
      retryAt: undefined,
      health: { id: run.id, started: false, ready: false },
      hooking: hook && run.id,
      ...(doing.is === 'ended' && { crashes: longer(crashes, doing.finishedAt, env.now()) }),
    });
    hands.observer.putRun(pod.metadata.uid, run);
    await hands.logLinks?.add({ namespace: pod.metadata.namespace ?? '', name: pod.metadata.name }, run);
    if (!hook) return;
    try {
      await hands.hooks.run(hook, { pod, spec, id: run.id, ips: look().observed?.ips ?? [] }, signal);
      noteContainer(spec.name, { hooking: undefined });
    } catch (error) {
      if (signal.aborted) throw error;
      tell('Warning', 'FailedPostStartHook', `PostStartHook failed`);
      const message = error instanceof Error ? error.message : String(error);
      noteContainer(spec.name, {
        hooking: undefined,
        problem: { reason: 'PostStartHookError', message },
        health: { id: run.id, started: false, ready: false, doomed: { message: 'FailedPostStartHook' } },
      });
    }
  } catch (error) {
    const problem = signal.aborted ? undefined : problemOf(error);
    if (!problem) throw error;
    const hasRun = problem.reason === 'RunContainerError' || problem.reason === 'StartError';
    if (hasRun) tell('Normal', 'Created', `Created container: ${spec.name}`);
    tell('Warning', 'Failed', `Error: ${problem.message}`);
    const now = env.now();
    const earlier = doing.is === 'ended' && { crashes: longer(crashes, doing.finishedAt, now) };
    if (hasRun) {
      hands.observer.putFailedRun(pod.metadata.uid, failedRun(spec, step.attempt, problem.message, scene));
      noteContainer(spec.name, { problem, pulled: undefined, retryAt: undefined, ...earlier });
    } else {
      // Nothing is left of it, but a look in the meantime may have seen it half made.
      await hands.observer.refresh(pod.metadata.uid);
      noteContainer(spec.name, { problem, retryAt: now + retryMs });
    }
  }
}

/** A run that never began counts as one all the same: policy, backoff and status treat it so. */
function failedRun(spec: AnyContainer, attempt: number, message: string, { hands, look }: Scene): ObservedContainer {
  const now = hands.env.now();
  const image = look().notes.containers[spec.name]?.pulled?.image;
  return {
    id: `${hands.env.uuid()}${hands.env.uuid()}`.replaceAll('-', ''),
    name: spec.name,
    attempt,
    state: 'exited',
    image: spec.image ?? '',
    imageId: image?.id ?? '',
    ...(image?.digest !== undefined && { imageDigest: image.digest }),
    createdAt: now,
    finishedAt: now,
    exitCode: notStartedCode,
    message,
    logPath: logPath(hands.facts.logDir, look().pod!, spec.name, attempt),
  };
}

async function render(
  spec: AnyContainer,
  attempt: number,
  pod: Pod,
  { hands, look, signal }: Scene,
): Promise<ContainerSpec> {
  const { facts } = hands;
  const { observed, notes } = look();
  const nodeFacts = { ...facts, podIps: observed?.ips ?? [] };
  const namespace = pod.metadata.namespace ?? '';
  const services = serviceEnv(hands.services(), namespace, pod.spec.enableServiceLinks ?? true);
  const objects = await fetchObjects(spec, namespace, hands.objects);
  const { variables, skipped } = buildEnv(pod, spec, objects, services, nodeFacts);
  for (const message of skipped) {
    const about = { regarding: pod, fieldPath: fieldPathOf(pod, spec.name) };
    hands.events.record({ ...about, type: 'Warning', reason: 'InvalidEnvironmentVariableNames', message });
  }
  const devices = await hands.devices.ready(pod, spec.name, signal);
  const { image, volumes } = notes.containers[spec.name]!.pulled!;
  const mounts = await hands.volumes.mountsOf(pod, spec, notes.volumes ?? {}, variables, volumes);
  return containerSpec({
    pod,
    spec,
    attempt,
    image,
    env: variables,
    mounts,
    devices,
    logPath: logPath(facts.logDir, pod, spec.name, attempt),
    cpus: hands.cpus.of(pod.metadata.uid, spec.name),
    memoryRules: facts.memoryRules,
    seccompDir: facts.seccompDir,
  });
}

async function fetchObjects(
  spec: AnyContainer,
  namespace: string,
  source: Scene['hands']['objects'],
): Promise<Objects> {
  const { configMaps, secrets } = objectsNamedBy(spec);
  const maps = new Map(
    await Promise.all(configMaps.map(async (name) => [name, await source.configMap(namespace, name)] as const)),
  );
  const hidden = new Map(
    await Promise.all(secrets.map(async (name) => [name, await source.secret(namespace, name)] as const)),
  );
  return { configMap: (name) => maps.get(name), secret: (name) => hidden.get(name) };
}

/** The waiting reason for a failed start; undefined for what is no fault of the container. */
function problemOf(error: unknown): { reason: string; message: string } | undefined {
  if (error instanceof StartError) return { reason: error.reason, message: error.message };
  if (error instanceof CdiError) return { reason: 'CreateContainerError', message: error.message };
  const ofConfiguration = [ConfigError, VolumeError, IoLimitsError, DeviceError];
  if (error instanceof Error && ofConfiguration.some((kind) => error instanceof kind)) {
    return { reason: 'CreateContainerConfigError', message: error.message };
  }
  return undefined;
}
