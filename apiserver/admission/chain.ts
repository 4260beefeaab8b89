/** The admission plugins, in upstream's order, and which of them run. */
import { builtIn } from '#lib/kinds/index.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import { certificateSubjectRestriction, makeCertificateApproval, makeCertificateSigning } from './certificates.ts';
import { claimResize } from './claim-resize.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { extendedResourceToleration } from './extended-resource-toleration.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { makeOwnerReferencesPermission } from './owner-references.ts';
import { makePodSecurity } from './pod-security.ts';
import type { PodSecurityOptions } from './pod-security.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { makeServiceAccountAdmission } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-protection.ts';
import { taintNodesByCondition } from './taint-nodes.ts';
import type { Admission, AdmissionPlugin, AdmissionRule } from './types.ts';

/** Plugins that run only when they are asked for, as upstream's. */
const offByDefault: ReadonlySet<string> = new Set([
  'AlwaysPullImages',
  'ExtendedResourceToleration',
  'OwnerReferencesPermissionEnforcement',
]);

export interface AdmissionChoice {
  /** Names of plugins that are to run besides those that do anyway. */
  enable?: readonly string[];
  /** Names of plugins that are not to run. */
  disable?: readonly string[];
  podSecurity?: PodSecurityOptions;
}

export interface AdmissionOptions extends AdmissionChoice {
  random: () => number;
  authorize: Authorizer;
  /** Where owners' kinds are looked up; those that are built in when absent. */
  catalog?: Pick<Catalog, 'of'>;
  /** Puts something around each rule of a plugin, such as a clock. */
  around?: (plugin: string, phase: 'admit' | 'validate', rule: AdmissionRule) => AdmissionRule;
}

/** All plugins that run, as one. Throws for a name that is no plugin's. */
export function makeAdmission({
  random,
  authorize,
  catalog = builtIn,
  around = (_plugin, _phase, rule) => rule,
  enable = [],
  disable = [],
  podSecurity,
}: AdmissionOptions): Admission {
  const all: readonly AdmissionPlugin[] = [
    namespaceLifecycle,
    limitRanger,
    makeServiceAccountAdmission(random),
    nodeRestriction,
    taintNodesByCondition,
    alwaysPullImages,
    makePodSecurity(podSecurity),
    priority,
    defaultTolerations,
    extendedResourceToleration,
    defaultStorageClass,
    storageObjectInUseProtection,
    makeOwnerReferencesPermission(authorize, (apiVersion, kind) => catalog.of(apiVersion, kind)),
    claimResize,
    runtimeClass,
    makeCertificateApproval(authorize),
    makeCertificateSigning(authorize),
    certificateSubjectRestriction,
    defaultIngressClass,
  ];
  const names = new Set(all.map(({ name }) => name));
  for (const name of [...enable, ...disable]) {
    if (!names.has(name)) throw new TypeError(`Cannot run admission: there is no plugin "${name}"`);
  }
  const plugins = all.filter(
    ({ name }) => !disable.includes(name) && (!offByDefault.has(name) || enable.includes(name)),
  );
  const rules = (phase: 'admit' | 'validate') =>
    plugins.flatMap(({ name, [phase]: rule }) => (rule ? around(name, phase, rule) : []));
  return { admit: inTurn(rules('admit')), validate: inTurn(rules('validate')) };
}

function inTurn(rules: readonly AdmissionRule[]): AdmissionRule {
  return (request, look) => {
    for (const rule of rules) rule(request, look);
  };
}
