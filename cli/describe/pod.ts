/** A pod in words: where and how it runs, what each container does or waits for, how far its image has come, and what happened last. */
import type { Container, ContainerStatus, EphemeralContainer, Event, Pod } from '#lib/kinds/gen/core-v1.ts';
import { humanDuration } from '#lib/meta/duration.ts';
import { parseTime } from '#lib/meta/time.ts';
import { readProgress } from '../../node-agent/images/progress-text.ts';

/** Events that are shown, the latest. */
const eventLimit = 20;

const headWidth = 12;
const nameWidth = 24;

/** The lines of the description. `events` are those about the pod, in any order. */
export function describePod(pod: Pod, events: readonly Event[], nowMs: number): string[] {
  const ordered = events.toSorted((a, b) => lastSeenMs(a) - lastSeenMs(b));
  return [
    head('Pod', `${pod.metadata.namespace}/${pod.metadata.name}, ${phaseOf(pod)}`),
    head('Runs', placeOf(pod, nowMs)),
    ...reasonOf(pod),
    'Containers',
    ...containersOf(pod).flatMap(({ sort, spec, status }) => [
      row(spec.name, `${sort}image ${spec.image ?? ''}`),
      row('', stateOf(status, nowMs)),
      ...endOf(status, nowMs),
      ...pullOf(spec.name, status, ordered, nowMs),
    ]),
    ...unmetOf(pod),
    ...eventsOf(ordered, nowMs),
  ];
}

const head = (name: string, text: string) => `${name.padEnd(headWidth)}${text}`;
const row = (name: string, text: string) => `  ${name.padEnd(nameWidth)} ${text}`;

function phaseOf({ metadata, status }: Pod): string {
  const phase = status?.phase ?? 'Pending';
  const isReady = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  return [phase, isReady ? 'ready' : '', metadata.deletionTimestamp === undefined ? '' : 'being deleted']
    .filter(Boolean)
    .join(', ');
}

function placeOf({ spec, status }: Pod, nowMs: number): string {
  if (!spec.nodeName) return 'nowhere yet';
  const wall = spec.runtimeClassName ? `by runtime class ${spec.runtimeClassName}` : 'as containers';
  const since = status?.startTime === undefined ? '' : `, for ${ageOf(status.startTime, nowMs)}`;
  const address = status?.podIP === undefined ? '' : `, at ${status.podIP}`;
  return `on ${spec.nodeName} ${wall}${since}${address}`;
}

function reasonOf({ status }: Pod): string[] {
  const parts = [status?.reason, status?.message].filter(Boolean);
  return parts.length === 0 ? [] : [head('Because', parts.join(': '))];
}

interface Part {
  /** '' for main containers, which need no word. */
  sort: string;
  spec: Container | EphemeralContainer;
  status: ContainerStatus | undefined;
}

function containersOf({ spec, status }: Pod): Part[] {
  const parts = (
    sort: string,
    specs: readonly (Container | EphemeralContainer)[] = [],
    statuses: readonly ContainerStatus[] = [],
  ): Part[] =>
    specs.map((item) => ({
      sort: 'restartPolicy' in item && item.restartPolicy === 'Always' ? 'sidecar, ' : sort,
      spec: item,
      status: statuses.find(({ name }) => name === item.name),
    }));
  return [
    ...parts('init, ', spec.initContainers, status?.initContainerStatuses),
    ...parts('', spec.containers, status?.containerStatuses),
    ...parts('debugging, ', spec.ephemeralContainers, status?.ephemeralContainerStatuses),
  ];
}

function stateOf(status: ContainerStatus | undefined, nowMs: number): string {
  const { running, terminated, waiting } = status?.state ?? {};
  const restarts = status?.restartCount ? `, restarted ${times(status.restartCount)}` : '';
  if (running) {
    return `running for ${ageOf(running.startedAt, nowMs)}, ${status!.ready ? 'ready' : 'not ready'}${restarts}`;
  }
  if (terminated) return `ended ${endText(terminated, nowMs)}${restarts}`;
  const message = waiting?.message ? ` (${waiting.message})` : '';
  return `waiting: ${waiting?.reason ?? 'not looked at yet'}${message}${restarts}`;
}

function endOf(status: ContainerStatus | undefined, nowMs: number): string[] {
  const last = status?.lastState?.terminated;
  return last ? [row('', `the run before ended ${endText(last, nowMs)}`)] : [];
}

type Ended = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;

function endText({ exitCode, signal, reason, finishedAt }: Ended, nowMs: number): string {
  const how = signal ? `signal ${signal}` : `exit code ${exitCode}`;
  return `${finishedAt ? `${ageOf(finishedAt, nowMs)} ago ` : ''}with ${how}${reason ? ` (${reason})` : ''}`;
}

/** How far the image of a container has come that waits for it. */
function pullOf(name: string, status: ContainerStatus | undefined, ordered: readonly Event[], nowMs: number): string[] {
  if (!status?.state?.waiting) return [];
  const isOurs = ({ involvedObject: { fieldPath = '' } }: Event) => fieldPath.endsWith(`{${name}}`);
  const last = ordered.findLast((event) => isOurs(event) && isOfPulling(event));
  const progress = last?.reason === 'Pulling' ? readProgress(last.message ?? '') : undefined;
  if (!progress) return [];
  const { fetchedBytes, totalBytes } = progress;
  const share = totalBytes > 0 ? ` (${Math.floor((100 * fetchedBytes) / totalBytes)} %)` : '';
  const when = humanDuration(nowMs - lastSeenMs(last!));
  return [row('', `image: ${megabytes(fetchedBytes)} of ${megabytes(totalBytes)} MB fetched${share}, ${when} ago`)];
}

const isOfPulling = ({ reason }: Event) => reason === 'Pulling' || reason === 'Pulled' || reason === 'Failed';

function unmetOf({ status }: Pod): string[] {
  const unmet = (status?.conditions ?? []).filter(({ status }) => status !== 'True');
  if (unmet.length === 0) return [];
  return [
    'Not yet so',
    ...unmet.map(({ type, reason, message }) => row(type, [reason, message].filter(Boolean).join(': '))),
  ];
}

function eventsOf(ordered: readonly Event[], nowMs: number): string[] {
  if (ordered.length === 0) return [];
  return [
    'Events',
    ...ordered.slice(-eventLimit).map((event) => {
      const count = event.series?.count ?? event.count ?? 1;
      const often = count > 1 ? ` (${times(count)})` : '';
      const sign = event.type === 'Warning' ? 'Warning: ' : '';
      return row(`${humanDuration(nowMs - lastSeenMs(event))} ago`, `${sign}${event.reason}: ${event.message}${often}`);
    }),
  ];
}

function lastSeenMs({ series, lastTimestamp, firstTimestamp, eventTime, metadata }: Event): number {
  const text = series?.lastObservedTime ?? lastTimestamp ?? firstTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return parseTime(text) ?? 0;
}

function ageOf(time: string | undefined, nowMs: number): string {
  const at = parseTime(time);
  return at === undefined ? 'an unknown time' : humanDuration(nowMs - at);
}

const times = (count: number) => (count === 1 ? 'once' : `${count} times`);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
