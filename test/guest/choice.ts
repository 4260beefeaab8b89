/** Which tests run in the guest. */
import type { Job } from './protocol.ts';

/** A file of tests, and the beginnings of the full titles of those wanted of it. */
interface Choice {
  file: string;
  titles: string[];
}

/** Each thing that depends on the version of cgroups once: little enough for every run of the tests. */
const essential: Choice[] = [
  {
    file: 'node-agent/runtime/oci/runtime.test.ts',
    titles: [
      'runtime contract: oci preparePod() makes a sandbox once',
      'runtime contract: oci stopContainer() ends a container, by force',
      'runtime contract: oci removePod() leaves nothing',
      'oci runtime list() tells of containers that were killed',
      'oci runtime execSync()',
      'oci runtime startContainer() holds a layer',
    ],
  },
  { file: 'node-agent/runtime/oci/bounded-layer.test.ts', titles: ['bounded layers'] },
  { file: 'test/cluster/security.test.ts', titles: ['security and limits limits are the kernel’s to keep'] },
  { file: 'test/cluster/resize.test.ts', titles: ['resizing pods the kernel takes other limits'] },
  { file: 'test/cluster/usage.test.ts', titles: ['what containers use'] },
];

/** All that has to do with the runtime and with what pods may use. */
const whole: Choice[] = [
  { file: 'node-agent/runtime/oci/runtime.test.ts', titles: ['runtime contract: oci', 'oci runtime'] },
  { file: 'node-agent/runtime/oci/limits.test.ts', titles: ['oci runtime: limits'] },
  { file: 'node-agent/runtime/oci/honest-files.test.ts', titles: ['honest files'] },
  { file: 'node-agent/runtime/oci/bounded-layer.test.ts', titles: ['bounded layers'] },
  { file: 'test/cluster/security.test.ts', titles: ['security and limits'] },
  { file: 'test/cluster/resize.test.ts', titles: ['resizing pods'] },
  { file: 'test/cluster/usage.test.ts', titles: ['what containers use'] },
  { file: 'test/cluster/storage.test.ts', titles: ['ephemeral storage'] },
  { file: 'test/cluster/pressure.test.ts', titles: ['a node that runs short'] },
  { file: 'test/cluster/node-options.test.ts', titles: ['a node with options for resources'] },
  { file: 'test/cluster/resources.test.ts', titles: ['what a node limits'] },
];

/** Words of titles of what the guest's kernel cannot do: before 6.3 Linux gives files in memory no other owners. */
const beyond = ['users of their own'];

/** `extent` is what WHERRY_TEST_GUEST says: `all` for the whole, or a part of the names of its files. */
export function chosen(extent: string | undefined): Choice[] {
  if (extent === undefined) return essential;
  return extent === 'all' ? whole : whole.filter(({ file }) => file.includes(extent));
}

export function jobOf(choices: readonly Choice[], root: string, patience: number): Job {
  const titles = choices.flatMap((choice) => choice.titles.map(RegExp.escape));
  const without = `(?!.*(${beyond.map(RegExp.escape).join('|')}))`;
  return { root, files: choices.map(({ file }) => file), titles: `^${without}(${titles.join('|')})`, patience };
}
