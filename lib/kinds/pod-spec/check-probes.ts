/** Faults of probes and lifecycle hooks. */
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { nonNegative, portNumber, portNumberOrName } from '../checks/values.ts';
import type { Container, HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '../gen/core-v1.ts';

/** Faults of a container's probes. */
export function checkProbes(path: string, container: Container): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return [
    ...(livenessProbe ? checkProbe(`${path}.livenessProbe`, livenessProbe, 'once') : []),
    ...(readinessProbe ? checkProbe(`${path}.readinessProbe`, readinessProbe, 'often') : []),
    ...(startupProbe ? checkProbe(`${path}.startupProbe`, startupProbe, 'once') : []),
  ];
}

const counts = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

/** `once`: one success is enough, and more may not be asked for. */
function checkProbe(path: string, probe: Probe, success: 'once' | 'often'): FieldError[] {
  const faults = checkHandler(path, probe, undefined);
  for (const name of counts) faults.push(...nonNegative(`${path}.${name}`, probe[name]));
  const at = `${path}.terminationGracePeriodSeconds`;
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) faults.push(invalid(at, grace, 'must be greater than 0'));
  if (success === 'often') {
    if (grace !== undefined) faults.push(invalid(at, grace, 'must not be set for readinessProbes'));
  } else if (probe.successThreshold !== 1) {
    faults.push(invalid(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
  }
  return faults;
}

/** Faults of lifecycle hooks; `graceSeconds` is the pod's, which a sleep must fit into. */
export function checkLifecycle(
  path: string,
  lifecycle: Lifecycle | undefined,
  graceSeconds: number | undefined,
): FieldError[] {
  const { postStart, preStop } = lifecycle ?? {};
  return [
    ...(postStart ? checkHandler(`${path}.postStart`, postStart, graceSeconds) : []),
    ...(preStop ? checkHandler(`${path}.preStop`, preStop, graceSeconds) : []),
  ];
}

const handlers = {
  exec: ({ exec }, path) => ((exec!.command ?? []).length === 0 ? [required(`${path}.command`)] : []),
  httpGet: ({ httpGet }, path) => checkHttpGet(path, httpGet!),
  tcpSocket: ({ tcpSocket }, path) => portNumberOrName(`${path}.port`, tcpSocket!.port),
  grpc: ({ grpc }, path) => portNumber(`${path}.port`, grpc!.port),
  sleep: ({ sleep }, path, graceSeconds) => checkSleep(path, sleep!.seconds, graceSeconds),
} as const satisfies Record<
  string,
  (handler: Probe & LifecycleHandler, path: string, graceSeconds: number | undefined) => FieldError[]
>;

/** Exactly one way of asking or doing. */
function checkHandler(path: string, handler: Probe & LifecycleHandler, graceSeconds: number | undefined): FieldError[] {
  const [first, ...others] = (Object.keys(handlers) as (keyof typeof handlers)[]).filter((name) => handler[name]);
  if (first === undefined) return [required(path, 'must specify a handler type')];
  return [
    ...handlers[first](handler, `${path}.${first}`, graceSeconds),
    ...others.map((name) => fieldForbidden(`${path}.${name}`, 'may not specify more than 1 handler type')),
  ];
}

function checkSleep(path: string, seconds: number, graceSeconds: number | undefined): FieldError[] {
  if (graceSeconds === undefined || (seconds > 0 && seconds <= graceSeconds)) return [];
  const bounds = `must be greater than 0 and less than terminationGracePeriodSeconds (${graceSeconds})`;
  const gate = 'Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.';
  return [invalid(path, seconds, `${bounds}. ${gate}`)];
}

function checkHttpGet(path: string, { path: urlPath, port, scheme, httpHeaders }: HTTPGetAction): FieldError[] {
  return [
    ...(urlPath ? [] : [required(`${path}.path`)]),
    ...portNumberOrName(`${path}.port`, port),
    ...(scheme === 'HTTP' || scheme === 'HTTPS'
      ? []
      : [notSupported(`${path}.scheme`, scheme ?? '', ['HTTP', 'HTTPS'])]),
    ...(httpHeaders ?? [])
      .filter(({ name }) => !/^[-A-Za-z0-9]+$/.test(name))
      .map(({ name }) =>
        invalid(
          `${path}.httpHeaders`,
          name,
          "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        ),
      ),
  ];
}
