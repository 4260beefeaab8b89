/** Which of upstream's feature gates this cluster does as if they were on, as upstream's `component-base/featuregate` tells its own. */
import type { Registry } from '#lib/metrics/registry.ts';

/** Stages at release 1.32; a feature that has grown up has none. Gates of what we lack are not told: who looks for one finds nothing, rather than 0. */
const features: Readonly<Record<string, '' | 'BETA'>> = {
  AuthorizeNodeWithSelectors: 'BETA',
  AuthorizeWithSelectors: 'BETA',
  ConsistentListFromCache: 'BETA',
  JobBackoffLimitPerIndex: 'BETA',
  JobPodFailurePolicy: '',
  JobSuccessPolicy: 'BETA',
  RetryGenerateName: '',
  SidecarContainers: 'BETA',
  WatchList: 'BETA',
};

export function tellFeatures(registry: Registry): void {
  registry.reading(
    'gauge',
    'kubernetes_feature_enabled',
    '[BETA] This metric records the data about the stage and enablement of a k8s feature.',
    ['name', 'stage'],
    () => Object.entries(features).map(([name, stage]) => [[name, stage], 1]),
  );
}
