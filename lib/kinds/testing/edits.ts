/** Tables of edits of a good object, and the faults that each brings. */
import assert from 'node:assert/strict';
import { copy } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Kind } from '../define-kind.ts';
import { faultsOf, made } from './objects.ts';

/** Sentences that come often, by the short names that tables use for them. */
const sentences: Readonly<Record<string, string>> = {
  '{subdomain}':
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  '{label}':
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  '{name part}':
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  '{label value}':
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  '{1035 label}':
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  '{config key}':
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
  '{ip}': 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  '{cidr}': 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
};

/** A fault as it is told, with the short names written out. */
function written(fault: string): string {
  return fault.replaceAll(/\{[a-z0-9 ]+\}/g, (name) => sentences[name] ?? name);
}

/** What is changed, as `path = JSON` or, to take it away, `path` alone; several with `; ` between them. Then the faults. */
export type Edit = readonly [edits: string, ...faults: string[]];

/** Each edit of a body that is good as it is must bring exactly its faults. Defines a test per edit. */
export function testEdits<T extends Resource>(
  kind: Kind<T>,
  body: Record<string, unknown>,
  table: readonly Edit[],
): void {
  test('a good one', () => assert.deepEqual(faultsOf(kind, made(kind, body)), []));
  for (const [edits, ...faults] of table) {
    test(edits, () => assert.deepEqual(faultsOf(kind, made(kind, edited(body, edits))), faults.map(written)));
  }
}

/** As testEdits(), of updates: the body is what there was before. */
export function testUpdates<T extends Resource>(
  kind: Kind<T>,
  body: Record<string, unknown>,
  table: readonly Edit[],
): void {
  const before = made(kind, body);
  test('no change', () => assert.deepEqual(faultsOf(kind, copy(before), before), []));
  for (const [edits, ...faults] of table) {
    test(edits, () => assert.deepEqual(faultsOf(kind, made(kind, edited(body, edits)), before), faults.map(written)));
  }
}

/** As testUpdates(), of what a write of the status alone must keep. */
export function testStatuses<T extends Resource>(
  kind: Kind<T>,
  body: Record<string, unknown>,
  table: readonly Edit[],
): void {
  const before = made(kind, body);
  const statusFaults = (object: T) =>
    (kind.checkStatus?.(object, before) ?? []).map(({ field, message }) => `${field}: ${message}`);
  test('no change of the status', () => assert.deepEqual(statusFaults(copy(before)), []));
  for (const [edits, ...faults] of table) {
    test(edits, () => assert.deepEqual(statusFaults(made(kind, edited(body, edits))), faults.map(written)));
  }
}

/** As testEdits(), of the warnings that a new object brings. */
export function testWarnings<T extends Resource>(
  kind: Kind<T>,
  body: Record<string, unknown>,
  table: readonly Edit[],
): void {
  const warningsOf = (object: T) => kind.warnings?.(object, undefined) ?? [];
  test('nothing to warn of', () => assert.deepEqual(warningsOf(made(kind, body)), []));
  for (const [edits, ...warnings] of table) {
    test(edits, () => assert.deepEqual(warningsOf(made(kind, edited(body, edits))), warnings.map(written)));
  }
}

/** A body with some edits. */
function edited(body: Record<string, unknown>, edits: string): Record<string, unknown> {
  const result = copy(body);
  for (const edit of edits.split('; ')) {
    const [path = '', json] = edit.split(/ = (.*)/s);
    const steps = path.match(/[^.[\]]+|\[[^\]]*\]/g)!.map((step) => step.replaceAll(/[[\]]/g, ''));
    const last = steps.pop()!;
    let at = result;
    for (const [i, step] of steps.entries()) {
      at[step] ??= /^\d+$/.test(steps[i + 1] ?? last) ? [] : {};
      at = at[step] as Record<string, unknown>;
    }
    if (json === undefined) delete at[last];
    else at[last] = JSON.parse(json);
  }
  return result;
}
