/** Faults of a pod's volumes. */
import { duplicate, fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { checkLabels } from '../checks/metadata.ts';
import {
  configKeyFaults,
  grammar,
  label,
  optionalOneOf,
  quantity,
  relativePath,
  subdomain,
  withoutBackSteps,
} from '../checks/values.ts';
import type { DownwardAPIVolumeFile, KeyToPath, PodSpec, ProjectedVolumeSource, Volume } from '../gen/core-v1.ts';
import { checkFieldRef, checkResourceFieldRef } from './check-containers.ts';
import { checkVolumeClaimSpec } from './check-volume-claim.ts';

type Faults = FieldError[];

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
const downwardFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.labels',
  'metadata.annotations',
  'metadata.uid',
];

/** Faults of all volumes of a pod. */
export function checkVolumes(path: string, spec: PodSpec): Faults {
  const names = new Set<string>();
  return (spec.volumes ?? []).flatMap((volume, i) => {
    const at = `${path}[${i}]`;
    const faults = checkSource(at, volume);
    const bad = label(`${at}.name`, volume.name);
    if (bad.length > 0) faults.push(...bad);
    else if (names.has(volume.name)) faults.push(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    return faults;
  });
}

function checkSource(path: string, volume: Volume): Faults {
  const given = (Object.keys(volume) as (keyof Volume)[]).filter((key) => key !== 'name' && volume[key] !== undefined);
  const faults = given
    .slice(1)
    .map((key) => fieldForbidden(`${path}.${key}`, 'may not specify more than 1 volume type'));
  if (given.length === 0) return [required(path, 'must specify a volume type')];
  const check = sourceChecks[given[0]!];
  return [...(check?.(`${path}.${given[0]}`, volume) ?? []), ...faults];
}

/** What is wrong with a source of each sort; sorts without an entry have nothing that validation could find. */
const sourceChecks: Partial<Record<keyof Volume, (path: string, volume: Volume) => Faults>> = {
  hostPath: (path, { hostPath }) => [
    ...(hostPath!.path ? withoutBackSteps(`${path}.path`, hostPath!.path) : [required(`${path}.path`)]),
    ...optionalOneOf(`${path}.type`, hostPath!.type, hostPathTypes),
  ],
  emptyDir: (path, { emptyDir }) =>
    emptyDir!.sizeLimit === undefined ? [] : quantity(`${path}.sizeLimit`, emptyDir!.sizeLimit),
  secret: (path, { secret }) => [
    ...(secret!.secretName ? [] : [required(`${path}.secretName`)]),
    ...checkMode(`${path}.defaultMode`, secret!.defaultMode),
    ...checkItems(`${path}.items`, secret!.items),
  ],
  configMap: (path, { configMap }) => [
    ...(configMap!.name ? [] : [required(`${path}.name`)]),
    ...checkMode(`${path}.defaultMode`, configMap!.defaultMode),
    ...checkItems(`${path}.items`, configMap!.items),
  ],
  downwardAPI: (path, { downwardAPI }) => [
    ...checkMode(`${path}.defaultMode`, downwardAPI!.defaultMode),
    ...checkDownwardItems(path, downwardAPI!.items),
  ],
  projected: (path, { projected }) => checkProjected(path, projected!),
  persistentVolumeClaim: (path, { persistentVolumeClaim }) =>
    persistentVolumeClaim!.claimName ? [] : [required(`${path}.claimName`)],
  nfs: (path, { nfs }) => [
    ...(nfs!.server ? [] : [required(`${path}.server`)]),
    ...(nfs!.path ? [] : [required(`${path}.path`)]),
    ...(nfs!.path && !nfs!.path.startsWith('/')
      ? [invalid(`${path}.path`, nfs!.path, 'must be an absolute path')]
      : []),
  ],
  csi: (path, { csi }) => [
    ...(csi!.driver ? [] : [required(`${path}.driver`)]),
    ...(csi!.nodePublishSecretRef && !csi!.nodePublishSecretRef.name
      ? [required(`${path}.nodePublishSecretRef.name`)]
      : []),
  ],
  ephemeral: (path, { ephemeral }) => {
    const template = ephemeral!.volumeClaimTemplate;
    if (!template) return [required(`${path}.volumeClaimTemplate`)];
    const at = `${path}.volumeClaimTemplate`;
    return [
      ...checkLabels(`${at}.metadata.labels`, template.metadata?.labels),
      ...checkVolumeClaimSpec(`${at}.spec`, template.spec),
    ];
  },
  image: (path, { image }) => [
    ...(image!.reference ? [] : [required(`${path}.reference`)]),
    ...optionalOneOf(`${path}.pullPolicy`, image!.pullPolicy, ['Always', 'IfNotPresent', 'Never']),
  ],
  gitRepo: (path, { gitRepo }) => [
    ...(gitRepo!.repository ? [] : [required(`${path}.repository`)]),
    ...(gitRepo!.directory ? relativePath(`${path}.directory`, gitRepo!.directory) : []),
  ],
};

function checkMode(path: string, mode: number | undefined): Faults {
  return mode !== undefined && (mode < 0 || mode > 0o777)
    ? [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}

function checkItems(path: string, items: readonly KeyToPath[] | undefined): Faults {
  return (items ?? []).flatMap((item, i) => {
    const at = `${path}[${i}]`;
    return [
      ...(item.key ? grammar(`${at}.key`, item.key, configKeyFaults) : [required(`${at}.key`)]),
      ...checkFilePath(`${at}.path`, item.path),
      ...checkMode(`${at}.mode`, item.mode),
    ];
  });
}

/** A file's place within its volume; names that begin with `..` belong to the machinery that swaps contents atomically. */
function checkFilePath(path: string, value: string): Faults {
  if (!value) return [required(path)];
  const faults = relativePath(path, value);
  if (value.startsWith('..') && !value.split('/').includes('..')) {
    faults.push(invalid(path, value, "must not start with '..'"));
  }
  return faults;
}

function checkDownwardItems(path: string, items: readonly DownwardAPIVolumeFile[] | undefined): Faults {
  return (items ?? []).flatMap((item) => {
    const faults = checkFilePath(`${path}.path`, item.path);
    if (item.fieldRef) {
      faults.push(...checkFieldRef(`${path}.fieldRef`, item.fieldRef.fieldPath, downwardFields));
      if (item.resourceFieldRef) {
        faults.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
      }
    } else if (item.resourceFieldRef) {
      if (!item.resourceFieldRef.containerName) faults.push(required(`${path}.resourceFieldRef.containerName`));
      faults.push(...checkResourceFieldRef(`${path}.resourceFieldRef`, item.resourceFieldRef));
    } else faults.push(required(`${path}.fieldRef`, 'one of fieldRef and resourceFieldRef is required'));
    return [...faults, ...checkMode(`${path}.mode`, item.mode)];
  });
}

function checkProjected(path: string, { sources = [], defaultMode }: ProjectedVolumeSource): Faults {
  const faults = checkMode(`${path}.defaultMode`, defaultMode);
  const paths = new Set<string>();
  const claim = (at: string, file: string) => {
    if (paths.has(file)) faults.push(invalid(at, file, 'conflicting duplicate paths'));
    if (file) paths.add(file);
  };
  for (const [i, source] of sources.entries()) {
    const at = `${path}.sources[${i}]`;
    const kinds = Object.keys(source);
    for (const kind of kinds.slice(1)) {
      faults.push(fieldForbidden(`${at}.${kind}`, 'may not specify more than 1 volume type per source'));
    }
    const { secret, configMap, downwardAPI, serviceAccountToken: token } = source;
    for (const [kind, keyed] of [
      ['secret', secret],
      ['configMap', configMap],
    ] as const) {
      if (!keyed) continue;
      if (!keyed.name) faults.push(required(`${at}.${kind}.name`));
      faults.push(...checkItems(`${at}.${kind}.items`, keyed.items));
      for (const item of keyed.items ?? []) claim(`${at}.${kind}`, item.path);
    }
    if (downwardAPI) {
      faults.push(...checkDownwardItems(`${at}.downwardAPI`, downwardAPI.items));
      for (const item of downwardAPI.items ?? []) claim(`${at}.downwardAPI`, item.path);
    }
    if (!token) continue;
    const seconds = token.expirationSeconds ?? 3600;
    if (seconds < 600) {
      faults.push(
        invalid(
          `${at}.serviceAccountToken.expirationSeconds`,
          seconds,
          'may not specify a duration less than 10 minutes',
        ),
      );
    } else if (seconds > 2 ** 32) {
      faults.push(
        invalid(
          `${at}.serviceAccountToken.expirationSeconds`,
          seconds,
          'may not specify a duration larger than 2^32 seconds',
        ),
      );
    }
    faults.push(...checkFilePath(`${at}.serviceAccountToken.path`, token.path));
    if (token.path) claim(`${at}.serviceAccountToken`, token.path);
  }
  return faults;
}

/** Faults of the names of secrets that hold registry passwords. */
export function checkPullSecrets(path: string, spec: PodSpec): Faults {
  return (spec.imagePullSecrets ?? []).flatMap(({ name }, i) => (name ? subdomain(`${path}[${i}].name`, name) : []));
}

/** The operating system's name. */
export function checkOs(path: string, spec: PodSpec): Faults {
  if (!spec.os) return [];
  if (!spec.os.name) return [required(`${path}.name`)];
  return ['linux', 'windows'].includes(spec.os.name)
    ? []
    : [notSupported(`${path}.name`, spec.os.name, ['linux', 'windows'])];
}
