/** Warnings of ports that get in each other's way. */
import type { Container, ContainerPort } from '../gen/core-v1.ts';

/** `containers` are all of a pod's, with their paths. */
export function portWarnings(containers: readonly (readonly [path: string, container: Container])[]): string[] {
  const others = new Map<string, { path: string; port: ContainerPort }[]>();
  return containers.flatMap(([path, { ports = [] }]) =>
    ports.flatMap((port, i) => {
      const at = `${path}.ports[${i}]`;
      const key = `${port.containerPort}/${port.protocol}`;
      const same = others.get(key) ?? [];
      const warnings = [
        ...(port.hostIP && !port.hostPort ? [`${at}: hostIP set without hostPort: ${fieldsOf(port)}`] : []),
        ...same.flatMap((other) => {
          const how = conflictOf(port, other.port);
          return how ? [`${at}: ${how} port definition with ${other.path}`] : [];
        }),
      ];
      others.set(key, [...same, { path: at, port }]);
      return warnings;
    }),
  );
}

function conflictOf(one: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, otherIp] = [one.hostIP ?? '', other.hostIP ?? ''];
  const [port, otherPort] = [one.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && port === otherPort) return 'duplicate';
  if (port === 0 || otherPort === 0) return 'overlapping';
  const isOneOpen = (ip === '') !== (otherIp === '');
  return port === otherPort && isOneOpen ? 'dangerously ambiguous' : undefined;
}

/** As Go's `%+v` has it. */
function fieldsOf({ name = '', hostPort = 0, containerPort, protocol, hostIP = '' }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol ?? ''} HostIP:${hostIP}}`;
}
