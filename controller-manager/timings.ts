/** How long controllers wait for what they cannot know. */
export interface Timings {
  /** A node whose Lease is older than this counts as unreachable. */
  nodeGraceMs: number;
  /** How often a node that is not ready is looked at. */
  nodeCheckMs: number;
  /** A pod bound to no node that exists is removed after this long. */
  orphanQuarantineMs: number;
  /** How often all pods are looked at for those that nobody will remove. */
  podCheckMs: number;
}

/** Upstream's. */
export const defaultTimings: Timings = {
  nodeGraceMs: 40_000,
  nodeCheckMs: 5000,
  orphanQuarantineMs: 40_000,
  podCheckMs: 20_000,
};
