/** The kernel that guests run: Debian's for clouds, as deploy/setup.sh unpacks it, and the small root it starts with. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../cli/cluster/run.ts';

const home = '/var/cache/wherry/guest-kernel';

export interface GuestKernel {
  image: string;
  version: string;
  /** Has `lib/modules/<version>`. */
  root: string;
}

/** Undefined where setup found none to bring. */
export function findKernel(): GuestKernel | undefined {
  const modules = `${home}/lib/modules`;
  const version = existsSync(modules) ? readdirSync(modules).at(-1) : undefined;
  const image = `${home}/boot/vmlinuz-${version}`;
  return version !== undefined && existsSync(image) ? { image, version, root: home } : undefined;
}

export interface FirstRoot {
  /** Kernel modules by name, loaded in this order with what each needs. */
  modules: readonly string[];
  /** The program that the kernel starts, a script for busybox. */
  init: string;
  /** Other files: name in the root, file on this machine. */
  files: Readonly<Record<string, string>>;
}

/** Writes the archive that the kernel unpacks into memory and starts from. `folder` is for what it is made of, and exists. */
export async function makeFirstRoot(kernel: GuestKernel, folder: string, wanted: FirstRoot): Promise<string> {
  const tree = path.join(folder, 'first-root');
  for (const name of ['bin', 'dev', 'proc', 'modules']) mkdirSync(path.join(tree, name), { recursive: true });
  copyFileSync('/bin/busybox', path.join(tree, 'bin/busybox'));
  const modules = await modulesInOrder(kernel, wanted.modules);
  for (const file of modules) copyFileSync(file, path.join(tree, 'modules', path.basename(file)));
  writeFileSync(path.join(tree, 'modules/order'), modules.map((file) => `${path.basename(file)}\n`).join(''));
  for (const [name, file] of Object.entries({ ...wanted.files, init: wanted.init }))
    copyFileSync(file, path.join(tree, name));
  chmodSync(path.join(tree, 'init'), 0o755);
  const archive = path.join(folder, 'first-root.cpio');
  await run('sh', ['-c', 'cd "$1" && find . | busybox cpio -o -H newc >"$2"', 'sh', tree, archive]);
  return archive;
}

/** Files of modules, each after those it needs. */
async function modulesInOrder(kernel: GuestKernel, names: readonly string[]): Promise<string[]> {
  const listed = await Promise.all(
    names.map((name) =>
      run('modprobe', ['--show-depends', '--dirname', kernel.root, '--set-version', kernel.version, name]),
    ),
  );
  // What the kernel has built in has no file.
  const files = listed.flatMap((text) => text.split('\n').flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []));
  return [...new Set(files)];
}
