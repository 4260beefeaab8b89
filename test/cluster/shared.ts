/** One cluster, of two nodes if nobody says otherwise, for all suites of this folder, started when the first asks and removed after the last. */
import { assertNothingRemains, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';

/** A slow machine may be spared the second node by those who choose tests that need but one. */
const nodes = Number(process.env['WHERRY_TEST_NODES'] ?? 2);
let started: Promise<TestCluster> | undefined;

/** The shared cluster; the first caller waits for it to start. */
export function sharedCluster(): Promise<TestCluster> {
  started ??= startTestCluster('shared', nodes);
  return started;
}

// At the root of the run: after all suites.
suiteTeardown(async function () {
  this.timeout(180_000);
  const cluster = await started?.catch(() => undefined);
  if (!cluster) return;
  await cluster.remove();
  await assertNothingRemains(cluster.layout);
});
