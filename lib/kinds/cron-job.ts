import { CronError, parseCron } from '#lib/meta/cron.ts';
import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
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
import { makerNameWarnings } from './checks/name-warnings.ts';
import { jobWarnings } from './job-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { CronJob, CronJobSpec } from './gen/batch-v1.ts';
import { checkJobTemplate } from './job-check.ts';
import { setFailurePolicyDefaults } from './job-policies.ts';
import { setTemplateDefaults } from './pod-spec/defaults.ts';

const zoneWarning =
  'CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';
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
  defaults: ({ spec }) => {
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    spec.jobTemplate.metadata ??= {};
    spec.jobTemplate.spec ??= { template: {} };
    setTemplateDefaults((spec.jobTemplate.spec.template ??= {}));
    setFailurePolicyDefaults(spec.jobTemplate.spec);
  },
  check: ({ metadata, spec }, before) => [
    ...checkSchedule(spec, before?.spec),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...(before && before.spec.timeZone === spec.timeZone ? [] : checkZone(spec.timeZone)),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...checkJobTemplate('spec.jobTemplate.spec', spec.jobTemplate.spec ?? { template: {} }),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
    ...(before ? [] : checkNameLength(metadata.name)),
  ],
  warnings: ({ metadata, spec }, before) => [
    ...(before ? [] : makerNameWarnings(metadata.name)),
    ...jobWarnings('spec.jobTemplate.spec', spec.jobTemplate.spec ?? { template: {} }),
    ...(spec.schedule.includes('TZ') ? [zoneWarning] : []),
  ],
  columns: [
    nameColumn,
    text('Schedule', ({ spec }) => spec.schedule),
    text('Timezone', ({ spec }) => spec.timeZone ?? none),
    { name: 'Suspend', type: 'boolean', value: ({ spec }) => yesOrNo(spec.suspend) },
    integer('Active', ({ status }) => status?.active?.length ?? 0),
    text('Last Schedule', ({ status }, context) =>
      status?.lastScheduleTime ? since(status.lastScheduleTime, context) : none,
    ),
    ageColumn,
    ...containerColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template.spec?.containers),
    selectorColumn(({ spec }) => spec.jobTemplate.spec?.selector),
  ],
});

function checkNameLength(name: string): FieldError[] {
  return name.length > maxNameLength
    ? [invalid('metadata.name', name, `must be no more than ${maxNameLength} characters`)]
    : [];
}

/** A zone in the schedule is left alone where it always was. */
function checkSchedule({ schedule, timeZone }: CronJobSpec, before: CronJobSpec | undefined): FieldError[] {
  const path = 'spec.schedule';
  if (!schedule) return [required(path)];
  const [, zone, rest = schedule] = /^(?:CRON_)?TZ=(\S*) +(.*)$/s.exec(schedule) ?? [];
  const faults =
    zone === undefined || isZone(zone)
      ? syntaxFaults(rest)
      : [`provided bad location ${zone}: unknown time zone ${zone}`];
  if (schedule.includes('TZ')) {
    if (!before?.schedule.includes('TZ')) {
      faults.push('cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
    } else if (timeZone !== undefined) faults.push('cannot use both timeZone field and TZ or CRON_TZ in schedule');
  }
  return faults.map((fault) => invalid(path, schedule, fault));
}

function syntaxFaults(schedule: string): string[] {
  try {
    parseCron(schedule);
    return [];
  } catch (error) {
    if (error instanceof CronError) return [error.message];
    throw error;
  }
}

function checkZone(zone: string | undefined): FieldError[] {
  const path = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalid(path, zone, 'timeZone must be nil or non-empty string')];
  const unknown = invalid(path, zone, `unknown time zone ${zone}`);
  const isPart = (part: string) => /^(?!-)[A-Za-z.\-_0-9+]{1,14}$/.test(part) && part !== '.' && part !== '..';
  if (!zone.split('/').every(isPart)) return [unknown];
  if (zone.toLowerCase() === 'local') {
    const detail = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    return [invalid(path, zone, detail), ...(zone === 'Local' ? [] : [unknown])];
  }
  return isZone(zone) ? [] : [unknown];
}

function isZone(zone: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
