/** Runs what it is given at once or when its turn comes. `first` puts it before all that is not. */
export type Limit = <T>(run: () => Promise<T>, first?: boolean) => Promise<T>;

/** So many that came first in a row let one of the others pass. */
const mostPassed = 16;

/** Bounds how many things run at a time; the rest wait in order. */
export function makeLimit(most: number): Limit {
  const first: (() => void)[] = [];
  const others: (() => void)[] = [];
  let running = 0;
  let passed = 0;

  function next(): (() => void) | undefined {
    const turn = first.length > 0 && (others.length === 0 || passed < mostPassed) ? first : others;
    passed = turn === first && others.length > 0 ? passed + 1 : 0;
    return turn.shift();
  }

  return async (run, isFirst = false) => {
    if (running >= most) await new Promise<void>((resolve) => (isFirst ? first : others).push(resolve));
    else running++;
    try {
      return await run();
    } finally {
      const waiting = next();
      if (waiting) waiting();
      else running--;
    }
  };
}
