/** The kinds that a definition of custom resources makes: one for each version that is served. */
import { invalid } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { isMap, put } from '#lib/meta/json-map.ts';
import type { Json } from '#lib/meta/json-map.ts';
import type { Resource } from '#lib/meta/object.ts';
import { defineKind } from '../define-kind.ts';
import type { Conversion, Kind } from '../define-kind.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../gen/apiextensions-v1.ts';
import { conform } from './conform.ts';
import { customType } from './custom-type.ts';
import { fill, hasDefaults } from './fill.ts';
import { namesOf, parseJsonPath, valuesAt } from './json-path.ts';
import type { JsonPath } from './json-path.ts';
import { printedColumns } from './printed-columns.ts';
import { checkRules, hasRules } from './rules.ts';
import { structuralOf } from './structural.ts';
import type { Structural } from './structural.ts';

/**
 * The kinds of all served versions. The definition has been checked. Where a webhook is to convert objects, which is not asked yet, the stored version alone is
 * served: another, unconverted, would be wrong.
 */
export function customKinds(definition: CustomResourceDefinition): Kind[] {
  return [...familyOf(definition).served];
}

/** The kind in whose form objects are stored, be it served or not. */
export function storedKind(definition: CustomResourceDefinition): Kind {
  return familyOf(definition).stored;
}

/** The kinds of one definition. */
interface Family {
  stored: Kind;
  served: readonly Kind[];
}

function familyOf({ spec }: CustomResourceDefinition): Family {
  const isConverted = spec.conversion?.strategy === 'Webhook';
  const all: readonly Kind[] = spec.versions.map((version) => makeKind(spec, version, () => family));
  const family: Family = {
    stored: all[spec.versions.findIndex(({ storage }) => storage)]!,
    served: all.filter((_kind, i) => spec.versions[i]!.served && (!isConverted || spec.versions[i]!.storage)),
  };
  return family;
}

function makeKind(
  spec: CustomResourceDefinition['spec'],
  version: CustomResourceDefinitionVersion,
  family: () => Family,
): Kind {
  const { group, names, scope } = spec;
  const { subresources = {}, selectableFields = [] } = version;
  const apiVersion = `${group}/${version.name}`;
  const schema = version.schema?.openAPIV3Schema ?? {};
  const structural = structuralOf(schema);
  const hasStatus = subresources.status !== undefined;
  return defineKind<Resource>({
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    short: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    schema: [...group.split('.').reverse(), version.name, names.kind].join('.'),
    description: schema.description ?? '',
    custom: customType(structural, () => family().served),
    jsonOnly: true,
    namesVersion: true,
    status: hasStatus,
    statusKeepsMetadata: true,
    generation: hasStatus || raisesByAll,
    ...(version.deprecated && {
      deprecation: version.deprecationWarning ?? `${apiVersion} ${names.kind} is deprecated`,
    }),
    ...(subresources.scale && { scale: scaleBy(subresources.scale) }),
    ...(selectableFields.length > 0 && {
      fields: Object.fromEntries(selectableFields.map(({ jsonPath }) => [jsonPath.slice(1), readerOf(jsonPath)])),
    }),
    columns: printedColumns(version.additionalPrinterColumns),
    conversion: conversionOf(apiVersion, structural, () => family().stored),
    check: (object, before) => faultsOf(object, before, structural),
    checkStatus: (object, before) => faultsOf(object, before, structural),
  });
}

/** Rules are about values that fit the schema: an object that does not is not judged by them. */
function faultsOf(object: Resource, before: Resource | undefined, schema: Structural): FieldError[] {
  const faults = conform(object, schema.source, '', before);
  if (faults.length === 0) return checkRules(object, schema, before);
  if (!hasRules(schema)) return faults;
  const because =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  return [...faults, invalid('<nil>', null, because)];
}

/** Without a status of its own, the status counts with the rest. */
function raisesByAll(now: Resource, before: Resource): boolean {
  const { metadata: _n, ...rest } = now;
  const { metadata: _b, ...was } = before;
  return !equal(rest, was);
}

/**
 * Versions differ in the name of their version alone. Objects are filled in as they are read, too: their definition may have been given defaults after
 * they were stored.
 */
function conversionOf(apiVersion: string, schema: Structural, stored: () => Kind): Conversion<Resource> {
  const hasAny = hasDefaults(schema);
  /** What objects in memory have been made into, as long as these are there. */
  const made = new WeakMap<Resource, Resource>();
  const filled = (object: Resource): Resource => {
    const next = copy(object);
    fill(next, schema);
    return equal(next, object) ? object : next;
  };
  const named = (object: Resource, version: string): Resource =>
    object.apiVersion === version ? object : { ...object, apiVersion: version };
  return {
    get stored() {
      return stored();
    },
    fromStored(object) {
      if (!hasAny) return named(object, apiVersion);
      let result = made.get(object);
      if (!result) made.set(object, (result = named(filled(object), apiVersion)));
      return result;
    },
    toStored: (object) => named(object, stored().apiVersion),
  };
}

function readerOf(jsonPath: string): (object: Resource) => string {
  const path = parseJsonPath(jsonPath);
  return (object) => {
    const [value] = valuesAt(object, path);
    return value === undefined || value === null ? '' : String(value);
  };
}

function scaleBy(paths: {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string | undefined;
}): NonNullable<Kind['scale']> {
  const [spec, status] = [parseJsonPath(paths.specReplicasPath), parseJsonPath(paths.statusReplicasPath)];
  const selector = paths.labelSelectorPath ? parseJsonPath(paths.labelSelectorPath) : undefined;
  const numberAt = (object: Resource, path: JsonPath) => {
    const [value] = valuesAt(object, path);
    return typeof value === 'number' ? value : 0;
  };
  return {
    replicas: (object) => numberAt(object, spec),
    setReplicas: (object, replicas) => setAt(object as unknown as Json, namesOf(spec), replicas),
    status: (object) => numberAt(object, status),
    selector(object) {
      const [value] = selector ? valuesAt(object, selector) : [];
      return typeof value === 'string' ? value : '';
    },
  };
}

function setAt(object: Json, names: readonly string[], value: unknown): void {
  let holder = object;
  for (const name of names.slice(0, -1)) {
    const inner = Object.hasOwn(holder, name) ? holder[name] : undefined;
    const next: Json = isMap(inner) ? inner : {};
    put(holder, name, next);
    holder = next;
  }
  put(holder, names.at(-1)!, value);
}
