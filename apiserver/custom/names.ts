/** Which of the names that a definition asks for it gets, and what its conditions say of it. As upstream's naming controller. */
import { isTrue, withCondition } from '#lib/meta/conditions.ts';
import { approvalOf } from '#lib/kinds/custom/approval.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '#lib/kinds/gen/apiextensions-v1.ts';
import { formatTime } from '#lib/meta/time.ts';

type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>;

/** The names that others of the same group have been given. */
interface Taken {
  /** Plural, singular and short names share one space. */
  resources: ReadonlySet<string>;
  /** Kinds and kinds of lists as well. */
  kinds: ReadonlySet<string>;
}

/** What the status of a definition should be, given all others; `others` may hold it itself. */
export function decideStatus(
  definition: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
  nowMs: number,
): CustomResourceDefinitionStatus {
  const { spec, status = {}, metadata } = definition;
  const taken = takenBy(definition, others);
  const { accepted, fault } = acceptedNames(spec.names, status.acceptedNames, taken);
  let { conditions = [] } = status;
  const set = (condition: Condition) => (conditions = withCondition(conditions, condition, formatTime(nowMs)));
  set(fault ?? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' });
  if (!isTrue(conditions, 'Established')) {
    set(
      fault
        ? { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
        : {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          },
    );
  }
  const approval = approvalOf(spec.group, metadata.annotations);
  if (approval) set(approval);
  return { ...status, conditions, acceptedNames: accepted };
}

function takenBy(self: CustomResourceDefinition, all: Iterable<CustomResourceDefinition>): Taken {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { metadata, spec, status } of all) {
    if (metadata.name === self.metadata.name || spec.group !== self.spec.group || !status?.acceptedNames) continue;
    const { plural, singular, shortNames = [], kind, listKind } = status.acceptedNames;
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}

/** Names that are free are given; of the others the definition keeps what it had. The last fault is the one that is told. */
function acceptedNames(
  wanted: CustomResourceDefinitionNames,
  had: CustomResourceDefinitionNames = { plural: '', kind: '' },
  { resources, kinds }: Taken,
): { accepted: CustomResourceDefinitionNames; fault: Condition | undefined } {
  const accepted = { ...had };
  let fault: Condition | undefined;
  const refuse = (reason: string, names: readonly string[]) => {
    const quoted = names.map((name) => JSON.stringify(name));
    const message =
      names.length === 1
        ? `${quoted[0]} is already in use`
        : `[${quoted.map((name) => `${name} is already in use`).join(', ')}]`;
    fault = { type: 'NamesAccepted', status: 'False', reason, message };
  };
  const give = <K extends 'plural' | 'singular' | 'kind' | 'listKind'>(
    field: K,
    space: ReadonlySet<string>,
    reason: string,
  ) => {
    const name = wanted[field] ?? '';
    if (space.has(name)) refuse(reason, [name]);
    else accepted[field] = name;
  };
  give('plural', resources, 'PluralConflict');
  give('singular', resources, 'SingularConflict');
  const { shortNames, categories } = wanted;
  const busy = (shortNames ?? []).filter((name) => resources.has(name));
  if (busy.length > 0) refuse('ShortNamesConflict', busy);
  else replace(accepted, 'shortNames', shortNames);
  give('kind', kinds, 'KindConflict');
  give('listKind', kinds, 'ListKindConflict');
  replace(accepted, 'categories', categories);
  return { accepted, fault };
}

function replace(
  names: CustomResourceDefinitionNames,
  field: 'shortNames' | 'categories',
  list: string[] | undefined,
): void {
  if (list && list.length > 0) names[field] = list;
  else delete names[field];
}
