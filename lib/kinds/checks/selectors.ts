/** Faults of label selectors and node selectors. */
import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import type { GoText } from '#lib/meta/go-text.ts';
import { labelValueFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import type { LabelSelector } from '#lib/meta/selectors.ts';
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../gen/core-v1.ts';
import { goStruct } from './go-value.ts';
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

/** Faults of a workload's selector: there, and not empty. `owner` is the kind in lower case. */
export function checkWorkloadSelector(owner: string, selector: LabelSelector | undefined): FieldError[] {
  if (!selector) return [required('spec.selector')];
  const faults = checkLabelSelector('spec.selector', selector);
  if (isEmpty(selector)) {
    faults.push(invalid('spec.selector', goSelector(selector), `empty selector is invalid for ${owner}`));
  }
  return faults;
}

/** Whether a selector is there and says nothing. */
export function isEmpty(selector: LabelSelector | undefined): boolean {
  if (!selector) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

/** Whether upstream can make use of a selector at all. */
export function isReadable(selector: LabelSelector | undefined): boolean {
  return !selector || checkLabelSelector('', selector).length === 0;
}

/** A selector as upstream shows it. */
export function goSelector(selector: LabelSelector | undefined): GoText {
  return goStruct('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', selector);
}

/** A workload's selector is for good. */
export function unchangedSelector(now: LabelSelector | undefined, before: LabelSelector | undefined): FieldError[] {
  return equal(now, before) ? [] : [invalid('spec.selector', now && goSelector(now), 'field is immutable')];
}

/** Faults of a selector of nodes that must match. */
export function checkNodeSelector(path: string, { nodeSelectorTerms }: NodeSelector): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  if (nodeSelectorTerms.length === 0) return [required(at, 'must have at least one node selector term')];
  return nodeSelectorTerms.flatMap((term, i) => checkNodeSelectorTerm(`${at}[${i}]`, term, true));
}

/** Faults of one term of a node selector; a term that is only preferred may have values that no label can have. */
export function checkNodeSelectorTerm(path: string, term: NodeSelectorTerm, strict: boolean): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, i) =>
      checkNodeRequirement(`${path}.matchExpressions[${i}]`, requirement, strict),
    ),
    ...(term.matchFields ?? []).flatMap((requirement, i) => checkNodeField(`${path}.matchFields[${i}]`, requirement)),
  ];
}

function checkNodeField(path: string, { key, operator, values = [] }: NodeSelectorRequirement): FieldError[] {
  const faults: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    faults.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    faults.push(required(`${path}.values`, detail));
  }
  if (key !== 'metadata.name') return [...faults, invalid(`${path}.key`, key, 'not a valid field selector key')];
  return [...faults, ...values.flatMap((value, i) => grammar(`${path}.values[${i}]`, value, subdomainFaults))];
}

function checkNodeRequirement(path: string, requirement: NodeSelectorRequirement, strict: boolean): FieldError[] {
  const { key, values = [] } = requirement;
  return [
    ...checkNodeOperator(path, requirement),
    ...grammar(`${path}.key`, key, qualifiedNameFaults),
    ...(strict ? values.flatMap((value, i) => grammar(`${path}.values[${i}]`, value, labelValueFaults)) : []),
  ];
}

function checkNodeOperator(path: string, { operator, values = [] }: NodeSelectorRequirement): FieldError[] {
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
