/** Which kubectl this machine has: any serves, and a test of what a newer one can do says so. */
import { execFileSync } from 'node:child_process';
import type { AsyncFunc } from 'mocha';

let minor: number | undefined;

/** The minor version of the machine's kubectl: 32 for 1.32. */
function kubectlMinor(): number {
  minor ??= readMinor();
  return minor;
}

/** A test that needs at least kubectl 1.`since`; with an older one it is skipped, and its title says why. */
export function testSinceKubectl(since: number, title: string, run: AsyncFunc): void {
  const known = kubectlMinor();
  if (known >= since) test(title, run);
  else test.skip(`${title} (needs kubectl 1.${since}; this machine has 1.${known})`, run);
}

function readMinor(): number {
  const text = execFileSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const { clientVersion } = JSON.parse(text) as { clientVersion: { minor: string } };
  return Number.parseInt(clientVersion.minor, 10);
}
