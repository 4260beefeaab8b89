/** Sentences of waiting states that more than one place needs. */

/** The message of ImagePullBackOff: which image, and what the last pull died of. */
export function imageTrouble(image: string, problem: { reason: string; message: string }): string {
  return `Back-off pulling image "${image}": ${problem.reason}: ${problem.message}`;
}
