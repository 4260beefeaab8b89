/** Waiting in tests, with a deadline. */

/** How many times longer than usual everything may take, as on a machine that is made in software. */
export const patience = Number(process.env['WHERRY_TEST_PATIENCE'] ?? 1);

const firstPauseMs = 10;
const longestPauseMs = 100;

/** Waits until `look` answers something other than undefined or false; fails after `withinMs`, or longer where all is slow, with what it saw last. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + withinMs * patience;
  let last: unknown;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`Not within ${(withinMs * patience) / 1000} s: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
