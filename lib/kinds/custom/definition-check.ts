/** Faults of a CustomResourceDefinition, as upstream's `apis/apiextensions/validation`. */
import { isTrue } from '#lib/meta/conditions.ts';
import { fieldForbidden, invalid, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { GoText } from '#lib/meta/go-text.ts';
import { dns1035Faults, subdomainFaults } from '#lib/meta/names.ts';
import { unchanged } from '../checks/metadata.ts';
import { grammar, needed, oneOf } from '../checks/values.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from '../gen/apiextensions-v1.ts';
import { isPlainPath, namesOf, parseJsonPath } from './json-path.ts';
import type { JsonPath } from './json-path.ts';
import { approvalAnnotation, approvalOf } from './approval.ts';
import { checkSchema } from './schema-check.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const selectableLimit = 8;

export function checkDefinition(now: CustomResourceDefinition, before?: CustomResourceDefinition): FieldError[] {
  const { spec, metadata } = now;
  return [
    ...checkAddress(metadata.name, spec.names.plural, spec.group),
    ...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
    ...checkVersions(spec.versions),
    ...checkNames('spec.names', spec.names),
    ...checkUnknownFields(spec.preserveUnknownFields === true),
    ...checkConversion(spec.conversion),
    ...(before ? checkChange(now, before) : checkApproval(spec.group, metadata.annotations)),
  ];
}

/** Groups of the Kubernetes community say where they were agreed on. */
function checkApproval(group: string, annotations: Readonly<Record<string, string>> | undefined): FieldError[] {
  const approval = approvalOf(group, annotations);
  const { reason, message = '' } = approval ?? {};
  const path = `metadata.annotations[${approvalAnnotation}]`;
  if (reason === 'MissingAnnotation') return [required(path, message)];
  return reason === 'InvalidAnnotation' ? [invalid(path, annotations?.[approvalAnnotation], message)] : [];
}

/** Names once accepted, and stored versions, bind. */
function checkChange(now: CustomResourceDefinition, before: CustomResourceDefinition): FieldError[] {
  const faults: FieldError[] = [];
  if (isTrue(before.status?.conditions, 'Established')) {
    faults.push(
      ...unchanged('spec.scope', now.spec.scope, before.spec.scope),
      ...unchanged('spec.names.kind', now.spec.names.kind, before.spec.names.kind),
    );
  }
  faults.push(
    ...unchanged('spec.group', now.spec.group, before.spec.group),
    ...unchanged('spec.names.plural', now.spec.names.plural, before.spec.names.plural),
    ...checkStoredVersions(now),
  );
  return faults;
}

/** Each version in which objects may be stored must still be there. */
export function checkStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  return (status?.storedVersions ?? []).flatMap((name, i) =>
    spec.versions.some((version) => version.name === name)
      ? []
      : [invalid(`status.storedVersions[${i}]`, name, 'must appear in spec.versions')],
  );
}

function checkAddress(name: string, plural: string, group: string): FieldError[] {
  const faults: FieldError[] = [];
  if (name !== `${plural}.${group}`) {
    faults.push(invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (!group) return [...faults, required('spec.group')];
  faults.push(...grammar('spec.group', group, subdomainFaults));
  if (!group.includes('.')) faults.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  return faults;
}

function checkVersions(versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const faults: FieldError[] = [];
  const names = versions.map(({ name }) => name);
  const shown = new GoText(JSON.stringify(names));
  if (versions.length === 0) faults.push(required('spec.versions', 'must have at least one version'));
  if (new Set(names).size < names.length) {
    faults.push(invalid('spec.versions', shown, 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    faults.push(invalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
  }
  return [...faults, ...versions.flatMap((version, i) => checkVersion(`spec.versions[${i}]`, version))];
}

function checkVersion(path: string, version: CustomResourceDefinitionVersion): FieldError[] {
  const { name, schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
  const faults = grammar(`${path}.name`, name, dns1035Faults);
  const at = `${path}.schema.openAPIV3Schema`;
  if (!schema?.openAPIV3Schema) faults.push(required(at, 'schemas are required'));
  else faults.push(...checkSchema(at, schema.openAPIV3Schema));
  if (version.deprecationWarning !== undefined && !version.deprecated) {
    faults.push(fieldForbidden(`${path}.deprecationWarning`, 'can only be set for deprecated versions'));
  }
  additionalPrinterColumns.forEach((column, i) =>
    faults.push(...checkColumn(`${path}.additionalPrinterColumns[${i}]`, column)),
  );
  if (subresources?.scale) faults.push(...checkScale(`${path}.subresources.scale`, subresources.scale));
  if (selectableFields.length > selectableLimit) {
    faults.push(
      invalid(`${path}.selectableFields`, selectableFields.length, `may not be more than ${selectableLimit}`),
    );
  }
  selectableFields.forEach(({ jsonPath }, i) =>
    faults.push(...checkPlainPath(`${path}.selectableFields[${i}].jsonPath`, jsonPath, [])),
  );
  return faults;
}

function checkColumn(path: string, column: CustomResourceColumnDefinition): FieldError[] {
  const faults = [...needed(`${path}.name`, column.name), ...needed(`${path}.type`, column.type)];
  if (column.type && !columnTypes.includes(column.type)) {
    faults.push(invalid(`${path}.type`, column.type, `must be one of ${columnTypes.join(',')}`));
  }
  if (column.format && !columnFormats.includes(column.format)) {
    faults.push(invalid(`${path}.format`, column.format, `must be one of ${columnFormats.join(',')}`));
  }
  if (!column.jsonPath) return [...faults, required(`${path}.jsonPath`)];
  return [...faults, ...pathFaults(`${path}.jsonPath`, column.jsonPath)];
}

function pathFaults(field: string, text: string): FieldError[] {
  const found = read(text);
  return 'fault' in found ? [invalid(field, text, found.fault)] : [];
}

function read(text: string): { path: JsonPath } | { fault: string } {
  try {
    return { path: parseJsonPath(text) };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

function checkScale(
  path: string,
  scale: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string | undefined },
): FieldError[] {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return [
    ...checkPlainPath(`${path}.specReplicasPath`, specReplicasPath, ['spec']),
    ...checkPlainPath(`${path}.statusReplicasPath`, statusReplicasPath, ['status']),
    ...(labelSelectorPath ? checkPlainPath(`${path}.labelSelectorPath`, labelSelectorPath, ['spec', 'status']) : []),
  ];
}

/** A path of names alone, beneath one of these. */
function checkPlainPath(field: string, text: string, roots: readonly string[]): FieldError[] {
  if (!text) return [required(field)];
  const found = read(text);
  const beneath = roots.map((root) => `.${root}`).join(' or ');
  const should = `should be a json path under ${beneath || '.'}`;
  if ('fault' in found || !text.startsWith('.') || !isPlainPath(found.path)) {
    return [invalid(field, text, 'fault' in found ? found.fault : should)];
  }
  const [first = ''] = namesOf(found.path);
  return roots.length === 0 || roots.includes(first) ? [] : [invalid(field, text, should)];
}

function checkNames(path: string, names: CustomResourceDefinitionNames): FieldError[] {
  const { plural, singular, kind, listKind, shortNames = [], categories = [] } = names;
  const mixed = (field: string, text: string) =>
    dns1035Faults(text.toLowerCase()).map((fault) =>
      invalid(field, text, `may have mixed case, but should otherwise match: ${fault}`),
    );
  return [
    ...(plural ? grammar(`${path}.plural`, plural, dns1035Faults) : [required(`${path}.plural`)]),
    ...(singular ? grammar(`${path}.singular`, singular, dns1035Faults) : []),
    ...(kind ? mixed(`${path}.kind`, kind) : [required(`${path}.kind`)]),
    ...(listKind ? mixed(`${path}.listKind`, listKind) : []),
    ...(kind && kind === listKind
      ? [invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same')]
      : []),
    ...shortNames.flatMap((name, i) => grammar(`${path}.shortNames[${i}]`, name, dns1035Faults)),
    ...categories.flatMap((name, i) => grammar(`${path}.categories[${i}]`, name, dns1035Faults)),
  ];
}

function checkUnknownFields(keepsAll: boolean): FieldError[] {
  if (!keepsAll) return [];
  const because =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalid('spec.preserveUnknownFields', true, because)];
}

function checkConversion(conversion: CustomResourceConversion | undefined): FieldError[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  const faults = oneOf('spec.conversion.strategy', strategy, ['None', 'Webhook']);
  const at = 'spec.conversion.webhook';
  if (strategy === 'None' && webhook) {
    faults.push(fieldForbidden(at, 'should not be set when strategy is not set to Webhook'));
  }
  if (strategy !== 'Webhook') return faults;
  if (!webhook?.clientConfig)
    return [...faults, required(`${at}.clientConfig`, 'required when strategy is set to Webhook')];
  const { url, service } = webhook.clientConfig;
  if ((url === undefined) === (service === undefined)) {
    faults.push(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
  }
  if ((webhook.conversionReviewVersions ?? []).length === 0) {
    faults.push(required(`${at}.conversionReviewVersions`));
  }
  return faults;
}
