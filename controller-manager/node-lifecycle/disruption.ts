/** How much of a zone is gone: whether nodes look dead one by one, or so many that the fault is more likely elsewhere. */
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { isTrue } from '#lib/meta/conditions.ts';

/** `full`: no node of the cluster is ready; `partial`: most of this zone is not, and the zone is too small to tell. */
export type Disruption = 'none' | 'partial' | 'full';

/** Upstream's: at least this share of a zone, and more than two nodes. */
const unhealthyShare = 0.55;
/** A zone of more nodes than this goes on evicting. */
const largeZone = 50;

const zoneLabels = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'];

/** `isSilent` tells of nodes that were not heard of for too long, whatever their conditions still say. */
export function disruptionOf(node: Node, nodes: readonly Node[], isSilent: (name: string) => boolean): Disruption {
  const isHealthy = ({ metadata, status }: Node) => isTrue(status?.conditions, 'Ready') && !isSilent(metadata.name);
  if (!nodes.some(isHealthy)) return 'full';
  const zone = nodes.filter((each) => zoneOf(each) === zoneOf(node));
  const unhealthy = zone.filter((each) => !isHealthy(each)).length;
  const partial = unhealthy > 2 && unhealthy / zone.length >= unhealthyShare && zone.length <= largeZone;
  return partial ? 'partial' : 'none';
}

function zoneOf({ metadata }: Node): string {
  return zoneLabels.map((label) => metadata.labels?.[label] ?? '').join('/');
}
