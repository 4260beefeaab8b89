import { checkWebhooks, setWebhookDefaults } from './checks/webhooks.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { MutatingWebhookConfiguration } from './gen/admissionregistration-v1.ts';

export const mutatingWebhookConfiguration = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  description: 'Web services that may change objects as they are written.',
  plural: 'mutatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  generation: true,
  defaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) {
      setWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  check: ({ webhooks }, before) => checkWebhooks(webhooks, before?.webhooks),
  columns: [nameColumn, integer('Webhooks', ({ webhooks }) => webhooks?.length ?? 0), ageColumn],
});
