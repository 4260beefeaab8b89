/** The query of `pods/log`, checked as upstream's ValidatePodLogOptions. Pure. */
import { badRequest, fieldForbidden, invalid, invalidObject } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { LogsRequest } from '#protos/gen/node.ts';

export type LogOptions = Omit<LogsRequest, 'pod'>;

/** The options as the node wants them. `nowMs` since the epoch is what `sinceSeconds` counts from. Throws Invalid or BadRequest. */
export function logOptions(query: URLSearchParams, podName: string, nowMs: number): LogOptions {
  const tailLines = integer(query, 'tailLines');
  const limitBytes = integer(query, 'limitBytes');
  const sinceSeconds = integer(query, 'sinceSeconds');
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

/** A switch as Go's query conversion reads it: anything but `false` and `0` turns it on. */
export function isOn(query: URLSearchParams, name: string, otherwise = false): boolean {
  const value = query.get(name);
  return value === null ? otherwise : value !== 'false' && value !== '0';
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

function checkedTime(text: string): string {
  if (text === '') return '';
  const isTime =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
  if (!isTime)
    throw badRequest(
      `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(text)}`,
    );
  return text;
}
