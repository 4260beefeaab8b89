/** Which webhooks are asked about a request, as upstream's `admission/plugin/webhook/predicates`. Pure but for what is looked up. */
import { makeCompiler } from '#lib/cel/expression.ts';
import type { Expression } from '#lib/cel/expression.ts';
import type {
  MutatingWebhook,
  RuleWithOperations,
  ValidatingWebhook,
} from '#lib/kinds/gen/admissionregistration-v1.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { selects } from '#lib/meta/selectors.ts';
import type { AdmissionRequest, Lookup } from '../admission/types.ts';

export type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

/** What configures admission is never asked about: a webhook that fails could not be taken away else. */
const exempt: ReadonlySet<string> = new Set([
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
]);

/** Parts of objects that are no objects of their kind, and bear no rules of theirs. */
const otherShapes: ReadonlySet<string> = new Set(['scale', 'binding', 'eviction', 'token']);

/** Whether webhooks may be asked about the request at all. */
export function mayBeAsked({ kind, subresource }: AdmissionRequest): boolean {
  if (otherShapes.has(subresource) || !kind.verbs.includes('get')) return false;
  return kind.group !== 'admissionregistration.k8s.io' || !exempt.has(kind.plural);
}

/** Whether this webhook is asked. `review` is what it would be asked; throws Error for a condition that cannot be evaluated. */
export function isAsked(webhook: Webhook, request: AdmissionRequest, look: Lookup, review: () => object): boolean {
  const { rules = [], namespaceSelector, objectSelector, matchConditions = [] } = webhook;
  if (!rules.some((rule) => ruleMatches(rule, request))) return false;
  const labels = namespaceLabels(request, look);
  if (labels && !selects(namespaceSelector ?? {}, labels)) return false;
  const { object, before } = request;
  const isSelected = [object, before].some((item) => item && selects(objectSelector ?? {}, item.metadata.labels ?? {}));
  return isSelected && conditionsHold(matchConditions, request, review);
}

function ruleMatches(rule: RuleWithOperations, { kind, operation, subresource }: AdmissionRequest): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' } = rule;
  const has = (list: readonly string[], item: string) => list.includes('*') || list.includes(item);
  if (scope !== '*' && (scope === 'Namespaced') !== kind.namespaced) return false;
  if (!has(operations, operation) || !has(apiGroups, kind.group) || !has(apiVersions, kind.version)) return false;
  return resources.some((resource) => {
    const [plural = '', part = ''] = resource.split('/');
    return (plural === '*' || plural === kind.plural) && (part === '*' || part === subresource);
  });
}

/** Undefined for what lives in no namespace, and is no namespace itself. */
function namespaceLabels(
  { kind, namespace, object }: AdmissionRequest,
  look: Lookup,
): Record<string, string> | undefined {
  if (kind === namespaceKind) return object.metadata.labels ?? {};
  if (!kind.namespaced) return undefined;
  return look.get(namespaceKind, { namespace: '', name: namespace })?.metadata.labels ?? {};
}

const compile = makeCompiler(['object', 'oldObject', 'request']);
const compiled = new Map<string, Expression>();
const cacheLimit = 1000;

function conditionsHold(
  conditions: readonly { name: string; expression: string }[],
  { object, before, operation }: AdmissionRequest,
  review: () => object,
): boolean {
  if (conditions.length === 0) return true;
  const variables = {
    object: asCel(operation === 'DELETE' ? null : object),
    oldObject: asCel(before ?? null),
    request: asCel((review() as { request: object }).request),
  };
  return conditions.every(({ expression }) => expressionOf(expression).evaluate(variables) === true);
}

function expressionOf(source: string): Expression {
  let found = compiled.get(source);
  if (!found) {
    if (compiled.size >= cacheLimit) compiled.clear();
    compiled.set(source, (found = compile(source)));
  }
  return found;
}

/** JSON as CEL knows it: what is whole is an integer. */
function asCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(asCel);
  if (typeof value !== 'object' || value === null) return value;
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) result[key] = asCel(item);
  return result;
}
