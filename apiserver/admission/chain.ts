/** The admission plugins, in upstream's order, and which of them run. */
import { defaultTolerations } from './default-tolerations.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { priority } from './priority.ts';
import { makeServiceAccountAdmission } from './service-account.ts';
import type { Admission, AdmissionPlugin, AdmissionRule } from './types.ts';

export interface AdmissionOptions {
  random: () => number;
}

/** All plugins as one. */
export function makeAdmission({ random }: AdmissionOptions): Admission {
  const plugins: AdmissionPlugin[] = [
    namespaceLifecycle,
    makeServiceAccountAdmission(random),
    priority,
    defaultTolerations,
  ];
  return {
    admit: inTurn(plugins.flatMap(({ admit }) => admit ?? [])),
    validate: inTurn(plugins.flatMap(({ validate }) => validate ?? [])),
  };
}

function inTurn(rules: readonly AdmissionRule[]): AdmissionRule {
  return (request, look) => {
    for (const rule of rules) rule(request, look);
  };
}
