/** Leases by which keys expire. Keys that expire in the same minute share one, for a lease per key would cost etcd more than the key does. */
import type { Env } from '#lib/env/env.ts';

/** Keys a lease may hold: etcd removes them all in one transaction when it ends. */
const keysPerLease = 1000;

const bucketMs = 60_000;

interface Bucket {
  lease: Promise<string>;
  keys: number;
}

export interface Leases {
  /** The lease for a key that lives `ttlSeconds` from now; it ends with the minute this time falls in. */
  leaseFor(ttlSeconds: number): Promise<string>;
  /** Drops a lease that etcd does not know any more. */
  forget(lease: string): Promise<void>;
}

/** `grant` makes a lease of so many seconds and resolves to its id. */
export function makeLeases(env: Env, grant: (ttlSeconds: number) => Promise<string>): Leases {
  /** End of the minute, in milliseconds since the epoch -> its newest lease. */
  const buckets = new Map<number, Bucket>();

  const open = (end: number): Bucket => {
    const bucket = { lease: grant(Math.ceil((end - env.now()) / 1000)), keys: 0 };
    bucket.lease.catch(() => buckets.get(end) === bucket && buckets.delete(end));
    buckets.set(end, bucket);
    return bucket;
  };
  const dropPast = () => {
    for (const end of buckets.keys()) if (end <= env.now()) buckets.delete(end);
  };

  return {
    leaseFor(ttlSeconds) {
      dropPast();
      const end = Math.ceil((env.now() + ttlSeconds * 1000) / bucketMs) * bucketMs;
      const known = buckets.get(end);
      const bucket = known && known.keys < keysPerLease ? known : open(end);
      bucket.keys++;
      return bucket.lease;
    },
    async forget(lease) {
      for (const [end, bucket] of buckets) if ((await bucket.lease) === lease) buckets.delete(end);
    },
  };
}
