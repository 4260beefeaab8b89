/** API objects as Go's `%#v` writes them, which is how upstream shows the value of a field that is a struct. */
import { GoText, goQuote, goIntOrString, writtenOnce } from '#lib/meta/go-text.ts';
import { pointerFields, schemaType, type SchemaField } from '../schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** Upstream prints where a pointer points to, which differs with every request. */
const address = '0xc000a2e3c8';

/** The struct of this definition name, such as `io.k8s.api.rbac.v1.RoleRef`, with these fields. */
export function goStruct(schema: string, value: object | undefined): GoText {
  return new GoText(structText(schema, (value ?? {}) as Json));
}

/** A list of structs; an absent one is nil. */
export function goStructs(schema: string, list: readonly object[] | undefined): GoText {
  const text = () => fieldText({ type: 'array', items: { $ref: schema } }, list);
  return list ? writtenOnce(list, text) : new GoText(text());
}

/** Amounts of resources by name. */
export function goAmounts(amounts: object | undefined): GoText {
  return new GoText(fieldText({ type: 'object', additionalProperties: { type: 'quantity' } }, amounts));
}

const podSpec = 'io.k8s.api.core.v1.PodSpec';
/** What the server's own types have in a pod's security context. */
const ofHost = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'];

export interface GoField {
  name: string;
  field: SchemaField;
  isPointer: boolean;
}

/** The fields that the server's own type has, in order. */
export function goFields(schema: string): GoField[] {
  const pointers = pointerFields(schema);
  const fields = Object.entries(schemaType(schema).props ?? {}).map(([name, field]) => ({
    name,
    field,
    isPointer: pointers.includes(name),
  }));
  if (schema === podSpec) return fields.filter(({ name }) => name !== 'serviceAccount' && !ofHost.includes(name));
  if (schema !== 'io.k8s.api.core.v1.PodSecurityContext') return fields;
  const { props = {} } = schemaType(podSpec);
  const moved = ofHost.map((name) => ({ name, field: props[name]!, isPointer: /^[^h]|Users$/.test(name) }));
  return [...moved, ...fields];
}

/** A value with its fields where the server's own type has them. */
export function asOnServer(schema: string, value: Json): Json {
  if (schema !== podSpec || !ofHost.some((name) => value[name] !== undefined)) return value;
  const moved = Object.fromEntries(ofHost.map((name) => [name, value[name]]));
  return { ...value, securityContext: { ...moved, ...(value['securityContext'] as object) } };
}

function structText(schema: string, value: Json): string {
  const held = asOnServer(schema, value);
  const fields = goFields(schema).map(({ name, field, isPointer }) => {
    const text = isPointer ? pointerText(field, held[name]) : fieldText(field, held[name]);
    return `${goFieldName(name)}:${text}`;
  });
  return `${goTypeName(schema)}{${fields.join(', ')}}`;
}

function pointerText(field: SchemaField, value: unknown): string {
  // Times say `nil` themselves.
  if (field.format === 'date-time') return value === undefined ? '<nil>' : timeText(value);
  return `(*${typeText(field)})(${value === undefined ? 'nil' : address})`;
}

function fieldText(field: SchemaField, value: unknown): string {
  if (field.$ref) return structText(field.$ref, (value ?? {}) as Json);
  switch (field.type) {
    case 'array':
      if (value === undefined) return `${typeText(field)}(nil)`;
      return `${typeText(field)}{${(value as unknown[]).map((item) => fieldText(field.items ?? {}, item)).join(', ')}}`;
    case 'object': {
      if (value === undefined) return `${typeText(field)}(nil)`;
      const entries = Object.keys(value as Json).sort();
      const texts = entries.map(
        (key) => `${goQuote(key)}:${fieldText(field.additionalProperties ?? {}, (value as Json)[key])}`,
      );
      return `${typeText(field)}{${texts.join(', ')}}`;
    }
    case 'quantity':
      return quantityText(value);
    case 'int-or-string':
      return goIntOrString(value as number | string | undefined).text;
    case 'boolean':
      return String(value ?? false);
    case 'integer':
    case 'number':
      return String(value ?? 0);
    default:
      return field.format === 'date-time' ? timeText(value) : goQuote(String(value ?? ''));
  }
}

function typeText(field: SchemaField): string {
  if (field.$ref) return goTypeName(field.$ref);
  switch (field.type) {
    case 'array':
      return `[]${typeText(field.items ?? {})}`;
    case 'object':
      return field.additionalProperties?.type === 'quantity'
        ? 'core.ResourceList'
        : `map[string]${typeText(field.additionalProperties ?? {})}`;
    case 'quantity':
      return 'resource.Quantity';
    case 'int-or-string':
      return 'intstr.IntOrString';
    case 'boolean':
      return 'bool';
    case 'integer':
      return field.format ?? 'int32';
    default:
      return field.format === 'byte' ? '[]uint8' : 'string';
  }
}

function quantityText(value: unknown): string {
  return goQuantity(value as number | string | undefined).text;
}

/** A quantity that upstream shows by its parts and not by its text. */
export function goQuantity(value: number | string | undefined): GoText {
  const text = String(value ?? '');
  const [, number = '0', suffix = ''] = /^([+-]?[\d.]+)(.*)$/.exec(text) ?? [];
  const binary = /^[KMGTPE]i$/.exec(suffix);
  const [whole = '', fraction = ''] = number.split('.');
  const scale = decimalScales.get(suffix) ?? (/^[eE]/.test(suffix) ? Number(suffix.slice(1)) : 0);
  const factor = binary ? 1n << BigInt(10 * ' KMGTPE'.indexOf(suffix[0]!)) : 1n;
  const format = binary ? 'BinarySI' : /^[eE][+-]?\d/.test(suffix) ? 'DecimalExponent' : 'DecimalSI';
  const parts = `value:${BigInt(whole + fraction || '0') * factor}, scale:${scale - fraction.length}`;
  return new GoText(
    `resource.Quantity{i:resource.int64Amount{${parts}}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:${goQuote(text)}, Format:"${format}"}`,
  );
}

const decimalScales = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);

const months = 'January February March April May June July August September October November December'.split(' ');

function timeText(value: unknown): string {
  if (typeof value !== 'string') return 'time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)';
  const [, year, month, day, hour, minute, second] = /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/.exec(value)!.map(Number);
  return `time.Date(${year}, time.${months[month! - 1]}, ${day}, ${hour}, ${minute}, ${second}, 0, time.Local)`;
}

/** `io.k8s.api.core.v1.Pod` -> `core.Pod`, the server's own type; meta types have one version only. */
export function goTypeName(schema: string): string {
  const parts = schema.split('.');
  const [group, version, name] = parts.slice(-3);
  return schema.includes('.apimachinery.') ? `${version}.${name}` : `${group}.${name}`;
}

const initialisms =
  /^(?:api|ca|cidrs?|csi|dns|fc|fs|gmsa|grpc|hostPID|hostIPC|http|ip|iscsi|mtu|nfs|os|pd|rbd|se(?=Linux)|tcp|tty|ttl|uid|url|wwids)(?=[A-Z]|s?$)/;

/** `apiGroup` -> `APIGroup`. */
export function goFieldName(name: string): string {
  if (name === 'metadata') return 'ObjectMeta';
  const initialism = initialisms.exec(name)?.[0];
  if (initialism && !initialism.startsWith('host')) return initialism.toUpperCase() + name.slice(initialism.length);
  return name.charAt(0).toUpperCase() + name.slice(1);
}
