/** Faults of what volumes show as files: keys of ConfigMaps and Secrets, fields of the pod, tokens, trust bundles. */
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { goStruct } from '../checks/go-value.ts';
import { checkLabelSelector } from '../checks/selectors.ts';
import { checkSignerName, trustBundleNameFaults } from '../checks/signers.ts';
import { needed, relativePath } from '../checks/values.ts';
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
} from '../gen/core-v1.ts';
import { checkFieldRef, checkResourceFieldRef } from './check-environment.ts';

type Faults = FieldError[];

const downwardFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** Permission bits of files. */
export function checkMode(path: string, mode: number | undefined): Faults {
  return mode !== undefined && (mode < 0 || mode > 0o777)
    ? [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}

/** Keys, and the files that show them. */
export function checkItems(path: string, items: readonly KeyToPath[] | undefined): Faults {
  return (items ?? []).flatMap((item, i) => {
    const at = `${path}[${i}]`;
    return [
      ...needed(`${at}.key`, item.key),
      ...checkFilePath(`${at}.path`, item.path),
      ...checkMode(`${at}.mode`, item.mode),
    ];
  });
}

/** A file's place within its volume; names that begin with `..` belong to the machinery that swaps contents atomically. */
function checkFilePath(path: string, value: string): Faults {
  if (!value) return [required(path)];
  return reservedPath(path, value);
}

function reservedPath(path: string, value: string): Faults {
  const faults = relativePath(path, value);
  if (value.startsWith('..') && !value.startsWith('../')) faults.push(invalid(path, value, "must not start with '..'"));
  return faults;
}

/** Files that show fields of the pod. */
export function checkDownwardItems(path: string, items: readonly DownwardAPIVolumeFile[] | undefined): Faults {
  return (items ?? []).flatMap((item) => {
    const faults = checkFilePath(`${path}.path`, item.path);
    if (item.fieldRef) {
      faults.push(...checkFieldRef(`${path}.fieldRef`, item.fieldRef, downwardFields));
      if (item.resourceFieldRef) {
        faults.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
      }
    } else if (item.resourceFieldRef) {
      faults.push(...checkResourceFieldRef(`${path}.resourceFieldRef`, item.resourceFieldRef, true));
    } else faults.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
    return [...faults, ...checkMode(`${path}.mode`, item.mode)];
  });
}

/** Several sources in one folder, which may not claim the same file. */
export function checkProjected(path: string, { sources = [], defaultMode }: ProjectedVolumeSource): Faults {
  const faults = checkMode(`${path}.defaultMode`, defaultMode);
  const taken = new Set<string>();
  const claim = (file: string, shown: string) => {
    if (taken.has(file)) faults.push(invalid(path, shown, 'conflicting duplicate paths'));
    taken.add(file);
  };
  for (const [i, source] of sources.entries()) {
    const at = `${path}.sources[${i}]`;
    for (const sort of ['secret', 'configMap'] as const) {
      const keyed = source[sort];
      if (!keyed) continue;
      faults.push(...needed(`${at}.${sort}.name`, keyed.name), ...checkItems(`${at}.${sort}.items`, keyed.items));
      for (const item of keyed.items ?? []) if (item.path) claim(item.path, keyed.name ?? '');
    }
    if (source.downwardAPI) {
      faults.push(...checkDownwardItems(`${at}.downwardAPI`, source.downwardAPI.items));
      for (const item of source.downwardAPI.items ?? []) if (item.path) claim(item.path, item.path);
    }
    if (source.serviceAccountToken) faults.push(...checkToken(path, at, source.serviceAccountToken));
    if (source.clusterTrustBundle) {
      faults.push(...checkTrustBundle(`${at}.clusterTrustBundle`, source.clusterTrustBundle));
      claim(source.clusterTrustBundle.path, source.clusterTrustBundle.path);
    }
    if (Object.values(source).filter((sort) => sort !== undefined).length > 1) {
      faults.push(fieldForbidden(at, 'may not specify more than 1 volume type per source'));
    }
  }
  return faults;
}

/** Upstream names a token's path as if it were the volume's. */
function checkToken(volumePath: string, sourcePath: string, token: ServiceAccountTokenProjection): Faults {
  const at = `${sourcePath}.serviceAccountToken.expirationSeconds`;
  const seconds = token.expirationSeconds ?? 3600;
  const faults: Faults = [];
  if (seconds < 600) faults.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > 2 ** 32) faults.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  return [...faults, ...checkFilePath(`${volumePath}.path`, token.path)];
}

function checkTrustBundle(path: string, bundle: ClusterTrustBundleProjection): Faults {
  const { name, signerName, labelSelector } = bundle;
  const faults: Faults = [];
  if (name !== undefined && signerName !== undefined) {
    const shown = goStruct('io.k8s.api.core.v1.ClusterTrustBundleProjection', bundle);
    faults.push(invalid(path, shown, 'only one of name and signerName may be used'));
  } else if (name !== undefined) {
    faults.push(...needed(`${path}.name`, name, 'must be a valid object name'));
    for (const fault of trustBundleNameFaults(name)) {
      faults.push(invalid(`${path}.name`, name, `not a valid clustertrustbundlename: ${fault}`));
    }
    if (labelSelector) {
      const shown = goStruct('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', labelSelector);
      faults.push(invalid(`${path}.labelSelector`, shown, 'labelSelector must be unset if name is specified'));
    }
  } else if (signerName !== undefined) {
    faults.push(...needed(`${path}.signerName`, signerName, 'must be a valid signer name'));
    faults.push(...checkSignerName(`${path}.signerName`, signerName));
    if (labelSelector) faults.push(...checkLabelSelector(`${path}.labelSelector`, labelSelector));
  } else faults.push(required(path, 'either name or signerName must be specified'));
  return [...faults, ...needed(`${path}.path`, bundle.path), ...reservedPath(`${path}.path`, bundle.path)];
}
