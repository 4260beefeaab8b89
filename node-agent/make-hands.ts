/** What the pods' lifecycle works with, made of the agent's parts. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client, View } from '#lib/client/types.ts';
import { makeRecorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import type { NodeAgentConfig } from './config.ts';
import { makeCpus } from './cpus/cpus.ts';
import { readProcessors } from './cpus/machine.ts';
import { reservedProcessors } from './cpus/reserved.ts';
import type { Devices } from './devices/devices.ts';
import type { Pressure } from './eviction/pressure.ts';
import type { Images } from './images/types.ts';
import { containersOf } from './lifecycle/containers.ts';
import { parseResolvConf } from './lifecycle/dns.ts';
import { objectsNamedBy } from './lifecycle/env.ts';
import type { Hands, HostFacts } from './lifecycle/hands.ts';
import { makeLimit } from './lifecycle/limit.ts';
import { usualThrottlingFactor } from './lifecycle/memory-rules.ts';
import type { MemoryRules } from './lifecycle/memory-rules.ts';
import { makeObserver } from './lifecycle/observer.ts';
import type { NodeResources } from './node/allocatable.ts';
import type { Machine } from './node/machine.ts';
import { makeLogLinks } from './node/log-links.ts';
import { makeObjects } from './node/objects.ts';
import { makeHookRunner } from './probes/hooks.ts';
import { makeProbeMeter } from './probes/meter.ts';
import type { ProbeMeter } from './probes/meter.ts';
import { makeProber } from './probes/prober.ts';
import type { OciRuntime } from './runtime/oci/runtime.ts';
import { makeVolumes } from './volumes/volumes.ts';

export interface HandsParts {
  env: Env;
  client: Client;
  machine: Machine;
  resources: NodeResources;
  pressure: Pressure;
  images: Images;
  devices: Devices;
  runtime: OciRuntime;
  view: View;
  /** Why no pod is taken any more; undefined while pods are. */
  closed(): { reason: string; message: string } | undefined;
}

/** Opens the node's volumes, and puts together the rest. */
export async function makeHands(
  config: NodeAgentConfig,
  parts: HandsParts,
): Promise<Hands & { objects: { stop(): void }; probeMetrics: ProbeMeter }> {
  const { nodeName, clusterDns, clusterDomain, logDir } = config;
  const { env, client, machine, resources, pressure, images, devices, runtime, view } = parts;
  const facts: HostFacts = {
    nodeName,
    clusterDns,
    clusterDomain,
    ...(config.podPidsLimit !== undefined && { podPidsLimit: config.podPidsLimit }),
    hostHosts: await readFile('/etc/hosts', 'utf8').catch(() => ''),
    hostDns: parseResolvConf(await readFile('/etc/resolv.conf', 'utf8').catch(() => '')),
    hostIps: [config.address],
    memoryRules: memoryRules(config, machine, resources),
    allocatable: resources.allocatable,
    logDir,
    seccompDir: path.join(config.stateDir, 'seccomp'),
  };
  const processors = readProcessors();
  const { cpuManagerPolicy: policy = 'none' } = config;
  const cpus = makeCpus({
    env,
    runtime,
    file: path.join(config.stateDir, 'cpu_manager_state'),
    policy,
    plan: { machine: processors, reserved: policy === 'none' ? [] : reservedProcessors(processors, config) },
  });
  const events = makeRecorder('kubelet', client, env, nodeName);
  const objects = makeObjects(client, env);
  const probeMetrics = makeProbeMeter();
  const observer = makeObserver(runtime, env);
  const volumes = await makeVolumes({
    env,
    client,
    stateDir: config.stateDir,
    runDir: config.runDir,
    objects,
    factsOf: (uid) => ({ ...facts, podIps: observer.get(uid)?.ips ?? [] }),
    memoryBytes: unitsOf(resources.allocatable['memory']!),
    tell: (pod, message) => events.record({ regarding: pod, type: 'Warning', reason: 'FailedMount', message }),
    alsoNeeded: (pod) => {
      const named = containersOf(pod).map(({ spec }) => objectsNamedBy(spec));
      const pullSecrets = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
      return {
        configMaps: named.flatMap(({ configMaps }) => configMaps),
        secrets: [...named.flatMap(({ secrets }) => secrets), ...pullSecrets],
      };
    },
  });
  return {
    env,
    client,
    events,
    runtime,
    observer,
    images,
    volumes,
    objects,
    hooks: makeHookRunner(runtime, env),
    prober: makeProber({ env, events, executor: runtime, meter: probeMetrics }),
    probeMetrics,
    facts,
    pressure: { refusalOf: (pod) => pressure.refusalOf(pod) ?? parts.closed() },
    cpus,
    devices,
    ...(config.containerLogDir !== undefined && { logLinks: makeLogLinks(config.containerLogDir, env) }),
    services: () => view.list(serviceKind),
    room: () => {
      const node = view.get(nodeKind, { namespace: '', name: nodeName });
      const allocatable = Object.entries(node?.status?.allocatable ?? facts.allocatable);
      return {
        // Of what plug-ins give, they know better how much is left.
        allocatable: Object.fromEntries(allocatable.filter(([name]) => !devices.keeps(name))),
        labels: node?.metadata.labels ?? {},
        pinsCpus: cpus.pins,
        ...(config.allowedUnsafeSysctls && { allowedSysctls: config.allowedUnsafeSysctls }),
      };
    },
    limit: makeLimit(2 * machine.cpus),
    endings: makeLimit(2 * machine.cpus),
  };
}

/** Throws an Error for a setting that means nothing. */
function memoryRules(config: NodeAgentConfig, machine: Machine, { allocatable }: NodeResources): MemoryRules {
  const { memorySwap, memoryQoS, memoryThrottlingFactor: factor = usualThrottlingFactor } = config;
  const behavior = memorySwap?.swapBehavior ?? 'NoSwap';
  if (behavior !== 'NoSwap' && behavior !== 'LimitedSwap') {
    throw new Error(`Cannot start the node agent: memorySwap.swapBehavior is "${behavior}", not NoSwap or LimitedSwap`);
  }
  if (!(factor > 0 && factor <= 1)) {
    throw new Error(`Cannot start the node agent: memoryThrottlingFactor is ${factor}, not above 0 and at most 1`);
  }
  return {
    memoryBytes: machine.memoryBytes,
    ...(behavior === 'LimitedSwap' && { swapBytes: machine.swapBytes }),
    ...(memoryQoS && { throttling: { factor, allocatableBytes: unitsOf(allocatable['memory']!) } }),
  };
}
