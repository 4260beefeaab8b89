/** The admission plugins, in the order they run. */
import { defaultTolerations } from './default-tolerations.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { priority } from './priority.ts';
import { makeServiceAccountAdmission } from './service-account.ts';
import type { AdmissionPlugin } from './types.ts';

/** All plugins as one. */
export function makeAdmission(random: () => number): AdmissionPlugin {
  const plugins = [namespaceLifecycle, makeServiceAccountAdmission(random), priority, defaultTolerations];
  return (request, look) => {
    for (const plugin of plugins) plugin(request, look);
  };
}
