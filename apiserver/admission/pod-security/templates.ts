/** Where each kind that makes pods keeps what they are to be like. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { cronJob } from '#lib/kinds/cron-job.ts';
import { daemonSet } from '#lib/kinds/daemon-set.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { job } from '#lib/kinds/job.ts';
import { podTemplate } from '#lib/kinds/pod-template.ts';
import { replicaSet } from '#lib/kinds/replica-set.ts';
import { replicationController } from '#lib/kinds/replication-controller.ts';
import { statefulSet } from '#lib/kinds/stateful-set.ts';
import type { Resource } from '#lib/meta/object.ts';

export type TemplateReader = (object: Resource) => PodTemplateSpec | undefined;

const inSpec: TemplateReader = (object) =>
  (object as { spec?: { template?: PodTemplateSpec } } & Resource).spec?.template;
/** By kind. */
export const templates = new Map<Kind, TemplateReader>([
  ...[daemonSet, deployment, job, replicaSet, replicationController, statefulSet].map(
    (kind) => [kind as Kind, inSpec] as const,
  ),
  [podTemplate, (object) => (object as { template?: PodTemplateSpec } & Resource).template],
  [
    cronJob,
    (object) =>
      (object as { spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } } } & Resource).spec?.jobTemplate
        ?.spec?.template,
  ],
]);
