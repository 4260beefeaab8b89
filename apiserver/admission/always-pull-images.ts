/** Every container pulls its image anew, so that nobody runs a private image that someone else pulled. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import type { AdmissionPlugin } from './types.ts';

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  admit({ operation, kind, subresource, object }) {
    if (kind !== podKind || operation === 'DELETE' || (subresource !== '' && subresource !== 'ephemeralcontainers')) {
      return;
    }
    const { containers, initContainers = [], ephemeralContainers = [], volumes = [] } = (object as Pod).spec;
    for (const { image } of volumes) if (image) image.pullPolicy = 'Always';
    for (const container of [...containers, ...initContainers, ...ephemeralContainers]) {
      container.imagePullPolicy = 'Always';
    }
  },
};
