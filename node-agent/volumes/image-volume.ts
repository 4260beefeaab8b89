/** Images as volumes: what containers find in an image's layers, to read and not to execute. */
import { mkdir } from 'node:fs/promises';
import type { UnpackedImage } from '../images/types.ts';
import { lowerLayers } from '../runtime/oci/overlay.ts';
import { bindMount, mountFileSystem, mountPoints } from './mounts.ts';

/** Mounts an image at `target`; does nothing when that is done. `empty` is a folder of the node's that holds nothing. */
export async function mountImage(image: UnpackedImage, target: string, empty: string): Promise<void> {
  if ((await mountPoints()).includes(target)) return;
  await mkdir(target, { recursive: true, mode: 0o755 });
  await mkdir(empty, { recursive: true, mode: 0o755 });
  if (image.layers.length === 0) return bindMount(empty, target);
  // Without a layer to write to, an overlay wants two to read from.
  const { from, lower } = lowerLayers(image.layers);
  await mountFileSystem('overlay', target, `ro,nosuid,nodev,noexec,lowerdir=${lower}:${empty}`, from);
}
