/** Definitions of custom resources. What they define is served as `lib/kinds/custom/make-kinds.ts` makes it. */
import { checkDefinition, checkStoredVersions } from './custom/definition-check.ts';
import { defineKind } from './define-kind.ts';
import type { CustomResourceDefinition } from './gen/apiextensions-v1.ts';

export const customResourceDefinition = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  description: 'A kind of object that the cluster is to serve besides its own.',
  plural: 'customresourcedefinitions',
  short: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  status: true,
  generation: true,
  namesVersion: true,
  deletionFinalizer: 'customresourcecleanup.apiextensions.k8s.io',
  defaults: ({ spec }) => {
    const { names } = spec;
    if (names.kind) {
      names.singular ??= names.kind.toLowerCase();
      names.listKind ??= `${names.kind}List`;
    }
    spec.conversion ??= { strategy: 'None' };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service) service.port ??= 443;
  },
  prepareCreate: (object) => {
    object.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storedNow(object),
    };
  },
  prepareUpdate: (object) => {
    const { status } = object;
    const stored = status?.storedVersions ?? [];
    const missing = storedNow(object).filter((name) => !stored.includes(name));
    if (missing.length > 0) object.status = { ...status, storedVersions: [...stored, ...missing] };
  },
  check: checkDefinition,
  checkStatus: checkStoredVersions,
});

/** The version in which objects are stored from now on. */
function storedNow({ spec }: CustomResourceDefinition): string[] {
  return spec.versions.filter(({ storage }) => storage).map(({ name }) => name);
}
