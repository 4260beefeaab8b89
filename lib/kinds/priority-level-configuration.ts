import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { checkTypedConditions } from './checks/typed-conditions.ts';
import { between } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { exemptName, mandatoryPriorityLevels } from './flow-mandatory.ts';
import type {
  ExemptPriorityLevelConfiguration,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from './gen/flowcontrol-v1.ts';

const maxQueues = 10_000_000;

/** Bits of hash by which a flow is dealt its queues. */
const maxHashBits = 60;

export const priorityLevelConfiguration = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  description: 'How many requests of some importance the API serves at a time, and how further ones wait.',
  plural: 'prioritylevelconfigurations',
  namespaced: false,
  schema: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
  status: true,
  statusKeepsMetadata: true,
  generation: true,
  defaults: ({ spec: { exempt, limited } }) => {
    if (exempt) {
      exempt.nominalConcurrencyShares ??= 0;
      exempt.lendablePercent ??= 0;
    }
    if (!limited) return;
    limited.nominalConcurrencyShares ??= 30;
    limited.lendablePercent ??= 0;
    const queuing = limited.limitResponse?.queuing;
    if (!queuing) return;
    queuing.handSize ||= 8;
    queuing.queues ||= 64;
    queuing.queueLengthLimit ||= 50;
  },
  check: (object) => [...checkSpec(object), ...checkMandatory(object), ...checkStatus(object)],
  checkStatus,
  columns: [
    nameColumn,
    text('Type', ({ spec }) => spec.type),
    text('NominalConcurrencyShares', ({ spec }) => spec.limited?.nominalConcurrencyShares ?? none),
    text('Queues', ({ spec }) => spec.limited?.limitResponse?.queuing?.queues ?? none),
    text('HandSize', ({ spec }) => spec.limited?.limitResponse?.queuing?.handSize ?? none),
    text('QueueLengthLimit', ({ spec }) => spec.limited?.limitResponse?.queuing?.queueLengthLimit ?? none),
    ageColumn,
  ],
});

function checkSpec({ metadata, spec: { type, exempt, limited } }: PriorityLevelConfiguration): FieldError[] {
  const faults: FieldError[] = [];
  if ((metadata.name === exemptName) !== (type === 'Exempt')) {
    faults.push(invalid('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  switch (type) {
    case 'Exempt':
      if (limited) faults.push(fieldForbidden('spec.limited', 'must be nil if the type is not Limited'));
      return exempt ? [...faults, ...checkShares('spec.exempt', exempt)] : faults;
    case 'Limited':
      if (exempt) faults.push(fieldForbidden('spec.exempt', 'must be nil if the type is Limited'));
      if (!limited) return [...faults, required('spec.limited', 'must not be empty when type is Limited')];
      return [...faults, ...checkLimited('spec.limited', limited)];
    default:
      return [...faults, notSupported('spec.type', type, ['Exempt', 'Limited'])];
  }
}

function checkLimited(path: string, limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const { limitResponse, borrowingLimitPercent: borrowing } = limited;
  const [shares, lending] = [
    checkShares(path, { nominalConcurrencyShares: limited.nominalConcurrencyShares }),
    checkShares(path, { lendablePercent: limited.lendablePercent }),
  ];
  const faults = [...shares, ...checkResponse(`${path}.limitResponse`, limitResponse ?? { type: '' }), ...lending];
  if (borrowing === undefined || borrowing >= 0) return faults;
  const because = 'if specified, must be a non-negative integer';
  return [...faults, invalid(`${path}.borrowingLimitPercent`, borrowing, because)];
}

function checkShares(path: string, { nominalConcurrencyShares, lendablePercent }: ExemptPriorityLevelConfiguration) {
  const faults: FieldError[] = [];
  if (nominalConcurrencyShares !== undefined && nominalConcurrencyShares < 0) {
    faults.push(
      invalid(`${path}.nominalConcurrencyShares`, nominalConcurrencyShares, 'must be a non-negative integer'),
    );
  }
  if (lendablePercent !== undefined) faults.push(...between(`${path}.lendablePercent`, lendablePercent, 0, 100));
  return faults;
}

function checkResponse(path: string, { type, queuing }: LimitResponse): FieldError[] {
  switch (type) {
    case 'Reject':
      if (!queuing) return [];
      return [fieldForbidden(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')];
    case 'Queue':
      if (queuing) return checkQueuing(`${path}.queuing`, queuing);
      return [required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')];
    default:
      return [notSupported(`${path}.type`, type, ['Queue', 'Reject'])];
  }
}

function checkQueuing(path: string, { queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration) {
  const faults: FieldError[] = [];
  const wrong = (field: string, value: number, because: string) =>
    faults.push(invalid(`${path}.${field}`, value, because));
  if (queueLengthLimit <= 0) wrong('queueLengthLimit', queueLengthLimit, 'must be positive');
  if (queues <= 0) wrong('queues', queues, 'must be positive');
  else if (queues > maxQueues) wrong('queues', queues, `must not be greater than ${maxQueues}`);
  if (handSize <= 0) wrong('handSize', handSize, 'must be positive');
  else if (handSize > queues) wrong('handSize', handSize, `should not be greater than queues (${queues})`);
  else if (Math.ceil(Math.log2(queues) * handSize) > maxHashBits) {
    const sizes = `deckSize ${queues} and handSize ${handSize}`;
    wrong('handSize', handSize, `required entropy bits of ${sizes} should not be greater than ${maxHashBits}`);
  }
  return faults;
}

/** Administrators may say how much those who are not limited lend, and nothing else. */
function checkMandatory({ metadata: { name }, spec }: PriorityLevelConfiguration): FieldError[] {
  const fixed = mandatoryPriorityLevels.get(name);
  if (!fixed) return [];
  if (name === exemptName) {
    const { exempt: _, ...rest } = spec;
    if (equal(rest, { type: fixed.type })) return [];
    return [invalid('spec', spec, `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`)];
  }
  return equal(spec, fixed) ? [] : [invalid('spec', spec, `spec of '${name}' must equal the fixed value`)];
}

function checkStatus({ status }: PriorityLevelConfiguration): FieldError[] {
  return checkTypedConditions('status.conditions', status?.conditions);
}
