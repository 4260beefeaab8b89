import { fieldForbidden, notSupported, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults } from '#lib/meta/names.ts';
import { domainPath } from './checks/domains.ts';
import { unchanged } from './checks/metadata.ts';
import { grammar } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { IngressClass, IngressClassParametersReference, IngressClassSpec } from './gen/networking-v1.ts';
import { checkReference } from './ingress.ts';

const maxControllerLength = 250;

export const ingressClass = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  description: 'A sort of Ingress, and the controller that serves it.',
  plural: 'ingressclasses',
  namespaced: false,
  schema: 'io.k8s.api.networking.v1.IngressClass',
  generation: true,
  defaults: ({ spec }) => {
    if (spec.parameters) spec.parameters.scope ??= 'Cluster';
  },
  check: ({ spec }, before) => [
    ...(before ? unchanged('spec.controller', spec.controller, before.spec.controller) : []),
    ...checkSpec(spec),
  ],
  columns: [
    nameColumn,
    text('Controller', ({ spec }) => spec.controller ?? ''),
    text('Parameters', ({ spec: { parameters } }) =>
      parameters
        ? `${parameters.kind}${parameters.apiGroup ? `.${parameters.apiGroup}` : ''}/${parameters.name}`
        : none,
    ),
    ageColumn,
  ],
});

function checkSpec({ controller = '', parameters }: IngressClassSpec): FieldError[] {
  const path = 'spec.controller';
  return [
    ...(controller.length > maxControllerLength ? [tooLong(path, maxControllerLength)] : []),
    ...domainPath(path, controller),
    ...(parameters ? checkParameters('spec.parameters', parameters) : []),
  ];
}

function checkParameters(path: string, parameters: IngressClassParametersReference): FieldError[] {
  const { scope, namespace } = parameters;
  const faults = checkReference(path, parameters);
  if (scope === undefined) return [...faults, required(`${path}.scope`)];
  const at = `${path}.namespace`;
  switch (scope) {
    case 'Namespace':
      return [
        ...faults,
        ...(namespace === undefined
          ? [required(at, "`parameters.scope` is set to 'Namespace'")]
          : grammar(at, namespace, labelNameFaults)),
      ];
    case 'Cluster':
      if (namespace === undefined) return faults;
      return [...faults, fieldForbidden(at, "`parameters.scope` is set to 'Cluster'")];
    default:
      return [...faults, notSupported(`${path}.scope`, scope, ['Cluster', 'Namespace'])];
  }
}
