import { equal } from '#lib/meta/equal.ts';
import { invalid, notSupported, type FieldError } from '#lib/meta/errors.ts';
import { checkFlowRule } from './checks/flow-rules.ts';
import { checkTypedConditions } from './checks/typed-conditions.ts';
import { subdomain } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { exemptName, mandatoryFlowSchemas } from './flow-mandatory.ts';
import type { FlowSchema } from './gen/flowcontrol-v1.ts';

const maxPrecedence = 10_000;

export const flowSchema = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  description: 'Which requests to the API belong together, and how important they are.',
  plural: 'flowschemas',
  namespaced: false,
  schema: 'io.k8s.api.flowcontrol.v1.FlowSchema',
  status: true,
  statusKeepsMetadata: true,
  generation: true,
  defaults: ({ spec }) => {
    spec.matchingPrecedence ||= 1000;
  },
  check: (object) => [...checkSpec(object), ...checkMandatory(object), ...checkStatus(object)],
  checkStatus,
  rowOrder: byPrecedence,
  columns: [
    nameColumn,
    text('PriorityLevel', ({ spec }) => spec.priorityLevelConfiguration.name),
    text('MatchingPrecedence', ({ spec }) => spec.matchingPrecedence ?? 0),
    text('DistinguisherMethod', ({ spec }) => spec.distinguisherMethod?.type ?? none),
    ageColumn,
    {
      ...text('MissingPL', ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?'),
      description: 'Whether the priority level that it names is missing.',
    },
  ],
});

/** In the order in which schemas are tried: by precedence, then by name. */
export function byPrecedence(a: FlowSchema, b: FlowSchema): number {
  const difference = (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0);
  return difference || (a.metadata.name < b.metadata.name ? -1 : 1);
}

function checkSpec({ metadata, spec }: FlowSchema): FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod, priorityLevelConfiguration } = spec;
  const faults: FieldError[] = [];
  const wrong = (because: string) => faults.push(invalid('spec.matchingPrecedence', precedence, because));
  if (precedence <= 0) wrong('must be a positive value');
  if (precedence > maxPrecedence) wrong(`must not be greater than ${maxPrecedence}`);
  if (precedence === 1 && metadata.name !== exemptName) {
    wrong("only the schema named 'exempt' may have matchingPrecedence 1");
  }
  const methods = ['ByNamespace', 'ByUser'];
  if (distinguisherMethod && !methods.includes(distinguisherMethod.type)) {
    faults.push(notSupported('spec.distinguisherMethod.type', distinguisherMethod, methods));
  }
  const level = 'spec.priorityLevelConfiguration.name';
  faults.push(...subdomain(level, priorityLevelConfiguration.name, 'must reference a priority level'));
  return [...faults, ...(spec.rules ?? []).flatMap((rule, i) => checkFlowRule(`spec.rules[${i}]`, rule))];
}

function checkMandatory({ metadata: { name }, spec }: FlowSchema): FieldError[] {
  const fixed = mandatoryFlowSchemas.get(name);
  if (!fixed || equal(spec, fixed)) return [];
  return [invalid('spec', spec, `spec of '${name}' must equal the fixed value`)];
}

function checkStatus({ status }: FlowSchema): FieldError[] {
  return checkTypedConditions('status.conditions', status?.conditions);
}
