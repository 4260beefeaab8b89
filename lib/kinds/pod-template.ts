import { formatLabels, nameColumn, text } from './columns.ts';
import { templateWarnings } from './pod-spec/warnings.ts';
import { defineKind } from './define-kind.ts';
import type { PodTemplate } from './gen/core-v1.ts';
import { checkPodTemplate } from './pod-spec/check.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

export const podTemplate = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  description: 'A description of pods, for others to make pods from.',
  plural: 'podtemplates',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.PodTemplate',
  returnsDeleted: true,
  generation: true,
  defaults: (object) => setTemplateDefaults((object.template ??= {})),
  check: ({ template }) => checkPodTemplate('template', template),
  warnings: ({ template }) => templateWarnings('template', template),
  columns: [
    nameColumn,
    text('Containers', ({ template }) => (template?.spec?.containers ?? []).map(({ name }) => name).join(',')),
    text('Images', ({ template }) => (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(',')),
    text('Pod Labels', ({ template }) => formatLabels(template?.metadata?.labels)),
  ],
});
