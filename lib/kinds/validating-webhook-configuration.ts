import { checkWebhooks, setWebhookDefaults } from './checks/webhooks.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ValidatingWebhookConfiguration } from './gen/admissionregistration-v1.ts';

export const validatingWebhookConfiguration = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  description: 'Web services that may refuse objects as they are written.',
  plural: 'validatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  generation: true,
  defaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) setWebhookDefaults(webhook);
  },
  check: ({ webhooks }, before) => checkWebhooks(webhooks, before?.webhooks),
  columns: [nameColumn, integer('Webhooks', ({ webhooks }) => webhooks?.length ?? 0), ageColumn],
});
