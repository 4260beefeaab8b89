/** Faults of label selectors and node selectors. */
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { labelValueFaults, qualifiedNameFaults } from '#lib/meta/names.ts';
import { selects, type LabelSelector } from '#lib/meta/selectors.ts';
import type { NodeSelectorRequirement, NodeSelectorTerm, PodTemplateSpec } from '../gen/core-v1.ts';
import { checkLabels } from './metadata.ts';
import { grammar } from './values.ts';

/** Faults of a meta/v1 LabelSelector. */
export function checkLabelSelector(path: string, selector: LabelSelector): FieldError[] {
  const faults = checkLabels(`${path}.matchLabels`, selector.matchLabels);
  for (const [i, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        faults.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        faults.push(
          fieldForbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      }
    } else faults.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    faults.push(...grammar(`${at}.key`, key, qualifiedNameFaults));
    for (const [j, value] of values.entries()) faults.push(...grammar(`${at}.values[${j}]`, value, labelValueFaults));
  }
  return faults;
}

/** Faults of a workload's selector: there, not empty, and fulfilled by its template. `owner` is the kind in lower case. */
export function checkWorkloadSelector(
  owner: string,
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const faults: FieldError[] = [];
  if (!selector) faults.push(required('spec.selector'));
  else {
    faults.push(...checkLabelSelector('spec.selector', selector));
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
      faults.push(invalid('spec.selector', selector, `empty selector is invalid for ${owner}`));
    }
  }
  return [...faults, ...checkTemplateLabels(selector, template)];
}

/** A workload's template must have labels that its selector finds. */
export function checkTemplateLabels(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const labels = template?.metadata?.labels;
  return selects(selector, labels)
    ? []
    : [invalid('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`')];
}

/** Faults of one term of a node selector. */
export function checkNodeSelectorTerm(path: string, term: NodeSelectorTerm): FieldError[] {
  const faults = (term.matchExpressions ?? []).flatMap((requirement, i) => [
    ...checkNodeRequirement(`${path}.matchExpressions[${i}]`, requirement),
    ...grammar(`${path}.matchExpressions[${i}].key`, requirement.key, qualifiedNameFaults),
  ]);
  for (const [i, { key, operator, values = [] }] of (term.matchFields ?? []).entries()) {
    const at = `${path}.matchFields[${i}]`;
    if (operator !== 'In' && operator !== 'NotIn')
      faults.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    else if (values.length !== 1) {
      faults.push(
        required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
      );
    }
    if (key !== 'metadata.name') faults.push(invalid(`${at}.key`, key, 'not a valid field selector key'));
  }
  return faults;
}

function checkNodeRequirement(path: string, { operator, values = [] }: NodeSelectorRequirement): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length === 0
        ? [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
        : [];
    case 'Exists':
    case 'DoesNotExist':
      return values.length > 0
        ? [fieldForbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
        : [];
    case 'Gt':
    case 'Lt':
      return values.length === 1
        ? []
        : [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [invalid(`${path}.operator`, operator, 'not a valid selector operator')];
  }
}
