/** Faults of containers, main and init: names, images, ports, environment, mounts. */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import {
  configKeyFaults,
  grammar,
  label,
  oneOf,
  portNameFaults,
  portNumber,
  relativePath,
  subdomain,
} from '../checks/values.ts';
import type { Container, EnvVar, EnvVarSource, PodSpec, Volume, VolumeDevice, VolumeMount } from '../gen/core-v1.ts';
import { checkLifecycle, checkProbes } from './check-probes.ts';
import { checkResources } from './check-resources.ts';
import { checkContainerSecurity } from './check-security.ts';

type Faults = FieldError[];

/** Faults of all containers but the ephemeral ones. */
export function checkContainers(path: string, spec: PodSpec): Faults {
  const faults: Faults = [];
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  if (spec.containers.length === 0) faults.push(required(`${path}.containers`));
  const names = new Set<string>();
  for (const [i, container] of spec.containers.entries()) {
    const at = `${path}.containers[${i}]`;
    faults.push(...checkContainer(at, container, spec, volumes), ...checkUnique(`${at}.name`, container.name, names));
    faults.push(...checkLifecycle(`${at}.lifecycle`, container.lifecycle, spec.terminationGracePeriodSeconds));
    faults.push(...checkProbes(at, container));
    if (container.restartPolicy !== undefined) {
      faults.push(fieldForbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
    }
  }
  faults.push(...checkHostPortConflicts(`${path}.containers`, spec.containers));
  for (const [i, container] of (spec.initContainers ?? []).entries()) {
    const at = `${path}.initContainers[${i}]`;
    faults.push(...checkContainer(at, container, spec, volumes), ...checkUnique(`${at}.name`, container.name, names));
    faults.push(...checkInit(at, container, spec));
  }
  return faults;
}

function checkInit(path: string, container: Container, spec: PodSpec): Faults {
  const { restartPolicy } = container;
  if (restartPolicy === 'Always') {
    return [
      ...checkLifecycle(`${path}.lifecycle`, container.lifecycle, spec.terminationGracePeriodSeconds),
      ...checkProbes(path, container),
      ...checkHostPortConflicts(path, [container]),
    ];
  }
  const barred = (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
    .filter((name) => container[name])
    .map((name) =>
      fieldForbidden(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always'),
    );
  return restartPolicy === undefined
    ? barred
    : [notSupported(`${path}.restartPolicy`, restartPolicy, ['Always']), ...barred];
}

function checkUnique(path: string, name: string, seen: Set<string>): Faults {
  if (!name) return [];
  if (seen.has(name)) return [duplicate(path, name)];
  seen.add(name);
  return [];
}

/** Faults that containers of every sort may have. */
export function checkContainer(
  path: string,
  container: Container,
  spec: PodSpec,
  volumes: ReadonlyMap<string, Volume>,
): Faults {
  return [
    ...label(`${path}.name`, container.name),
    ...checkImage(path, container.image),
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...checkPorts(`${path}.ports`, container, spec.hostNetwork),
    ...(container.env ?? []).flatMap((variable, i) => checkVariable(`${path}.env[${i}]`, variable)),
    ...checkEnvFrom(`${path}.envFrom`, container),
    ...checkMounts(`${path}.volumeMounts`, container, volumes),
    ...checkDevices(`${path}.volumeDevices`, container, volumes),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...checkResources(`${path}.resources`, container.resources ?? {}),
    ...checkContainerSecurity(`${path}.securityContext`, container.securityContext, spec.hostUsers),
  ];
}

function checkImage(path: string, image: string | undefined): Faults {
  if (!image) return [required(`${path}.image`)];
  return image.trim() === image
    ? []
    : [invalid(`${path}.image`, image, 'must not have leading or trailing whitespace')];
}

function checkPorts(path: string, { ports = [] }: Container, hostNetwork: boolean | undefined): Faults {
  const faults: Faults = [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = `${path}[${i}]`;
    if (port.name) {
      const bad = grammar(`${at}.name`, port.name, portNameFaults);
      faults.push(...(bad.length > 0 ? bad : checkUnique(`${at}.name`, port.name, names)));
    }
    if (!port.containerPort) faults.push(required(`${at}.containerPort`));
    else faults.push(...portNumber(`${at}.containerPort`, port.containerPort));
    if (port.hostPort) {
      faults.push(...portNumber(`${at}.hostPort`, port.hostPort));
      if (hostNetwork && port.hostPort !== port.containerPort) {
        faults.push(
          invalid(`${at}.containerPort`, port.containerPort, 'must match `hostPort` when `hostNetwork` is true'),
        );
      }
    }
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

function checkVariable(path: string, { name, value, valueFrom }: EnvVar): Faults {
  const faults: Faults = [];
  if (!name) faults.push(required(`${path}.name`));
  else if (!/^[ -<>-~]+$/.test(name)) {
    faults.push(
      invalid(
        `${path}.name`,
        name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ),
    );
  }
  if (valueFrom) faults.push(...checkSource(`${path}.valueFrom`, valueFrom, value));
  return faults;
}

const variableFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const containerResources = [
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
];

function checkSource(path: string, source: EnvVarSource, value: string | undefined): Faults {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef].filter(Boolean).length;
  const faults: Faults = [];
  if (fieldRef) faults.push(...checkFieldRef(`${path}.fieldRef`, fieldRef.fieldPath, variableFields));
  if (resourceFieldRef) faults.push(...checkResourceFieldRef(`${path}.resourceFieldRef`, resourceFieldRef));
  if (configMapKeyRef) faults.push(...checkKeyRef(`${path}.configMapKeyRef`, configMapKeyRef));
  if (secretKeyRef) faults.push(...checkKeyRef(`${path}.secretKeyRef`, secretKeyRef));
  if (given === 0) {
    faults.push(
      invalid(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'),
    );
  } else if (value) faults.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) faults.push(invalid(path, '', 'may not have more than one field specified at a time'));
  return faults;
}

/** A downward field: one of `fields`, or a single label or annotation. */
export function checkFieldRef(path: string, fieldPath: string, fields: readonly string[]): Faults {
  if (!fieldPath) return [required(`${path}.fieldPath`)];
  if (/^metadata\.(labels|annotations)\['[^']+'\]$/.test(fieldPath)) return [];
  if (fields.includes(fieldPath)) return [];
  return /^(metadata|spec|status)\./.test(fieldPath) && !/\[/.test(fieldPath) && knownPodField(fieldPath)
    ? [notSupported(`${path}.fieldPath`, fieldPath, fields)]
    : [invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)];
}

function knownPodField(fieldPath: string): boolean {
  return [
    ...variableFields,
    'metadata.labels',
    'metadata.annotations',
    'spec.restartPolicy',
    'spec.schedulerName',
    'status.phase',
    'spec.hostNetwork',
    'status.nominatedNodeName',
  ].includes(fieldPath);
}

/** A downward resource. */
export function checkResourceFieldRef(path: string, { resource }: { resource: string }): Faults {
  if (!resource) return [required(`${path}.resource`)];
  return containerResources.includes(resource) || /^(limits|requests)\.hugepages-/.test(resource)
    ? []
    : [notSupported(`${path}.resource`, resource, containerResources)];
}

function checkKeyRef(path: string, { name, key }: { name?: string | undefined; key: string }): Faults {
  return [
    ...(name ? [] : [required(`${path}.name`)]),
    ...(key ? grammar(`${path}.key`, key, configKeyFaults) : [required(`${path}.key`)]),
  ];
}

function checkEnvFrom(path: string, { envFrom = [] }: Container): Faults {
  return envFrom.flatMap(({ configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    if (!configMapRef && !secretRef) return [invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`')];
    if (configMapRef && secretRef) return [invalid(at, '', 'may not have more than one field specified at a time')];
    return configMapRef
      ? subdomain(`${at}.configMapRef.name`, configMapRef.name)
      : subdomain(`${at}.secretRef.name`, secretRef?.name);
  });
}

function checkMounts(path: string, container: Container, volumes: ReadonlyMap<string, Volume>): Faults {
  const faults: Faults = [];
  const paths = new Set<string>();
  const devicePaths = new Set((container.volumeDevices ?? []).map(({ devicePath }) => devicePath));
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}[${i}]`;
    if (!mount.name) faults.push(required(`${at}.name`));
    else if (!volumes.has(mount.name)) faults.push(missing(`${at}.name`, mount.name));
    if (!mount.mountPath) faults.push(required(`${at}.mountPath`));
    else if (paths.has(mount.mountPath)) faults.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    if (devicePaths.has(mount.mountPath)) {
      faults.push(invalid(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'));
    }
    paths.add(mount.mountPath);
    faults.push(...checkSubPath(at, mount), ...checkPropagation(at, mount, container), ...checkRecursive(at, mount));
  }
  return faults;
}

function checkSubPath(path: string, { subPath, subPathExpr }: VolumeMount): Faults {
  if (subPath && subPathExpr)
    return [invalid(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')];
  if (subPath) return relativePath(`${path}.subPath`, subPath);
  return subPathExpr ? relativePath(`${path}.subPathExpr`, subPathExpr) : [];
}

function checkPropagation(path: string, { mountPropagation }: VolumeMount, container: Container): Faults {
  if (mountPropagation === undefined) return [];
  const at = `${path}.mountPropagation`;
  const supported = ['Bidirectional', 'HostToContainer', 'None'];
  if (!supported.includes(mountPropagation)) return [notSupported(at, mountPropagation, supported)];
  return mountPropagation === 'Bidirectional' && !container.securityContext?.privileged
    ? [fieldForbidden(at, 'Bidirectional mount propagation is available only to privileged containers')]
    : [];
}

function checkRecursive(path: string, { recursiveReadOnly, readOnly, mountPropagation }: VolumeMount): Faults {
  const at = `${path}.recursiveReadOnly`;
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return [];
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') {
    return [notSupported(at, recursiveReadOnly, ['Disabled', 'IfPossible', 'Enabled'])];
  }
  if (!readOnly) return [fieldForbidden(at, 'may only be specified when readOnly is true')];
  return mountPropagation !== undefined && mountPropagation !== 'None'
    ? [fieldForbidden(at, 'may only be specified when mountPropagation is None or not specified')]
    : [];
}

function checkDevices(path: string, container: Container, volumes: ReadonlyMap<string, Volume>): Faults {
  const names = new Set<string>();
  return (container.volumeDevices ?? []).flatMap((device: VolumeDevice, i) => {
    const at = `${path}[${i}]`;
    const faults: Faults = [];
    const volume = volumes.get(device.name);
    if (!device.name) faults.push(required(`${at}.name`));
    else if (names.has(device.name)) faults.push(invalid(`${at}.name`, device.name, 'must be unique'));
    else if (!volume) faults.push(missing(`${at}.name`, device.name));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      faults.push(
        invalid(
          `${at}.name`,
          device.name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    }
    names.add(device.name);
    if (!device.devicePath) faults.push(required(`${at}.devicePath`));
    else if (device.devicePath.includes('..')) {
      faults.push(invalid(`${at}.devicePath`, device.devicePath, "can not contain backsteps ('..')"));
    }
    return faults;
  });
}

function missing(field: string, name: string): FieldError {
  return { field, reason: 'FieldValueNotFound', message: `Not found: ${JSON.stringify(name)}` };
}
