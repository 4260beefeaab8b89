/** Blocks of addresses of both families, by their bits. */
import { isIPv4 } from './addresses.ts';

interface Block {
  bits: string;
  length: number;
}

/** Whether `inner` is a part of `outer` and smaller. Both must be blocks as isCidr() wants them. */
export function isWithin(inner: string, outer: string): boolean {
  return covers(outer, inner) && parse(inner).length > parse(outer).length;
}

/** Whether every address of `inner` is in `outer`. Both must be blocks as isCidr() wants them. */
export function covers(outer: string, inner: string): boolean {
  const [small, large] = [parse(inner), parse(outer)];
  const isSameFamily = small.bits.length === large.bits.length;
  return isSameFamily && small.length >= large.length && small.bits.startsWith(large.bits.slice(0, large.length));
}

function parse(block: string): Block {
  const slash = block.indexOf('/');
  return { bits: bitsOf(block.slice(0, slash)), length: Number(block.slice(slash + 1)) };
}

function bitsOf(address: string): string {
  if (isIPv4(address))
    return address
      .split('.')
      .map((part) => toBits(Number(part), 8))
      .join('');
  const [head = '', tail = ''] = address.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail);
  const missing = '0'.repeat(128 - before.length - after.length);
  return before + missing + after;
}

function groupsOf(text: string): string {
  if (text === '') return '';
  return text
    .split(':')
    .map((group) => (group.includes('.') ? bitsOf(group) : toBits(parseInt(group, 16), 16)))
    .join('');
}

function toBits(number: number, width: number): string {
  return number.toString(2).padStart(width, '0');
}
