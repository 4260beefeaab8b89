import { CronError, parseCron } from '#lib/meta/cron.ts';
import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { nonNegative, oneOf } from './checks/values.ts';
import {
  ageColumn,
  containerColumns,
  integer,
  nameColumn,
  none,
  selectorColumn,
  since,
  text,
  yesOrNo,
} from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CronJob, CronJobSpec } from './gen/batch-v1.ts';
import { checkJobTemplate } from './job-check.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

/** Names of jobs add eleven characters to the cron job's, and must stay within a label. */
const maxNameLength = 52;

export const cronJob = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  description: 'Makes Jobs by a schedule.',
  plural: 'cronjobs',
  short: ['cj'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.batch.v1.CronJob',
  status: true,
  generation: true,
  nameFaults: (name) => [
    ...(name.length > maxNameLength ? [`must be no more than ${maxNameLength} characters`] : []),
    ...subdomainFaults(name),
  ],
  defaults: ({ spec }) => {
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    spec.jobTemplate.metadata ??= {};
    spec.jobTemplate.spec ??= { template: {} };
    setTemplateDefaults((spec.jobTemplate.spec.template ??= {}));
  },
  check: ({ spec }) => [
    ...checkSchedule(spec),
    ...checkZone(spec.timeZone),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...checkJobTemplate('spec.jobTemplate.spec', spec.jobTemplate.spec ?? { template: {} }),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ],
  columns: [
    nameColumn,
    text('Schedule', ({ spec }) => spec.schedule),
    text('Timezone', ({ spec }) => spec.timeZone ?? none),
    text('Suspend', ({ spec }) => yesOrNo(spec.suspend)),
    integer('Active', ({ status }) => status?.active?.length ?? 0),
    text('Last Schedule', ({ status }, context) =>
      status?.lastScheduleTime ? since(status.lastScheduleTime, context) : none,
    ),
    ageColumn,
    ...containerColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template.spec?.containers),
    selectorColumn(({ spec }) => spec.jobTemplate.spec?.selector),
  ],
});

function checkSchedule({ schedule, timeZone }: CronJobSpec): FieldError[] {
  const path = 'spec.schedule';
  if (!schedule) return [required(path)];
  if (schedule.includes('TZ')) {
    const because = timeZone
      ? 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
      : 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    return [invalid(path, schedule, because)];
  }
  try {
    parseCron(schedule);
    return [];
  } catch (error) {
    if (error instanceof CronError) return [invalid(path, schedule, error.message)];
    throw error;
  }
}

function checkZone(zone: string | undefined): FieldError[] {
  const path = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalid(path, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [
      invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ];
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return [];
  } catch (error) {
    if (error instanceof RangeError) return [invalid(path, zone, `unknown time zone ${zone}`)];
    throw error;
  }
}
