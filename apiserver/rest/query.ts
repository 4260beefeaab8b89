/** The options in a request's query, checked as upstream's `apimachinery/pkg/apis/meta/v1/validation`. */
import { deleteOptionsFaults, dryRunFaults } from '#lib/kinds/checks/delete-options.ts';
import { decode } from '#lib/kinds/structure.ts';
import { badRequest, invalidObject, notSupported } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { DeleteOptions, ListOptions, WriteOptions } from '../verbs/types.ts';
import { fieldManagerFaults, managerOfAgent } from './field-manager.ts';

/** Options of create, update and patch. `more` are faults that were found before. */
export function writeOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  userAgent: string | undefined,
  more: readonly FieldError[] = [],
): WriteOptions {
  const fieldValidation = query.get('fieldValidation') ?? '';
  const fieldManager = query.get('fieldManager') ?? '';
  const faults = [...more, ...fieldManagerFaults(fieldManager), ...dryRunFaults(query.getAll('dryRun'))];
  if (!['', 'Strict', 'Warn', 'Ignore'].includes(fieldValidation)) {
    faults.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  }
  refuse(kind, faults);
  return {
    dryRun: query.has('dryRun'),
    fieldManager: fieldManager || managerOfAgent(userAgent),
    ...(query.has('force') && { force: isOn(query, 'force') }),
    fieldValidation: (fieldValidation || 'Warn') as 'Warn',
  };
}

/** Options of list and of the selection of watch and deletecollection. */
export function listOptions(query: URLSearchParams, namespace: string): ListOptions {
  const limit = numberOf(query, 'limit');
  const text = (name: string) => query.get(name) ?? '';
  return {
    namespace,
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    ...(limit !== undefined && limit > 0 && { limit }),
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: text('resourceVersionMatch'),
  };
}

/** Options of delete, from the body when there is one, else from the query. */
export function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const given: Given = body === undefined ? fromQuery(query) : fromBody(body);
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun = [] } = given;
  refuse('DeleteOptions', deleteOptionsFaults(given));
  const policy =
    propagationPolicy ?? (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background');
  return {
    dryRun: dryRun.length > 0,
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(policy && { propagationPolicy: policy as 'Background' }),
    ...(orphanDependents !== undefined && { orphanDependents }),
    ...(preconditions && { preconditions }),
  };
}

/** Whether a switch in the query is on: anything but false and 0 is yes, and a switch without a value too. */
export function isOn(query: URLSearchParams, name: string, otherwise = false): boolean {
  const value = query.get(name);
  return value === null ? otherwise : !['false', '0'].includes(value.toLowerCase());
}

/** A whole number in the query; throws BadRequest for other text. */
export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const isNumber = /^[+-]?\d{1,100}$/.test(text);
  const value = isNumber ? BigInt(text.replace('+', '')) : 0n;
  if (isNumber && BigInt.asIntN(64, value) === value) return Number(value);
  throw badRequest(
    `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${isNumber ? 'value out of range' : 'invalid syntax'}`,
  );
}

interface Given {
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  orphanDependents?: boolean;
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: string[];
}

/** DeleteOptions belong to every group, so their apiVersion says nothing. Who sends the object itself has not meant to say how it is to be deleted. */
function fromBody(body: unknown): Given {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw badRequest('the body is no DeleteOptions');
  const { apiVersion = '', kind, ...options } = body as Record<string, unknown>;
  if (kind && kind !== 'DeleteOptions') {
    throw badRequest(
      `no kind ${goQuote(String(kind))} is registered for version ${goQuote(String(apiVersion))} in scheme "pkg/apis/meta/internalversion/scheme/register.go:27"`,
    );
  }
  decode('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', options);
  return options;
}

function fromQuery(query: URLSearchParams): Given {
  const gracePeriodSeconds = numberOf(query, 'gracePeriodSeconds');
  const propagationPolicy = query.get('propagationPolicy');
  const uid = query.get('uid');
  return {
    ...(uid && { preconditions: { uid } }),
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(propagationPolicy && { propagationPolicy }),
    ...(query.has('orphanDependents') && { orphanDependents: isOn(query, 'orphanDependents') }),
    ...(query.has('dryRun') && { dryRun: query.getAll('dryRun') }),
  };
}

function refuse(kind: string, faults: FieldError[]): void {
  if (faults.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind }, '', faults);
}
