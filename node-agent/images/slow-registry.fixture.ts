/** A registry of one image that stops in the middle of its layer: for downloads that are cut short. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { layerWith, manifestType } from './registry.fixture.ts';
import { sha256 } from './store.ts';

/** How much of the layer comes before it stops. */
export const beginning = 3 * 1024 * 1024;

export const layer = layerWith('big', randomBytes(2 * beginning));
export const digest = sha256(layer);
export const config = Buffer.from(
  JSON.stringify({
    os: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    config: {},
    rootfs: { type: 'layers', diff_ids: [digest] },
  }),
);
const part = (kind: string, body: Buffer) => ({
  mediaType: `application/vnd.oci.image.${kind}`,
  digest: sha256(body),
  size: body.length,
});
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: part('config.v1+json', config),
    layers: [part('layer.v1.tar', layer)],
  }),
);

export interface SlowRegistry {
  /** The ranges of the layer that were asked for, in order; undefined for all of it. */
  readonly asked: (string | undefined)[];
  /** As long as it hangs, it says no more after the beginning. */
  readonly state: { hangs: boolean };
  readonly port: number;
  stop(): Promise<void>;
}

/** Any name and tag of it stands for the image. */
export async function startSlowRegistry(host = '127.0.0.1'): Promise<SlowRegistry> {
  const asked: (string | undefined)[] = [];
  const state = { hangs: true };
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    if (url.includes('/manifests/')) return response.writeHead(200, { 'content-type': manifestType }).end(manifest);
    if (!url.endsWith(digest)) return response.end(config);
    const { range } = request.headers;
    asked.push(range);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(range ? 206 : 200, {
      'content-length': layer.length - from,
      ...(range && { 'content-range': `bytes ${from}-${layer.length - 1}/${layer.length}` }),
    });
    return state.hangs ? response.write(layer.subarray(from, beginning)) : response.end(layer.subarray(from));
  });
  await once(server.listen(0, host), 'listening');
  return {
    asked,
    state,
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
