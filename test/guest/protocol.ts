/** What the guest and this machine tell each other. */

/** Given to the guest before it starts. */
export interface Job {
  /** The project's folder, the same here and there. */
  root: string;
  /** Test files below it. */
  files: string[];
  /** Matches the full titles of the tests to run. */
  titles: string;
  /** How many times longer than usual everything may take there. */
  patience: number;
}

/** One line of JSON each, from the guest. */
export type Line =
  | { hello: Guest }
  /** Full titles of the tests that will run; their places are their names from then on. */
  | { plan: string[] }
  | { test: number; result: Result }
  /** Something beside the tests went wrong: a suite's set-up, a file that cannot be loaded. */
  | { trouble: string }
  | { done: true };

/** What became of a test. */
export interface Result {
  state: 'passed' | 'failed' | 'skipped';
  error?: string;
}

/** What the guest says of itself. */
export interface Guest {
  kernel: string;
  /** Type and place of each file system of cgroups. */
  cgroups: string[];
  /** That can limit. */
  controllers: string[];
}
