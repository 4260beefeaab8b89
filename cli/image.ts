/** `wherry image ...`: the image store that all nodes of a cluster on this machine share. */
import type { Env } from '#lib/env/env.ts';
import { buildImage } from '../node-agent/images/build.ts';
import { makeImages } from '../node-agent/images/images.ts';
import type { ImageStore } from '../node-agent/images/images.ts';
import { followNodeRegistries } from '../node-agent/images/node-registries.ts';
import type { ClusterLayout } from './cluster/layout.ts';
import { UsageError } from './options.ts';
import type { Options } from './options.ts';
import { say, seconds } from './say.ts';

/** Runs one image command; the first word is the verb. */
export async function image(cluster: ClusterLayout, options: Options, env: Env): Promise<void> {
  // As the first node pulls.
  const registries = followNodeRegistries(cluster.nodes[0]!.stateDir, env);
  try {
    await perform(makeImages({ dir: cluster.imageDir, ...registries }, env), options);
  } finally {
    registries.close();
  }
}

async function perform(images: ImageStore, { words, tag, file }: Options): Promise<void> {
  const [verb, argument] = words;
  const given = (): string => {
    if (argument === undefined) throw new UsageError(`wherry image ${verb} wants an argument; try wherry --help`);
    return argument;
  };
  switch (verb) {
    case 'ls': {
      say(`${'IMAGE'.padEnd(56)} ${'ID'.padEnd(14)} SIZE`);
      for (const { tags, digests, id, sizeBytes } of await images.list()) {
        for (const name of tags.length > 0 ? tags : [digests[0] ?? '<none>'])
          say(`${name.padEnd(56)} ${id.slice(7, 19).padEnd(14)} ${megabytes(sizeBytes)}`);
      }
      return;
    }
    case 'import':
      for (const name of await images.importTar(given())) say(`Imported ${name}`);
      return;
    case 'build': {
      if (tag === undefined) throw new UsageError('wherry image build wants --tag NAME');
      const built = await buildImage(images, {
        context: given(),
        tag,
        ...(file !== undefined && { dockerfile: file }),
      });
      say(`Built ${tag} (${built.id.slice(7, 19)})`);
      return;
    }
    case 'pull': {
      const { bytes, durationMs } = await images.pull(given(), {
        onProgress: ({ fetchedBytes, totalBytes }) =>
          say(`  ${megabytes(fetchedBytes)} of ${megabytes(totalBytes)} fetched`),
        signal: new AbortController().signal,
      });
      say(`Pulled ${argument}: ${megabytes(bytes)} in ${seconds(durationMs)}`);
      return;
    }
    case 'rm':
      await images.remove(given());
      return;
    default:
      throw new UsageError(`Unknown image command "${verb ?? ''}"; try wherry --help`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
