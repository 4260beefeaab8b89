/** Defaults and faults of admission webhooks, validating and mutating. */
import { duplicate, invalid, maxFaults, required, type FieldError } from '#lib/meta/errors.ts';
import { GoText, goList, goQuote } from '#lib/meta/go-text.ts';
import { dns1035Faults, subdomainFaults } from '#lib/meta/names.ts';
import type { MutatingWebhook, ServiceReference, ValidatingWebhook } from '../gen/admissionregistration-v1.ts';
import { checkMatchConditions, checkRule } from './admission-rules.ts';
import { fullName } from './domains.ts';
import { checkLabelSelector } from './selectors.ts';
import { grammar, needed, optionalOneOf, portNumber } from './values.ts';

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;
type Webhooks = readonly Webhook[] | undefined;
type Faults = FieldError[];

const versions = ['v1', 'v1beta1'];
const harmless = ['None', 'NoneOnDryRun'];

export function setWebhookDefaults(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  if (webhook.clientConfig.service) webhook.clientConfig.service.port ??= 443;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
}

/** What all of the old webhooks were already spared stays spared. */
export function checkWebhooks(webhooks: Webhooks, before: Webhooks): Faults {
  const names = new Set<string>();
  const old = before ?? [];
  const rules: Rules = {
    sideEffects: old.every(({ sideEffects }) => harmless.includes(sideEffects))
      ? harmless
      : ['None', 'NoneOnDryRun', 'Some', 'Unknown'],
    knownVersions: old.every(({ admissionReviewVersions }) => admissionReviewVersions.some(isKnown)),
  };
  const areUnique = new Set(old.map(({ name }) => name)).size === old.length;
  return (webhooks ?? []).flatMap((webhook, i) => {
    const at = `webhooks[${i}]`;
    const faults = checkWebhook(at, webhook, rules);
    if (webhook.name && names.has(webhook.name) && areUnique) faults.push(duplicate(`${at}.name`, webhook.name));
    names.add(webhook.name);
    return faults;
  });
}

interface Rules {
  sideEffects: readonly string[];
  knownVersions: boolean;
}

const isKnown = (version: string) => versions.includes(version);

function checkWebhook(path: string, webhook: Webhook, { sideEffects: effects, knownVersions }: Rules): Faults {
  const { sideEffects, timeoutSeconds: seconds, admissionReviewVersions } = webhook;
  const faults = fullName(`${path}.name`, webhook.name);
  for (const [i, rule] of (webhook.rules ?? []).entries()) faults.push(...checkRule(`${path}.rules[${i}]`, rule));
  faults.push(...optionalOneOf(`${path}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']));
  faults.push(...optionalOneOf(`${path}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']));
  faults.push(...needed(`${path}.sideEffects`, sideEffects, `must specify one of ${effects.join(', ')}`));
  if (sideEffects) faults.push(...optionalOneOf(`${path}.sideEffects`, sideEffects, effects));
  if (seconds !== undefined && (seconds > 30 || seconds < 1)) {
    faults.push(invalid(`${path}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'));
  }
  for (const selector of ['namespaceSelector', 'objectSelector'] as const) {
    if (webhook[selector]) faults.push(...checkLabelSelector(`${path}.${selector}`, webhook[selector]));
  }
  return [
    ...faults,
    ...optionalOneOf(`${path}.reinvocationPolicy`, webhook.reinvocationPolicy, ['IfNeeded', 'Never']),
    ...checkClient(`${path}.clientConfig`, webhook.clientConfig),
    ...checkMatchConditions(`${path}.matchConditions`, webhook.matchConditions),
    ...checkVersions(`${path}.admissionReviewVersions`, admissionReviewVersions, knownVersions),
  ];
}

function checkVersions(path: string, list: readonly string[], knownVersions: boolean): Faults {
  const all = versions.join(', ');
  if (list.length === 0) return [required(path, `must specify one of ${all}`)];
  const faults = list.flatMap((version, i) =>
    list.indexOf(version) < i
      ? [invalid(`${path}[${i}]`, version, 'duplicate version')]
      : grammar(`${path}[${i}]`, version, dns1035Faults),
  );
  return knownVersions && !list.some(isKnown)
    ? [...faults, invalid(path, goList('string', list), `must include at least one of ${all}`)]
    : faults;
}

function checkClient(path: string, { url, service }: Webhook['clientConfig']): Faults {
  if ((url === undefined) === (service === undefined)) {
    return [required(path, 'exactly one of url or service is required')];
  }
  return url === undefined ? checkService(`${path}.service`, service!) : checkUrl(`${path}.url`, url);
}

const form = '; desired format: https://host[/path]';

/** Where a webhook listens (upstream's `ValidateWebhookURL`). */
function checkUrl(path: string, url: string): Faults {
  const [, scheme = '', authority = '', query = '', fragment = ''] =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/.exec(url) ?? [];
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const faults: Faults = [];
  if (scheme.toLowerCase() !== 'https') {
    faults.push(invalid(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`));
  }
  if (!host) faults.push(invalid(path, host, `host must be provided${form}`));
  if (at >= 0) faults.push(invalid(path, authority.slice(0, at), 'user information is not permitted in the URL'));
  if (fragment) faults.push(invalid(path, fragment, 'fragments are not permitted in the URL'));
  if (query) faults.push(invalid(path, query, 'query parameters are not permitted in the URL'));
  return faults;
}

/** Upstream confuses the service's name and its namespace with each other. */
function checkService(path: string, { name, namespace, path: urlPath = '', port = 443 }: ServiceReference): Faults {
  const faults = [
    ...needed(`${path}.name`, namespace, 'service name is required'),
    ...needed(`${path}.namespace`, name, 'service namespace is required'),
    ...(portNumber('', port).length > 0
      ? [invalid(`${path}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive')]
      : []),
  ];
  const at = `${path}.path`;
  if (urlPath === '' || urlPath === '/') return faults;
  if (urlPath === '//') return [...faults, invalid(at, urlPath, 'segment[0] may not be empty')];
  const shown = new GoText(goQuote(urlPath));
  if (!urlPath.startsWith('/')) faults.push(invalid(at, shown, "must start with a '/'"));
  for (const [i, step] of urlPath.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (faults.length >= maxFaults) return faults;
    if (!step) faults.push(invalid(at, shown, `segment[${i}] may not be empty`));
    else for (const fault of subdomainFaults(step)) faults.push(invalid(at, shown, `segment[${i}]: ${fault}`));
  }
  return faults;
}
