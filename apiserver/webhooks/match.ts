/** Which webhooks are asked about a request, as upstream's `admission/plugin/webhook/predicates`. Pure but for what is looked up. */
import { compileCondition } from '#lib/kinds/checks/expressions.ts';
import { runWithin } from '#lib/cel/expression.ts';
import type { Expression } from '#lib/cel/expression.ts';
import type {
  MutatingWebhook,
  NamedRuleWithOperations,
  ValidatingWebhook,
} from '#lib/kinds/gen/admissionregistration-v1.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { selects } from '#lib/meta/selectors.ts';
import type { LabelSelector } from '#lib/meta/selectors.ts';
import type { AdmissionRequest, Lookup } from '../admission/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { variablesOf } from './variables.ts';

/** All conditions of a webhook together; far more than they take, unless they are made to. */
const limitMs = 2000;

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
export function isAsked(
  webhook: Webhook,
  request: AdmissionRequest,
  look: Lookup,
  authorize: Authorizer,
  review: () => object,
): boolean {
  const { rules = [], namespaceSelector, objectSelector } = webhook;
  if (!isSelected({ rules, namespaceSelector, objectSelector }, request, look)) return false;
  const conditions = conditionsOf(webhook);
  if (conditions.length === 0) return true;
  const variables = variablesOf(request, authorize, review);
  return runWithin(limitMs, () => conditions.every((condition) => condition.evaluate(variables) === true));
}

/** Which requests something is for. */
export interface Selection {
  rules: readonly NamedRuleWithOperations[];
  excluded?: readonly NamedRuleWithOperations[] | undefined;
  namespaceSelector?: LabelSelector | undefined;
  objectSelector?: LabelSelector | undefined;
}

export function isSelected(selection: Selection, request: AdmissionRequest, look: Lookup): boolean {
  const { rules, excluded = [], namespaceSelector = {}, objectSelector = {} } = selection;
  const matches = (rule: NamedRuleWithOperations) => ruleMatches(rule, request);
  if (!rules.some(matches) || excluded.some(matches)) return false;
  const labels = namespaceLabels(request, look);
  if (labels && !selects(namespaceSelector, labels)) return false;
  const { object, before } = request;
  return [object, before].some((item) => item && selects(objectSelector, item.metadata.labels ?? {}));
}

function ruleMatches(rule: NamedRuleWithOperations, { kind, operation, subresource, name }: AdmissionRequest): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], resourceNames = [], scope = '*' } = rule;
  const has = (list: readonly string[], item: string) => list.includes('*') || list.includes(item);
  if (scope !== '*' && (scope === 'Namespaced') !== kind.namespaced) return false;
  if (!has(operations, operation) || !has(apiGroups, kind.group) || !has(apiVersions, kind.version)) return false;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
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

/** By the webhook in memory, which is another one after each change. */
const compiled = new WeakMap<Webhook, Expression[]>();

function conditionsOf(webhook: Webhook): Expression[] {
  let found = compiled.get(webhook);
  if (!found) {
    found = (webhook.matchConditions ?? []).map(({ expression }) => compileCondition(expression));
    compiled.set(webhook, found);
  }
  return found;
}
