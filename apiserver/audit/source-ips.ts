/** From where a request came. */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/**
 * The addresses that proxies say they have passed it on for, and last the one that the connection is from; all but the last may be made up. As upstream's
 * `apimachinery/pkg/util/net` `SourceIPs`.
 */
export function sourceIps(headers: IncomingHttpHeaders, remoteAddress: string | undefined): string[] {
  const ips = [headers['x-forwarded-for'] ?? []]
    .flat()
    .flatMap((list) => list.split(','))
    .map((part) => plain(part.trim()))
    .filter((ip) => isIP(ip) !== 0);
  const real = plain(String(headers['x-real-ip'] ?? ''));
  if (isIP(real) !== 0 && !ips.includes(real)) ips.push(real);
  const remote = plain(remoteAddress ?? '');
  if (isIP(remote) !== 0 && ips.at(-1) !== remote) ips.push(remote);
  return ips;
}

/** An IPv4 address that came in IPv6's form as itself. */
function plain(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.)/i, '');
}
