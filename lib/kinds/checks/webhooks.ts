/** Defaults and faults of admission webhooks, validating and mutating. */
import { duplicate, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import type { RuleWithOperations, ValidatingWebhook } from '../gen/admissionregistration-v1.ts';
import { checkLabelSelector } from './selectors.ts';
import { between, oneOf } from './values.ts';

type Webhook = ValidatingWebhook;

const versions = ['v1', 'v1beta1'];
const operations = ['*', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

export function setWebhookDefaults(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  if (webhook.clientConfig.service) webhook.clientConfig.service.port ??= 443;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
}

export function checkWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const names = new Set<string>();
  return (webhooks ?? []).flatMap((webhook, i) => {
    const at = `webhooks[${i}]`;
    const faults = checkWebhook(at, webhook);
    if (names.has(webhook.name)) faults.push(duplicate(`${at}.name`, webhook.name));
    names.add(webhook.name);
    return faults;
  });
}

function checkWebhook(path: string, webhook: Webhook): FieldError[] {
  const { name, rules = [], clientConfig, admissionReviewVersions, sideEffects, timeoutSeconds } = webhook;
  const faults: FieldError[] = [];
  if (!name) faults.push(required(`${path}.name`));
  else if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?){2,}$/.test(name)) {
    faults.push(invalid(`${path}.name`, name, 'should be a domain with at least three segments separated by dots'));
  }
  for (const [i, rule] of rules.entries()) faults.push(...checkRule(`${path}.rules[${i}]`, rule));
  faults.push(...oneOf(`${path}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']));
  faults.push(...oneOf(`${path}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']));
  if (!sideEffects) faults.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  else if (!['None', 'NoneOnDryRun'].includes(sideEffects)) {
    faults.push(notSupported(`${path}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun']));
  }
  if (timeoutSeconds !== undefined) faults.push(...checkTimeout(`${path}.timeoutSeconds`, timeoutSeconds));
  for (const selector of ['namespaceSelector', 'objectSelector'] as const) {
    if (webhook[selector]) faults.push(...checkLabelSelector(`${path}.${selector}`, webhook[selector]));
  }
  const at = `${path}.clientConfig`;
  if ((clientConfig.url === undefined) === (clientConfig.service === undefined)) {
    faults.push(required(at, 'exactly one of url or service is required'));
  } else if (clientConfig.url !== undefined && !/^https:\/\/[^/?#]+/.test(clientConfig.url)) {
    faults.push(
      invalid(
        `${at}.url`,
        clientConfig.url,
        "'https' is the only allowed URL scheme; desired format: https://host[/path]",
      ),
    );
  } else if (clientConfig.service)
    faults.push(...between(`${at}.service.port`, clientConfig.service.port ?? 443, 1, 65535));
  if (admissionReviewVersions.length === 0) {
    faults.push(required(`${path}.admissionReviewVersions`, `must specify one of ${versions.join(', ')}`));
  } else if (!admissionReviewVersions.some((version) => versions.includes(version))) {
    faults.push(
      invalid(
        `${path}.admissionReviewVersions`,
        admissionReviewVersions,
        `must include at least one of ${versions.join(', ')}`,
      ),
    );
  }
  return faults;
}

function checkTimeout(path: string, seconds: number): FieldError[] {
  return seconds < 1 || seconds > 30
    ? [invalid(path, seconds, 'the timeout value must be between 1 and 30 seconds')]
    : [];
}

function checkRule(path: string, rule: RuleWithOperations): FieldError[] {
  const faults: FieldError[] = [];
  if (!rule.operations?.length) faults.push(required(`${path}.operations`));
  for (const [i, operation] of (rule.operations ?? []).entries()) {
    faults.push(...oneOf(`${path}.operations[${i}]`, operation, operations));
  }
  for (const field of ['apiGroups', 'apiVersions', 'resources'] as const) {
    const list = rule[field] ?? [];
    if (list.length === 0) faults.push(required(`${path}.${field}`));
    if (field !== 'resources' && list.length > 1 && list.includes('*')) {
      faults.push(invalid(`${path}.${field}`, list, "if '*' is present, must not specify other values"));
    }
  }
  return faults;
}
