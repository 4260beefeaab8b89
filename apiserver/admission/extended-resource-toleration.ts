/** Pods that ask for an extended resource bear the taint that is named after it. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { creates } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  admit(request) {
    if (!creates(request, podKind)) return;
    const { spec } = request.object as Pod;
    const asked = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? {}).filter(isExtended),
    );
    const missing = [...new Set(asked)]
      .sort()
      .filter((key) => !spec.tolerations?.some((own) => own.key === key && own.operator === 'Exists' && !own.effect));
    if (missing.length === 0) return;
    spec.tolerations = [...(spec.tolerations ?? []), ...missing.map((key) => ({ key, operator: 'Exists' as const }))];
  },
};

function isExtended(name: string): boolean {
  const domain = name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
  return (
    domain !== '' && domain !== 'kubernetes.io' && !domain.endsWith('.kubernetes.io') && !name.startsWith('requests.')
  );
}
