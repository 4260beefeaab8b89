/** Links of a proxied answer that lead back to where it came from, made to lead through the proxy: upstream's `apimachinery/pkg/util/proxy/transport.go`. Pure. */

/** How the proxied answer was asked for. */
export interface Proxied {
  /** `host:port` of what was proxied to. */
  targetHost: string;
  /** The host that the client asked, by its header; '' when it named none. */
  requestHost: string;
  /** What the path has before the part that was passed on, without a slash at its end. */
  prefix: string;
}

/** The link as the client must follow it. Links to elsewhere and relative ones stay as they are. */
export function rewriteUrl(link: string, { targetHost, requestHost, prefix }: Proxied): string {
  const parts = /^(?:[a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is.exec(link);
  if (!parts) return link;
  const [whole, host = '', path = '', rest = ''] = parts;
  const isElsewhere = host !== '' && host !== targetHost && host !== requestHost;
  if (isElsewhere || !path.startsWith('/')) return link;
  const before = host !== '' && host === requestHost ? whole.slice(0, whole.length - path.length - rest.length) : '';
  return `${before}${isWithin(path, prefix) ? '' : prefix}${path}${rest}`;
}

function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}
