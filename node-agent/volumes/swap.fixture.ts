/** What a hostile container does to its volume: two names in it change places, again and again, as fast as the kernel can. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** renameat2(2) has no name in Perl. */
const renameCalls: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 316, arm64: 276 };
/** Ends when its parent, whose pipe is its standard input, does. */
const script = `
use IO::Select;
my ($call, $one, $other) = @ARGV;
my $parent = IO::Select->new(\\*STDIN);
until ($parent->can_read(0)) {
  for (1 .. 100) { syscall($call + 0, -100, $one, -100, $other, 2) == 0 or die "$!"; }
  syswrite(STDOUT, '.') if $told++ == 0;
}
`;

/** Starts it; resolves when it is at work, with the way to stop it. */
export async function swapForEver(one: string, other: string): Promise<() => Promise<void>> {
  const child = spawn('perl', ['-e', script, String(renameCalls[process.arch]), one, other], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [told] = (await Promise.race([once(child.stdout, 'data'), exited.then(() => [])])) as unknown[];
  if (told === undefined) throw new Error('Cannot swap: perl has ended');
  return async () => {
    child.stdin.end();
    await exited;
  };
}
