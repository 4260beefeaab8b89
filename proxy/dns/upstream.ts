/** The name servers that answer what is not the cluster's own. */
import { readFile } from 'node:fs/promises';
import { isIPv4 } from '#lib/meta/addresses.ts';

/** Those of the node's resolv.conf, without ourselves and the loopback of another network namespace; none when there is none. */
export async function nodeNameServers(own: string, path = '/etc/resolv.conf'): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return nameServersIn(text).filter((address) => address !== own && !address.startsWith('127.'));
}

/** The IPv4 `nameserver` lines of a resolv.conf. */
export function nameServersIn(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter(isIPv4);
}
