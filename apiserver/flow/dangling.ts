/** The condition of a flow schema that tells whether its priority level is there, in upstream's words. Pure. */
import type { FlowSchema, FlowSchemaCondition } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { formatTime } from '#lib/meta/time.ts';

/** What the condition should be; undefined when it is so. */
export function danglingCondition(
  { spec, status }: FlowSchema,
  isLevel: (name: string) => boolean,
  nowMs: number,
): FlowSchemaCondition | undefined {
  const { name } = spec.priorityLevelConfiguration;
  const isFound = isLevel(name);
  const reference = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
  const wanted = {
    type: 'Dangling',
    status: isFound ? 'False' : 'True',
    reason: isFound ? 'Found' : 'NotFound',
    message: `${reference} ${isFound ? 'and it exists' : 'but there is no such object'}`,
  };
  const present = status?.conditions?.find(({ type }) => type === wanted.type);
  const isSame = present?.status === wanted.status;
  if (present && isSame && present.reason === wanted.reason && present.message === wanted.message) return undefined;
  const { lastTransitionTime = formatTime(nowMs) } = isSame ? (present ?? {}) : {};
  return { ...wanted, lastTransitionTime };
}
