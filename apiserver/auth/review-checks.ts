/** What a review of somebody's rights must be like: upstream's `pkg/apis/authorization/validation`. Pure. */
import { goStruct } from '#lib/kinds/checks/go-value.ts';
import { grammar } from '#lib/kinds/checks/values.ts';
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ResourceAttributes,
} from '#lib/kinds/gen/authorization-v1.ts';
import type { FieldSelectorRequirement, LabelSelectorRequirement } from '#lib/kinds/gen/meta-v1.ts';
import type { ObjectMeta } from '#lib/meta/object.ts';
import { fieldForbidden, invalid, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { labelValueFaults, qualifiedNameFaults } from '#lib/meta/names.ts';

/** What all reviews of rights ask about. */
export interface RightsSpec {
  resourceAttributes?: ResourceAttributes | undefined;
  nonResourceAttributes?: { path?: string | undefined; verb?: string | undefined } | undefined;
}

export interface SubjectSpec extends RightsSpec {
  user?: string | undefined;
  groups?: string[] | undefined;
}

/** `within` says that the review has a namespace. */
export function metadataFaults(metadata: Partial<ObjectMeta> | undefined, within: boolean): FieldError[] {
  const { managedFields: _m, namespace, ...others } = metadata ?? {};
  const given = Object.values(within ? others : { ...others, namespace }).some(
    (value) => value !== undefined && value !== '' && value !== null,
  );
  if (!given) return [];
  const detail = within ? 'must be empty except for namespace' : 'must be empty';
  return [invalid('metadata', goStruct('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', metadata), detail)];
}

export function subjectFaults(spec: SubjectSpec): FieldError[] {
  const faults = askedFaults(spec);
  if (!spec.user && !spec.groups?.length) {
    faults.push(invalid('spec.user', '', 'at least one of user or group must be specified'));
  }
  return [...faults, ...selectorFaults(spec.resourceAttributes)];
}

export function rightsFaults(spec: RightsSpec): FieldError[] {
  return [...askedFaults(spec), ...selectorFaults(spec.resourceAttributes)];
}

export function placeFaults(
  { resourceAttributes, nonResourceAttributes }: RightsSpec,
  namespace: string,
): FieldError[] {
  const faults: FieldError[] = [];
  const asked = resourceAttributes?.namespace ?? '';
  if (resourceAttributes && asked !== namespace) {
    faults.push(invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  }
  if (nonResourceAttributes) {
    const shown = goStruct(pathSchema, nonResourceAttributes);
    faults.push(invalid('spec.nonResourceAttributes', shown, 'disallowed on this kind of request'));
  }
  return faults;
}

const pathSchema = 'io.k8s.api.authorization.v1.NonResourceAttributes';

function askedFaults({ resourceAttributes, nonResourceAttributes }: RightsSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes) {
    const shown = goStruct(pathSchema, nonResourceAttributes);
    return [invalid('spec.nonResourceAttributes', shown, 'cannot be specified in combination with resourceAttributes')];
  }
  if (resourceAttributes || nonResourceAttributes) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalid('spec.resourceAttributes', 'null', detail)];
}

function selectorFaults(attributes: ResourceAttributes | undefined): FieldError[] {
  const path = 'spec.resourceAttributes';
  const { fieldSelector, labelSelector } = attributes ?? {};
  return [
    ...(fieldSelector ? faultsOf(`${path}.fieldSelector`, fieldSelector, fieldTermFaults) : []),
    ...(labelSelector ? faultsOf(`${path}.labelSelector`, labelSelector, labelTermFaults) : []),
  ];
}

type Requirement = FieldSelectorRequirement | LabelSelectorRequirement;

function faultsOf(
  path: string,
  { rawSelector = '', requirements = [] }: FieldSelectorAttributes | LabelSelectorAttributes,
  termFaults: (path: string, term: Requirement) => FieldError[],
): FieldError[] {
  const faults: FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0) {
    faults.push(invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
  }
  if (rawSelector === '' && requirements.length === 0) {
    faults.push(required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`));
  }
  return [...faults, ...requirements.flatMap((term, i) => termFaults(`${path}.requirements[${i}]`, term))];
}

function fieldTermFaults(path: string, term: Requirement): FieldError[] {
  return [...(term.key ? [] : [required(`${path}.key`, 'must be specified')]), ...valueFaults(path, term)];
}

function labelTermFaults(path: string, term: Requirement): FieldError[] {
  return [
    ...valueFaults(path, term),
    ...grammar(`${path}.key`, term.key, qualifiedNameFaults),
    ...(term.values ?? []).flatMap((value, i) => grammar(`${path}.values[${i}]`, value, labelValueFaults)),
  ];
}

/** Operators that are not known come from newer clients, and are let pass. */
function valueFaults(path: string, { operator, values = [] }: Requirement): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    return [fieldForbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  }
  return [];
}
