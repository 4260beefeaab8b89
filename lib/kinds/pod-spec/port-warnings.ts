/** Warnings of ports that get in each other's way. */
import type { Container, ContainerPort } from '../gen/core-v1.ts';

/** Every port is held against all others like it: in more pairs than this nobody looks for warnings, nor reads so many. */
const mostPairs = 1_000_000;
const mostWarnings = 1000;

/** `containers` are all of a pod's, with their paths. */
export function portWarnings(containers: readonly (readonly [path: string, container: Container])[]): string[] {
  const warnings: string[] = [];
  let pairs = 0;
  const others = new Map<string, { path: string; port: ContainerPort }[]>();
  for (const [path, { ports = [] }] of containers) {
    for (const [i, port] of ports.entries()) {
      const at = `${path}.ports[${i}]`;
      const key = `${port.containerPort}/${port.protocol}`;
      const same = others.get(key) ?? [];
      pairs += same.length;
      if (pairs > mostPairs || warnings.length > mostWarnings) return warnings;
      if (port.hostIP && !port.hostPort) warnings.push(`${at}: hostIP set without hostPort: ${fieldsOf(port)}`);
      for (const other of same) {
        const how = conflictOf(port, other.port);
        if (how) warnings.push(`${at}: ${how} port definition with ${other.path}`);
      }
      same.push({ path: at, port });
      others.set(key, same);
    }
  }
  return warnings;
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
