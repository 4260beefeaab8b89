/** Faults of the sources that pods' volumes and persistent volumes both may have. */
import { fieldForbidden, invalid, notSupported, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { between, grammar, needed, withoutBackSteps } from '../checks/values.ts';
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  HostPathVolumeSource,
  ISCSIPersistentVolumeSource,
  ISCSIVolumeSource,
  NFSVolumeSource,
  QuobyteVolumeSource,
} from '../gen/core-v1.ts';

type Faults = FieldError[];

/** Looks at what one source says; `path` ends with the source's name. */
export type SourceCheck = (path: string, source: never) => Faults;

/** How a source is called in messages, and what is looked at in it. */
interface Sort {
  check: SourceCheck;
  /** Upstream's paths do not always have the field's own name: of the source's fields, and of a source too many. */
  at?: string;
  barredAs?: string;
}

/** Sources by field name, in the order in which upstream looks at them. */
export type Sorts = Readonly<Record<string, Sort | SourceCheck>>;

/** Exactly one of `sorts` must be there in `holder`. */
export function checkOneSource(path: string, holder: object, sorts: Sorts): Faults {
  const faults: Faults = [];
  let found = false;
  for (const [name, sort] of Object.entries(sorts)) {
    const source = (holder as Record<string, unknown>)[name];
    if (source === undefined) continue;
    const { check, at = name, barredAs = name }: Sort = typeof sort === 'function' ? { check: sort } : sort;
    if (found) faults.push(fieldForbidden(`${path}.${barredAs}`, 'may not specify more than 1 volume type'));
    else faults.push(...check(`${path}.${at}`, source as never));
    found = true;
  }
  return found ? faults : [required(path, 'must specify a volume type')];
}

/** A source of which some texts must be there and nothing else can be wrong. */
export const needs =
  (...names: string[]): SourceCheck =>
  (path, source) =>
    names.flatMap((name) => {
      const value = source[name] as unknown;
      const isThere = Array.isArray(value) ? value.length > 0 : Boolean(value);
      return isThere ? [] : [required(`${path}.${name}`)];
    });

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

export function checkHostPath(path: string, { path: file, type }: HostPathVolumeSource): Faults {
  if (!file) return [required(`${path}.path`)];
  return [
    ...withoutBackSteps(`${path}.path`, file),
    ...(type === undefined || hostPathTypes.includes(type) ? [] : [notSupported(`${path}.type`, type, hostPathTypes)]),
  ];
}

export function checkNfs(path: string, { server, path: folder }: NFSVolumeSource): Faults {
  return [
    ...needed(`${path}.server`, server),
    ...needed(`${path}.path`, folder),
    ...(folder.startsWith('/') ? [] : [invalid(`${path}.path`, folder, 'must be an absolute path')]),
  ];
}

export function checkGceDisk(path: string, { pdName, partition = 0 }: GCEPersistentDiskVolumeSource): Faults {
  return [...needed(`${path}.pdName`, pdName), ...checkPartition(path, partition)];
}

export function checkAwsDisk(path: string, { volumeID, partition = 0 }: AWSElasticBlockStoreVolumeSource): Faults {
  return [...needed(`${path}.volumeID`, volumeID), ...checkPartition(path, partition)];
}

function checkPartition(path: string, partition: number): Faults {
  return partition < 0 || partition > 255
    ? [invalid(`${path}.partition`, partition, 'must be between 1 and 255, inclusive')]
    : [];
}

export function checkFlocker(path: string, { datasetName = '', datasetUUID = '' }: FlockerVolumeSource): Faults {
  const faults: Faults = [];
  if (!datasetName && !datasetUUID) faults.push(required(path, 'one of datasetName and datasetUUID is required'));
  if (datasetName && datasetUUID) {
    faults.push(invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  }
  if (datasetName.includes('/')) faults.push(invalid(`${path}.datasetName`, datasetName, "must not contain '/'"));
  return faults;
}

export function checkQuobyte(path: string, { registry, tenant = '', volume }: QuobyteVolumeSource): Faults {
  const faults: Faults = [];
  const pairs = 'must be a host:port pair or multiple pairs separated by commas';
  if (!registry) faults.push(required(`${path}.registry`, pairs));
  else if (tenant.length >= 65) {
    faults.push(required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
  } else {
    for (const pair of registry.split(',')) {
      if (!/^([^:[\]]*|\[[^[\]]*\]):[^:]*$/.test(pair)) faults.push(invalid(`${path}.registry`, registry, pairs));
    }
  }
  return [...faults, ...needed(`${path}.volume`, volume)];
}

export function checkFc(path: string, { targetWWNs = [], wwids = [], lun }: FCVolumeSource): Faults {
  const faults: Faults = [];
  const at = `${path}.targetWWNs`;
  if (targetWWNs.length === 0 && wwids.length === 0) {
    faults.push(required(at, 'must specify either targetWWNs or wwids, but not both'));
  }
  if (targetWWNs.length > 0 && wwids.length > 0) {
    faults.push(invalid(at, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  }
  if (targetWWNs.length === 0) return faults;
  if (lun === undefined) return [...faults, required(`${path}.lun`, 'lun is required if targetWWNs is specified')];
  return [...faults, ...between(`${path}.lun`, lun, 0, 255)];
}

export function checkAzureDisk(path: string, disk: AzureDiskVolumeSource): Faults {
  const { diskName, diskURI, cachingMode, kind } = disk;
  const faults = [...needed(`${path}.diskName`, diskName), ...needed(`${path}.diskURI`, diskURI)];
  const modes = ['None', 'ReadOnly', 'ReadWrite'];
  const kinds = ['Dedicated', 'Managed', 'Shared'];
  if (cachingMode !== undefined && !modes.includes(cachingMode)) {
    faults.push(notSupported(`${path}.cachingMode`, cachingMode, modes));
  }
  if (kind !== undefined && !kinds.includes(kind)) faults.push(notSupported(`${path}.kind`, kind, kinds));
  const managed = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
  const blob = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';
  if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/')) {
    faults.push(notSupported(`${path}.diskURI`, diskURI, [managed]));
  }
  if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://')) {
    faults.push(notSupported(`${path}.diskURI`, diskURI, [blob]));
  }
  return faults;
}

/** What pods' and persistent iSCSI volumes have in common; their words differ a little. */
export function checkIscsi(
  path: string,
  iscsi: ISCSIVolumeSource | ISCSIPersistentVolumeSource,
  wrongStart: string,
): Faults {
  const faults: Faults = [];
  if (iscsi.iqn) faults.push(...checkInitiator(`${path}.iqn`, iscsi.iqn, wrongStart, false));
  else faults.push(required(`${path}.iqn`));
  faults.push(...between(`${path}.lun`, iscsi.lun, 0, 255));
  if ((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && !iscsi.secretRef) {
    faults.push(required(`${path}.secretRef`));
  }
  return faults;
}

/** A portal's name is made of the volume's and its own. */
export function checkPortalName(
  path: string,
  name: string,
  { initiatorName, targetPortal }: { initiatorName?: string | undefined; targetPortal: string },
  shown: string = name,
): Faults {
  if (initiatorName === undefined || `${name}:${targetPortal}`.length <= 64) return [];
  const rule = 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters';
  return [invalid(path, shown, `${rule} if iscsi.initiatorName is specified.`)];
}

const initiatorForms: Readonly<Record<string, RegExp>> = {
  iqn: /^iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
};

/** An iSCSI name. */
export function checkInitiator(path: string, name: string, wrongStart: string, ofInitiator: boolean): Faults {
  const form = initiatorForms[name.slice(0, 3)];
  if (!form) return [invalid(path, name, wrongStart)];
  return form.test(name) || (ofInitiator && name === '') ? [] : [invalid(path, name, 'must be valid format')];
}

/** The name of a CSI driver. */
export function checkDriverName(path: string, name: string): Faults {
  return [
    ...needed(path, name),
    ...(name.length > 63 ? [tooLong(path, 63)] : []),
    ...subdomainFaults(name.toLowerCase()).map((fault) => invalid(path, name, fault)),
  ];
}

export function checkFlexVolume(
  path: string,
  { driver, options = {} }: { driver: string; options?: Record<string, string> | undefined },
): Faults {
  const faults = needed(`${path}.driver`, driver);
  for (const key of Object.keys(options)) {
    const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : key;
    if (/\.(kubernetes|k8s)\.io$/.test(`.${namespace.toLowerCase()}`)) {
      const detail = 'kubernetes.io and k8s.io namespaces are reserved';
      faults.push(invalid(`${path}.options[${key}]`, key, detail));
    }
  }
  return faults;
}

/** Names that StorageOS gives volumes. */
export function checkStorageOs(
  path: string,
  { volumeName, volumeNamespace }: { volumeName?: string | undefined; volumeNamespace?: string | undefined },
): Faults {
  return [
    ...(volumeName ? grammar(`${path}.volumeName`, volumeName, labelNameFaults) : [required(`${path}.volumeName`)]),
    ...(volumeNamespace ? grammar(`${path}.volumeNamespace`, volumeNamespace, labelNameFaults) : []),
  ];
}

/** A secret by name, or by name and namespace; absent is fine. */
export function checkSecretRef(path: string, ref: object | undefined, ...names: string[]): Faults {
  return ref ? names.flatMap((name) => needed(`${path}.${name}`, (ref as Record<string, string>)[name])) : [];
}
