/** What flow control is to do, by the objects that configure it. Pure. */
import { byPrecedence } from '#lib/kinds/flow-schema.ts';
import { catchAllName, mandatoryFlowSchemas, mandatoryPriorityLevels } from '#lib/kinds/flow-mandatory.ts';
import type {
  FlowSchema,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '#lib/kinds/gen/flowcontrol-v1.ts';
import type { ObjectMeta } from '#lib/meta/object.ts';

export interface PlannedLevel {
  /** '' for one that has no object. */
  uid: string;
  spec: PriorityLevelConfigurationSpec;
}

export interface Plan {
  /** By name. Every level that a schema names is there. */
  levels: ReadonlyMap<string, PlannedLevel>;
  /** In the order in which they are tried. */
  schemas: readonly FlowSchema[];
  /** The one for what no other is for. */
  catchAll: FlowSchema;
}

/** The mandatory objects hold even while they are missing; schemas that name no level that is there hold nothing. */
export function planOf(schemas: Iterable<FlowSchema>, levels: Iterable<PriorityLevelConfiguration>): Plan {
  const planned = new Map<string, PlannedLevel>(
    [...mandatoryPriorityLevels].map(([name, spec]) => [name, { uid: '', spec }]),
  );
  for (const { metadata, spec } of levels) planned.set(metadata.name, { uid: metadata.uid, spec });
  const known = new Map(imagined().map((schema) => [schema.metadata.name, schema]));
  for (const schema of schemas) known.set(schema.metadata.name, schema);
  const usable = [...known.values()].filter(({ spec }) => planned.has(spec.priorityLevelConfiguration.name));
  return { levels: planned, schemas: usable.toSorted(byPrecedence), catchAll: known.get(catchAllName)! };
}

function imagined(): FlowSchema[] {
  return [...mandatoryFlowSchemas].map(([name, spec]) => ({
    apiVersion: '',
    kind: '',
    metadata: { name, uid: '' } as ObjectMeta,
    spec,
  }));
}
