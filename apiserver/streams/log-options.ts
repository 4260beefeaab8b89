/** The query of `pods/log`, checked as upstream's ValidatePodLogOptions. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { badRequest, fieldForbidden, invalid, invalidObject } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { LogsRequest } from '#protos/gen/node.ts';
import { isOn, numberOf } from '../rest/query.ts';

const flags: ReadonlySet<string> = new Set(['follow', 'previous', 'timestamps']);
const passedOn = ['follow', 'limitBytes', 'previous', 'sinceSeconds', 'sinceTime', 'tailLines', 'timestamps'];

export type LogOptions = Omit<LogsRequest, 'pod'>;

/** The options as the node wants them. `nowMs` since the epoch is what `sinceSeconds` counts from. Throws Invalid or BadRequest. */
export function logOptions(query: URLSearchParams, podName: string, nowMs: number): LogOptions {
  const tailLines = numberOf(query, 'tailLines');
  const limitBytes = numberOf(query, 'limitBytes');
  const sinceSeconds = numberOf(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime') ?? '';
  const faults: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0)
    faults.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1)
    faults.push(invalid('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime !== '')
    faults.push(fieldForbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    faults.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  // Upstream 1.32 knows the parameter, and takes it only behind a gate that is closed.
  if (query.get('stream')) faults.push(fieldForbidden('stream', 'may not be specified'));
  if (faults.length > 0) throw invalidObject({ group: '', kind: 'PodLogOptions' }, podName, faults);
  return {
    container: query.get('container') ?? '',
    follow: isOn(query, 'follow'),
    previous: isOn(query, 'previous'),
    timestamps: isOn(query, 'timestamps'),
    sinceTime:
      sinceSeconds === undefined ? checkedTime(sinceTime) : new Date(nowMs - sinceSeconds * 1000).toISOString(),
    tailLines: tailLines ?? -1,
    limitBytes: limitBytes ?? 0,
  };
}

/** Where a kubelet has the log, with what is asked of it. `address` is its host and port. */
export function logUrl(
  address: string,
  { metadata }: Pick<Pod, 'metadata'>,
  container: string,
  query: URLSearchParams,
): string {
  const asked = new URLSearchParams();
  for (const name of passedOn) {
    const value = query.get(name) ?? '';
    const text = flags.has(name) ? isOn(query, name) && 'true' : value;
    if (text) asked.set(name, text);
  }
  const search = asked.size > 0 ? `?${asked}` : '';
  return `https://${address}/containerLogs/${metadata.namespace}/${metadata.name}/${container}${search}`;
}

function checkedTime(text: string): string {
  // As older clients write it.
  if (text === '' || text === 'null') return '';
  const isTime =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
  if (!isTime)
    throw badRequest(
      `parsing time ${goQuote(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${goQuote(text)} as "2006"`,
    );
  return text;
}
