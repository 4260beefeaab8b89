import { required, type FieldError } from '#lib/meta/errors.ts';
import { unchanged } from './checks/metadata.ts';
import { optionalOneOf } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { IngressClass, IngressClassSpec } from './gen/networking-v1.ts';

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
    ...checkSpec(spec),
    ...(before ? unchanged('spec.controller', spec.controller, before.spec.controller) : []),
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

function checkSpec({ parameters }: IngressClassSpec): FieldError[] {
  if (!parameters) return [];
  const at = 'spec.parameters';
  const faults = (['kind', 'name'] as const)
    .filter((name) => !parameters[name])
    .map((name) => required(`${at}.${name}`));
  faults.push(...optionalOneOf(`${at}.scope`, parameters.scope, ['Cluster', 'Namespace']));
  if (parameters.scope === 'Namespace' && !parameters.namespace) {
    faults.push(required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  }
  return faults;
}
