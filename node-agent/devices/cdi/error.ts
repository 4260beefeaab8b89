/** A container's devices of the Container Device Interface cannot be had: a sentence for users. */
export class CdiError extends Error {
  override readonly name = 'CdiError';
}
