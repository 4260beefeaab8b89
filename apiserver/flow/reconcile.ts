/**
 * What has to be written so that the starting objects of flow control are there, by upstream's rules (`registry/flowcontrol/ensurer`): what is missing is
 * made; the mandatory ones are set right; the others only while nobody has changed them or said to leave them alone; what an earlier
 * version started with and this one does not is removed. Pure.
 */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { exemptName, mandatoryFlowSchemas, mandatoryPriorityLevels } from '#lib/kinds/flow-mandatory.ts';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import type { PriorityLevelConfigurationSpec } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { priorityLevelConfiguration } from '#lib/kinds/priority-level-configuration.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import { startingFlowSchemas, startingPriorityLevels } from './suggested.ts';

export type Correction =
  | { do: 'create'; kind: Kind; object: { metadata: { name: string } } }
  | { do: 'update'; kind: Kind; object: Resource }
  | { do: 'delete'; kind: Kind; object: Resource };

/** Whether the object's spec is to follow this server's. */
const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';

type Configured = Resource & { spec: object };

interface Source {
  kind: Kind;
  starting: ReadonlyMap<string, object>;
  mandatory: ReadonlyMap<string, object>;
}

const sources: readonly Source[] = [
  { kind: flowSchema, starting: startingFlowSchemas, mandatory: mandatoryFlowSchemas },
  { kind: priorityLevelConfiguration, starting: startingPriorityLevels, mandatory: mandatoryPriorityLevels },
];

/** `present` gives all objects of a kind. */
export function corrections(present: (kind: Kind) => Iterable<Resource>): Correction[] {
  return sources.flatMap((source) => {
    const objects = new Map([...present(source.kind)].map((object) => [object.metadata.name, object as Configured]));
    const wanted = [...source.starting].flatMap(([name, spec]) => correction(source, name, spec, objects.get(name)));
    const obsolete = [...objects.values()]
      .filter(({ metadata }) => !source.starting.has(metadata.name) && asBoolean(metadata.annotations) === true)
      .map((object): Correction => ({ do: 'delete', kind: source.kind, object }));
    return [...wanted, ...obsolete];
  });
}

function correction({ kind, mandatory }: Source, name: string, spec: object, present?: Configured): Correction[] {
  if (!present) {
    const object = { metadata: { name, annotations: { [autoUpdate]: 'true' } }, spec: copy(spec) };
    return [{ do: 'create', kind, object }];
  }
  const follows = mandatory.has(name) || isFollowing(present);
  const isTold = asBoolean(present.metadata.annotations) === follows;
  const isRight = !follows || equal(present.spec, wantedOf(name, spec, present));
  if (isTold && isRight) return [];
  const annotations = { ...present.metadata.annotations, [autoUpdate]: String(follows) };
  const object = {
    ...present,
    metadata: { ...present.metadata, annotations },
    spec: isRight ? present.spec : copy(wantedOf(name, spec, present)),
  };
  return [{ do: 'update', kind, object }];
}

/** Where nobody has said whether it is to follow, it does until somebody changes it. */
function isFollowing({ metadata }: Configured): boolean {
  return asBoolean(metadata.annotations) ?? metadata.generation === 1;
}

/** How much the exempt level lends is up to administrators. */
function wantedOf(name: string, spec: object, present: Configured): object {
  const { exempt } = present.spec as PriorityLevelConfigurationSpec;
  return name === exemptName && 'exempt' in spec && exempt ? { ...spec, exempt } : spec;
}

/** As Go's strconv.ParseBool. */
function asBoolean(annotations: Readonly<Record<string, string>> | undefined): boolean | undefined {
  const text = annotations?.[autoUpdate] ?? '';
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}
