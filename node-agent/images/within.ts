/** Puts the step's name before its failure. */
export async function within<T>(prefix: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'AbortError') throw error;
    throw new Error(`${prefix}${error.message}`, { cause: error });
  }
}
