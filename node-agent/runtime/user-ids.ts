/** Which user and group ids of the node stand for those of a pod in a user namespace of its own. Pure. */

/** As upstream: every pod has as many ids as a machine's own users, 0 to 65535. */
export const idsPerPod = 65_536;

/** Ids of the node, `first` to `first + count - 1`, that are 0 to `count - 1` in the pod: of users and of groups alike. */
export interface UserIds {
  first: number;
  count: number;
}

/** What pods are given ids from: so many ranges of `idsPerPod`, the lowest beginning at `first`. */
export interface IdPool {
  first: number;
  ranges: number;
}

/** Some programs take ids for signed numbers. */
const idLimit = 2 ** 31;

/** All there are beyond those of the machine itself. */
export const wholeIdPool: IdPool = { first: idsPerPod, ranges: idLimit / idsPerPod - 1 };

/** Throws for a pool that has ids of the machine's own, or such as do not exist. */
export function checkIdPool({ first, ranges }: IdPool): void {
  const whole = Number.isInteger(first) && Number.isInteger(ranges) && first % idsPerPod === 0;
  if (!whole || ranges < 1 || first < idsPerPod || first + ranges * idsPerPod > idLimit)
    throw new Error(
      `Cannot give pods ids from ${first} on: ranges must begin at multiples of ${idsPerPod}, above 0, and end below ${idLimit}`,
    );
}

/**
 * A range of the pool that none of `taken` touches: the first free one behind `previous`, so that ids rest for long after their pod is gone. Undefined when there is
 * none.
 */
export function freeIds(taken: readonly UserIds[], pool: IdPool, previous?: UserIds): UserIds | undefined {
  const behind = previous ? Math.floor((previous.first - pool.first) / idsPerPod) + 1 : 0;
  for (let step = 0; step < pool.ranges; step++) {
    const index = (Math.max(behind, 0) + step) % pool.ranges;
    const ids = { first: pool.first + index * idsPerPod, count: idsPerPod };
    if (!taken.some((other) => overlap(ids, other))) return ids;
  }
  return undefined;
}

function overlap(a: UserIds, b: UserIds): boolean {
  return a.first < b.first + b.count && b.first < a.first + a.count;
}
