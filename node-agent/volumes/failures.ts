/** Why volumes cannot be there: in upstream's sentences, for FailedMount events. */

/** Volumes cannot be there yet, or never. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  /** A sentence for each volume that fails; the message has them all. */
  readonly faults: readonly string[];

  constructor(fault: string | readonly string[], options?: ErrorOptions) {
    const faults = typeof fault === 'string' ? [fault] : fault;
    super(faults.join('; '), options);
    this.faults = faults;
  }
}

/** It is not known what to mount: the claim behind a volume does not lead to anything. */
export class UnresolvedError extends Error {
  override readonly name = 'UnresolvedError';
}

/** What is told of one volume that failed; `unmounted` are all of the pod that are not there. */
export function faultOf(volume: string, error: unknown, unmounted: readonly string[]): string {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof VolumeError) return message;
  if (error instanceof UnresolvedError) {
    const all = `unmounted volumes=[${unmounted.join(' ')}], unattached volumes=[], failed to process volumes=[${volume}]`;
    return `Unable to attach or mount volumes: ${all}: ${message}`;
  }
  return setUpFailed(volume, message);
}

/** `volume` is the name of a PersistentVolume where there is one, and otherwise the name in the pod. */
export function setUpFailed(volume: string, message: string): string {
  return `MountVolume.SetUp failed for volume "${volume}" : ${message}`;
}
