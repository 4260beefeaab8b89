/** Variables that tell a container where the Services of its namespace are (`pkg/kubelet/envvars`). */
import type { Service } from '#lib/kinds/gen/core-v1.ts';

/**
 * Variables of every Service with an address: `X_SERVICE_HOST`, `X_SERVICE_PORT[_NAME]` and the docker-link ones. The cluster's
 * own `kubernetes` Service is always among them; the rest only with `links`.
 */
export function serviceEnv(services: readonly Service[], namespace: string, links: boolean): Map<string, string> {
  const env = new Map<string, string>();
  for (const service of services) {
    const isMaster = service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes';
    if (!isMaster && !(links && service.metadata.namespace === namespace)) continue;
    const ip = service.spec.clusterIP;
    if (ip === undefined || ip === '' || ip === 'None') continue;
    const prefix = variableName(service.metadata.name);
    const ports = service.spec.ports ?? [];
    env.set(`${prefix}_SERVICE_HOST`, ip);
    if (ports[0]) env.set(`${prefix}_SERVICE_PORT`, String(ports[0].port));
    for (const { name, port } of ports) if (name) env.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port));
    for (const [i, { port, protocol = 'TCP' }] of ports.entries()) {
      const url = `${protocol.toLowerCase()}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
      if (i === 0) env.set(`${prefix}_PORT`, url);
      const link = `${prefix}_PORT_${port}_${protocol}`;
      env.set(link, url);
      env.set(`${link}_PROTO`, protocol.toLowerCase());
      env.set(`${link}_PORT`, String(port));
      env.set(`${link}_ADDR`, ip);
    }
  }
  return env;
}

function variableName(text: string): string {
  return text.toUpperCase().replaceAll('-', '_');
}
