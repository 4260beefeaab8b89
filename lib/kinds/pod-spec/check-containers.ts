/** Faults of containers, main and init (upstream's `validateContainers` and `validateInitContainers`). */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { barred, grammar, label, oneOf, portNameFaults, portNumber } from '../checks/values.ts';
import type { Container, ContainerPort, ContainerResizePolicy, PodSpec } from '../gen/core-v1.ts';
import { checkEnvFrom, checkVariables } from './check-environment.ts';
import { checkMounts, type Volumes } from './check-mounts.ts';
import { checkLifecycle, checkProbes } from './check-probes.ts';
import { checkResources } from './check-resources.ts';
import { checkContainerSecurity } from './check-security.ts';

type Faults = FieldError[];

/** The main containers. */
export function checkMainContainers(path: string, spec: PodSpec, volumes: Volumes): Faults {
  if (spec.containers.length === 0) return [required(path)];
  const faults: Faults = [];
  const names = new Set<string>();
  for (const [i, container] of spec.containers.entries()) {
    const at = `${path}[${i}]`;
    faults.push(...checkContainer(at, container, spec, volumes));
    if (names.has(container.name)) faults.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    faults.push(...checkLifecycle(`${at}.lifecycle`, container.lifecycle, spec.terminationGracePeriodSeconds));
    faults.push(...checkProbes(at, container));
    if (container.restartPolicy !== undefined) {
      faults.push(fieldForbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
    }
  }
  return [...faults, ...checkHostPortConflicts(path, spec.containers)];
}

/** The containers that run before the main ones. */
export function checkInitContainers(path: string, spec: PodSpec, volumes: Volumes): Faults {
  const faults: Faults = [];
  const names = new Set(spec.containers.map(({ name }) => name));
  for (const [i, container] of (spec.initContainers ?? []).entries()) {
    const at = `${path}[${i}]`;
    faults.push(...checkContainer(at, container, spec, volumes));
    const { name, restartPolicy } = container;
    if (restartPolicy !== undefined && restartPolicy !== 'Always') {
      faults.push(notSupported(`${at}.restartPolicy`, restartPolicy, ['Always']));
    }
    if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    else if (name) names.add(name);
    // They run one after the other, so each may have the port of another. Upstream's path is that of the first, for all.
    faults.push(...checkHostPortConflicts(path, [container]));
    if (restartPolicy === 'Always') {
      faults.push(...checkLifecycle(`${at}.lifecycle`, container.lifecycle, spec.terminationGracePeriodSeconds));
      faults.push(...checkProbes(at, container));
    } else {
      const lasting = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'];
      faults.push(...barred(at, container, lasting, 'may not be set for init containers without restartPolicy=Always'));
    }
  }
  return faults;
}

/** Faults that containers of every sort may have. */
export function checkContainer(path: string, container: Container, spec: PodSpec, volumes: Volumes): Faults {
  const { image, terminationMessagePolicy: policy } = container;
  return [
    ...label(`${path}.name`, container.name),
    ...(image ? [] : [required(`${path}.image`)]),
    ...oneOf(`${path}.terminationMessagePolicy`, policy, ['File', 'FallbackToLogsOnError']),
    ...checkPorts(`${path}.ports`, container.ports),
    ...checkVariables(`${path}.env`, container.env),
    ...checkEnvFrom(`${path}.envFrom`, container.envFrom),
    ...checkMounts(path, container, volumes),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...checkResources(`${path}.resources`, container.resources ?? {}, spec.resourceClaims),
    ...checkResizePolicy(`${path}.resizePolicy`, container.resizePolicy, spec.restartPolicy),
    ...checkContainerSecurity(`${path}.securityContext`, container.securityContext, spec.hostUsers),
  ];
}

/** What the images of pods may not look like; a template's may. */
export function checkPodImages(path: string, containers: readonly Container[] | undefined): Faults {
  return (containers ?? []).flatMap(({ image = '' }, i) => checkPodImage(`${path}[${i}].image`, image));
}

export function checkPodImage(path: string, image: string): Faults {
  return image.trim() === image ? [] : [invalid(path, image, 'must not have leading or trailing whitespace')];
}

function checkPorts(path: string, ports: readonly ContainerPort[] | undefined): Faults {
  if (!ports) return [];
  const faults: Faults = [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = `${path}[${i}]`;
    if (port.name) {
      const bad = grammar(`${at}.name`, port.name, portNameFaults);
      faults.push(...bad);
      if (bad.length === 0 && names.has(port.name)) faults.push(duplicate(`${at}.name`, port.name));
      if (bad.length === 0) names.add(port.name);
    }
    if (!port.containerPort) faults.push(required(`${at}.containerPort`));
    else faults.push(...portNumber(`${at}.containerPort`, port.containerPort));
    if (port.hostPort) faults.push(...portNumber(`${at}.hostPort`, port.hostPort));
    faults.push(...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
  }
  return faults;
}

function checkHostPortConflicts(path: string, containers: readonly Container[]): Faults {
  const seen = new Set<string>();
  const faults: Faults = [];
  for (const [i, { ports = [] }] of containers.entries()) {
    for (const [j, { hostPort, hostIP = '', protocol }] of ports.entries()) {
      if (!hostPort) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(key)) faults.push(duplicate(`${path}[${i}].ports[${j}].hostPort`, key));
      seen.add(key);
    }
  }
  return faults;
}

/** A pod in the host's network has its ports there. A template may leave them out: they are filled in when the pod is made. */
export function checkHostNetworkPorts(path: string, spec: PodSpec, isPod: boolean): Faults {
  if (!spec.hostNetwork) return [];
  return spec.containers.flatMap(({ ports = [] }, i) =>
    ports.flatMap(({ hostPort = 0, containerPort }, j) =>
      (isPod || hostPort !== 0) && hostPort !== containerPort
        ? [
            invalid(
              `${path}[${i}].ports[${j}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : [],
    ),
  );
}

function checkResizePolicy(
  path: string,
  policies: readonly ContainerResizePolicy[] | undefined,
  podPolicy: string | undefined,
): Faults {
  const seen = new Set<string>();
  return (policies ?? []).flatMap(({ resourceName, restartPolicy }, i) => {
    const faults: Faults = [];
    if (seen.has(resourceName)) faults.push(duplicate(`${path}[${i}]`, resourceName));
    seen.add(resourceName);
    faults.push(...oneOf(path, resourceName, ['cpu', 'memory']));
    faults.push(...oneOf(path, restartPolicy, ['NotRequired', 'RestartContainer']));
    if (podPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      faults.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    }
    return faults;
  });
}
