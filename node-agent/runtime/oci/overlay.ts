/** Options that mount a container's root: the image's layers below, its own on top. */
import path from 'node:path';

export interface OverlayMount {
  /** Where to stand, since layers are named from here. */
  from: string;
  options: string;
}

/** The kernel takes one page of options. */
const mostOptionsBytes = 4000;

/** Layers, topmost first, as an overlay's lower folders, and the folder where to stand: they are named from their common one. */
export function lowerLayers(layers: readonly string[]): { from: string; lower: string } {
  const from = path.dirname(layers[0] ?? '/');
  return { from, lower: layers.map((layer) => path.relative(from, layer) || '.').join(':') };
}

/**
 * Layers, topmost first, are named from their common folder: a page holds some hundred digests that way. `volatile` spares the disk a sync at unmounting; a root is
 * never mounted twice. Throws when there are too many layers.
 */
export function overlayMount(layers: readonly string[], upper: string, work: string): OverlayMount {
  const { from, lower } = lowerLayers(layers);
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},volatile`;
  if (Buffer.byteLength(options) > mostOptionsBytes)
    throw new Error(`Cannot mount image: ${layers.length} layers are more than an overlay can hold`);
  return { from, options };
}
