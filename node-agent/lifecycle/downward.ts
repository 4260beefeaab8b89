/** What a pod may read of itself: field and resource references, for variables and for downward API volumes. */
import type { Pod, ResourceFieldSelector } from '#lib/kinds/gen/core-v1.ts';
import { millisOf, unitsOf } from '#lib/meta/quantities.ts';

/** What the node adds to what the object says. */
export interface NodeFacts {
  nodeName: string;
  hostIps: readonly string[];
  podIps: readonly string[];
  /** Limits of containers that name none. */
  allocatable: Readonly<Record<string, number | string>>;
}

/** The text at a field path; throws for one that is not supported. */
export function fieldText(pod: Pod, path: string, facts: NodeFacts): string {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed) return pod.metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2]!] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'metadata.labels':
      return formatMap(pod.metadata.labels);
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations);
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIps[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIps.join(',');
    case 'status.podIP':
      return facts.podIps[0] ?? '';
    case 'status.podIPs':
      return facts.podIps.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** Lines of `key="value"` in the order of the keys. */
function formatMap(map: Record<string, string> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${quote(map![key]!)}`)
    .join('\n');
}

/** A string as Go's %q writes it. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(/\\(?:u00([01][0-9a-f])|.)/g, (whole, code: string | undefined) =>
    code === undefined ? whole : (goEscapes[code] ?? `\\x${code}`),
  );
}

const goEscapes: Record<string, string> = { '07': '\\a', '0b': '\\v' };

/** Who names no limit of these has the node's; of huge pages he has none. */
const sharedByAll: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** The amount a resource reference names, in units of its divisor, rounded up. */
export function resourceText(
  pod: Pod,
  ownContainer: string | undefined,
  reference: ResourceFieldSelector,
  facts: NodeFacts,
): string {
  const name = reference.containerName ?? ownContainer;
  const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((item) => item.name === name);
  if (!container) throw new Error(`container ${name} not found`);
  const [side, ...rest] = reference.resource.split('.');
  const resource = rest.join('.');
  if ((side !== 'limits' && side !== 'requests') || resource === '')
    throw new Error(`unsupported container resource : ${reference.resource}`);
  const own = container.resources?.[side]?.[resource];
  const amount = own ?? (side === 'limits' && sharedByAll.has(resource) ? facts.allocatable[resource] : undefined) ?? 0;
  const given = reference.divisor ?? '1';
  const divisor = String(given) === '0' ? '1' : given;
  const read = resource === 'cpu' ? millisOf : unitsOf;
  return String(Math.ceil(read(amount) / read(divisor)));
}
