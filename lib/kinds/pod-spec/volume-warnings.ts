/** Warnings of volumes of sorts that nobody runs any more, and of files that get in the way of tokens. */
import { goQuote } from '#lib/meta/go-text.ts';
import type { PersistentVolumeSpec, PodSpec, Volume, VolumeProjection } from '../gen/core-v1.ts';

/** What is to be said of a sort of volume, in upstream's order and by the field's name there. */
const outdated: readonly (readonly [field: keyof Volume, shownAs: string, warning: string])[] = [
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'gitRepo', 'deprecated in v1.11'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

/** Of a pod's volumes. */
export function volumeWarnings(path: string, { volumes = [] }: PodSpec): string[] {
  const tokens = new Set(volumes.flatMap(({ projected }) => pathsOf(projected?.sources ?? [])));
  return [
    ...volumes.flatMap((volume, i) => sourceWarnings(`${path}[${i}]`, volume)),
    ...volumes.flatMap(({ projected }, i) => overlaps(`${path}[${i}].projected.sources`, projected?.sources, tokens)),
  ];
}

function sourceWarnings(path: string, volume: Volume): string[] {
  return outdated.flatMap(([field, shownAs, warning]) => (volume[field] ? [`${path}.${shownAs}: ${warning}`] : []));
}

const unknownOfPersistent = new Set<string>(['gitRepo', 'flocker', 'quobyte']);

/** Of a persistent volume's source. */
export function persistentSourceWarnings(path: string, spec: PersistentVolumeSpec): string[] {
  const order = ['cephfs', 'photonPersistentDisk', 'scaleIO', 'storageos', 'glusterfs', 'rbd'];
  return outdated
    .filter(([field]) => !unknownOfPersistent.has(field) && spec[field as 'rbd'])
    .toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([, shownAs, warning]) => `${path}.${shownAs}: ${warning}`);
}

function pathsOf(sources: readonly VolumeProjection[]): string[] {
  return sources.flatMap(({ serviceAccountToken }) => (serviceAccountToken ? [serviceAccountToken.path] : []));
}

function overlaps(path: string, sources: readonly VolumeProjection[] = [], tokens: ReadonlySet<string>): string[] {
  if (tokens.size === 0) return [];
  const told = (at: string, file: string) =>
    tokens.has(file) ? [`${path}.${at}: has duplicated path with ServiceAccountToken ${goQuote(file)}`] : [];
  return sources.flatMap(({ configMap, secret, downwardAPI, clusterTrustBundle }) => [
    ...(configMap?.items ?? []).flatMap((item, j) => told(`configMap[${j}]`, item.path)),
    ...(secret?.items ?? []).flatMap((item, j) => told(`secrets[${j}]`, item.path)),
    ...(downwardAPI?.items ?? []).flatMap((item, j) => told(`downwardAPI[${j}]`, item.path)),
    ...(clusterTrustBundle ? told('ClusterTrustBundle', clusterTrustBundle.path) : []),
  ]);
}
