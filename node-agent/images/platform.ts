/** Which image of several fits this machine: containerd's order of platforms (`platforms.Only`). Pure. */
import type { IndexEntry } from './manifest.ts';

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** Node's names of processors -> Go's, which image indexes use. */
export function platformOf(arch: string): Platform {
  const names: Record<string, string> = { x64: 'amd64', ia32: '386' };
  return { os: 'linux', architecture: names[arch] ?? arch };
}

/**
 * The entry that fits best, the first of equals. Attestations, which indexes hold beside images, never fit; an entry that names no platform
 * does when no other fits. Throws an Error that says what there is.
 */
export function choosePlatform(entries: readonly IndexEntry[], wanted: Platform, of: string): IndexEntry {
  const images = entries.filter((entry) => entry.annotations['vnd.docker.reference.type'] === undefined);
  for (const platform of fitting(wanted)) {
    const found = images.find((entry) => entry.platform && textOf(entry.platform) === platform);
    if (found) return found;
  }
  const unnamed = images.find((entry) => entry.platform === undefined);
  if (unnamed) return unnamed;
  const there = [...new Set(images.flatMap(({ platform }) => (platform ? [textOf(platform)] : [])))];
  const has = there.filter((platform) => platform !== 'unknown/unknown').slice(0, mostNamed);
  throw new Error(
    `no match for platform ${textOf(wanted)} in manifest ${of}, which has ${has.join(', ') || 'no images'}: not found`,
  );
}

/** Whether an image of this platform runs here. */
export function fits(platform: Platform, wanted: Platform): boolean {
  return fitting(wanted).includes(textOf(platform));
}

const mostNamed = 20;

/** What runs on this machine, the best first. */
function fitting(wanted: Platform): string[] {
  const { os, architecture } = wanted;
  const arms = (from: number) => Array.from({ length: from - 4 }, (_, index) => `${os}/arm/v${from - index}`);
  switch (architecture) {
    case 'amd64':
      return [`${os}/amd64`, `${os}/386`];
    case 'arm64':
      return [`${os}/arm64`, ...arms(8)];
    case 'arm':
      return arms(Number(wanted.variant?.slice(1) ?? 7));
    default:
      return [textOf(wanted)];
  }
}

/** `linux/arm/v7`; variants that say what the architecture says already are left out. */
function textOf({ os, architecture, variant = '' }: Platform): string {
  const usual: Record<string, string> = { amd64: 'v1', arm64: 'v8' };
  const shown = variant === '' && architecture === 'arm' ? 'v7' : variant === usual[architecture] ? '' : variant;
  return [os, architecture, shown].filter((part) => part !== '').join('/');
}
