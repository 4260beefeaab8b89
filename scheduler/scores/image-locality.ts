import { highest } from './score.ts';
import type { Score } from './score.ts';

const mebibyte = 1024 * 1024;
/** Below this, pulling is quick and locality no argument; upstream's numbers. */
const floorBytes = 23 * mebibyte;
const ceilingBytes = 1000 * mebibyte;

/** Prefers nodes that hold the pod's images, the more so the larger they are (upstream: ImageLocality). */
export const imageLocality: Score = {
  measure: ({ shape: { spec } }, cluster) => {
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    const images = containers.map(({ image }) => withTag(image ?? ''));
    const held = images
      .map((image) => ({ image, spread: cluster.nodesWithImage(image) / cluster.nodes.length }))
      .filter(({ spread }) => spread > 0);
    if (held.length === 0) return undefined;
    const most = ceilingBytes * containers.length;
    return (node) => {
      let sum = 0;
      // A large image that few nodes hold should not draw every pod there, so size counts by its spread.
      for (const { image, spread } of held) sum += Math.floor((node.images.get(image) ?? 0) * spread);
      const bytes = Math.min(Math.max(sum, floorBytes), most);
      return Math.floor((highest * (bytes - floorBytes)) / (most - floorBytes));
    };
  },
};

function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
