/** Which processors a container gets for itself. Pure. */

/** Where a processor is in the machine: threads of one core share its units, cores of one socket its memory. */
export interface Processor {
  id: number;
  core: number;
  socket: number;
}

/**
 * `count` of the free processors, as close together as there are, as upstream's static policy: whole sockets, then whole cores, then threads of those that have
 * the fewest left. Undefined when there are not as many.
 */
export function takeProcessors(
  machine: readonly Processor[],
  free: ReadonlySet<number>,
  count: number,
): number[] | undefined {
  if (free.size < count) return undefined;
  const taken: number[] = [];
  const left = () => machine.filter(({ id }) => free.has(id) && !taken.includes(id));
  for (const place of [socketOf, coreOf]) {
    const sizes = countBy(machine, place);
    for (const [name, size] of sizes) {
      const group = left().filter((each) => place(each) === name);
      if (group.length === size && size <= count - taken.length) taken.push(...group.map(({ id }) => id));
    }
  }
  const [inSocket, inCore] = [countBy(left(), socketOf), countBy(left(), coreOf)];
  const rest = left().sort(
    (a, b) =>
      inSocket.get(socketOf(a))! - inSocket.get(socketOf(b))! ||
      inCore.get(coreOf(a))! - inCore.get(coreOf(b))! ||
      a.id - b.id,
  );
  taken.push(...rest.slice(0, count - taken.length).map(({ id }) => id));
  return taken.sort((a, b) => a - b);
}

/** Processors as the kernel writes them: `0-3,7`. */
export function formatProcessors(ids: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && id === last[1] + 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** Throws an Error for what is no such list. */
export function parseProcessors(text: string): number[] {
  if (text.trim() === '') return [];
  return text
    .trim()
    .split(',')
    .flatMap((range) => {
      const match = /^(\d+)(?:-(\d+))?$/.exec(range);
      if (!match) throw new Error(`Cannot read a list of processors: ${text}`);
      const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
      return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
    });
}

function socketOf({ socket }: Processor): string {
  return `${socket}`;
}

function coreOf({ socket, core }: Processor): string {
  return `${socket}/${core}`;
}

function countBy(list: readonly Processor[], place: (each: Processor) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of list) counts.set(place(each), (counts.get(place(each)) ?? 0) + 1);
  return counts;
}
