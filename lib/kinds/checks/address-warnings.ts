/** Warnings of addresses and blocks that are not written in their usual form. */
import { goQuote } from '#lib/meta/go-text.ts';
import { withoutZeros } from './values.ts';

const soon = 'was accepted, but will be invalid in a future Kubernetes release';
const loops = 'which may cause controller apply-loops';

/** Of an address: IPv4 without leading zeros, IPv6 in the form of RFC 5952. */
export function addressWarnings(path: string, ip: string): string[] {
  if (withoutZeros(ip) !== ip) return [`${path}: IP address ${soon}: ${zeroFault(ip)}`];
  const canonical = canonicalIPv6(ip);
  if (canonical === ip) return [];
  const form = `is not in RFC 5952 canonical format (${goQuote(canonical)})`;
  return [`${path}: IPv6 address ${goQuote(ip)} ${form}, ${loops}`];
}

/** Of a block of addresses. */
export function blockWarnings(path: string, block: string): string[] {
  const [ip = '', length = ''] = block.split('/');
  if (withoutZeros(ip) !== ip) {
    return [`${path}: IP prefix ${soon}: netip.ParsePrefix(${goQuote(block)}): ${zeroFault(ip)}`];
  }
  const canonical = `${canonicalIPv6(ip)}/${length}`;
  if (canonical === block) return [];
  const form = `is not in RFC 5952 canonical format (${goQuote(canonical)})`;
  return [`${path}: IPv6 prefix ${goQuote(block)} ${form}, ${loops}`];
}

function zeroFault(ip: string): string {
  return `ParseAddr(${goQuote(ip)}): IPv4 field has octet with leading zero`;
}

/** The usual form of an IPv6 address; anything else as it is. */
function canonicalIPv6(ip: string): string {
  if (!ip.includes(':') || !URL.canParse(`http://[${ip}]/`)) return ip;
  return new URL(`http://[${ip}]/`).hostname.slice(1, -1);
}
