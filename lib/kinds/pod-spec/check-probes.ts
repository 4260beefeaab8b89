/** Faults of probes and lifecycle hooks. */
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { nonNegative, oneOf, portNumber, portNumberOrName } from '../checks/values.ts';
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

/** `once`: one success is enough, and more may not be asked for. */
function checkProbe(path: string, probe: Probe, success: 'once' | 'often'): FieldError[] {
  const faults = checkHandler(path, probe);
  const counts = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const;
  for (const name of counts) faults.push(...nonNegative(`${path}.${name}`, probe[name]));
  const grace = probe.terminationGracePeriodSeconds;
  if (success === 'often') {
    if (grace !== undefined) {
      faults.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
    }
  } else {
    if (grace !== undefined && grace <= 0) {
      faults.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
    }
    if (probe.successThreshold !== 1)
      faults.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
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
    ...(postStart ? checkLifecycleHandler(`${path}.postStart`, postStart, graceSeconds) : []),
    ...(preStop ? checkLifecycleHandler(`${path}.preStop`, preStop, graceSeconds) : []),
  ];
}

function checkLifecycleHandler(path: string, handler: LifecycleHandler, graceSeconds = 30): FieldError[] {
  const faults = checkHandler(path, handler);
  const seconds = handler.sleep?.seconds;
  if (seconds !== undefined && (seconds <= 0 || seconds > graceSeconds)) {
    faults.push(
      invalid(
        `${path}.sleep`,
        seconds,
        `must be greater than 0 and less than terminationGracePeriodSeconds (${graceSeconds}). Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.`,
      ),
    );
  }
  return faults;
}

function checkHandler(path: string, handler: Probe & LifecycleHandler): FieldError[] {
  const faults: FieldError[] = [];
  const { exec, httpGet, tcpSocket, grpc } = handler;
  const given = (['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const).filter((name) => handler[name]);
  if (given.length === 0) faults.push(required(path, 'must specify a handler type'));
  for (const name of given.slice(1))
    faults.push(fieldForbidden(`${path}.${name}`, 'may not specify more than 1 handler type'));
  if (exec && (exec.command ?? []).length === 0) faults.push(required(`${path}.exec.command`));
  if (httpGet) faults.push(...checkHttpGet(`${path}.httpGet`, httpGet));
  if (tcpSocket) faults.push(...portNumberOrName(`${path}.tcpSocket.port`, tcpSocket.port));
  if (grpc) faults.push(...portNumber(`${path}.grpc.port`, grpc.port));
  return faults;
}

function checkHttpGet(path: string, { path: urlPath, port, scheme, httpHeaders }: HTTPGetAction): FieldError[] {
  return [
    ...(urlPath ? [] : [required(`${path}.path`)]),
    ...portNumberOrName(`${path}.port`, port),
    ...oneOf(`${path}.scheme`, scheme, ['HTTP', 'HTTPS']),
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
