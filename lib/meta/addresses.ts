/** IP addresses and blocks as text; pure, so that deciding files may use it. */

/** Whether `text` is an IPv4 or IPv6 address. */
export function isIP(text: string): boolean {
  return isIPv4(text) || isIPv6(text);
}

/** Dotted decimal without leading zeros, as Go parses it. */
export function isIPv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

/** Eight groups, or fewer around one `::`; the last two may be an IPv4 address. */
export function isIPv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2 || !text.includes(':')) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  let width = groups.length;
  if (last?.includes('.')) {
    if (!isIPv4(last)) return false;
    groups.pop();
    width++;
  }
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? width < 8 : width === 8;
}

/** Whether `text` is an address with a prefix length. */
export function isCidr(text: string): boolean {
  const match = /^(.+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (!match) return false;
  const [, ip, length] = match as unknown as [string, string, string];
  return (isIPv4(ip) && Number(length) <= 32) || (isIPv6(ip) && Number(length) <= 128);
}
