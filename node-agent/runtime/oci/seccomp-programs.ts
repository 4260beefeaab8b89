/**
 * Remembers the kernel programs that crun compiles from seccomp profiles: compiling is a third of what starting a container costs. crun leaves the program
 * beside its state, and takes a ready one from an annotation.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { SeccompProfile } from './seccomp-default.ts';

/** crun's name for a ready program, in base64. */
export const programAnnotation = 'run.oci.seccomp_bpf_data';

/** More different profiles than this hardly meet on a node; then all are compiled anew. */
const mostPrograms = 64;

export interface SeccompPrograms {
  /** The program for this profile, if it was compiled before. */
  find(profile: SeccompProfile): string | undefined;
  /** Keeps what crun compiled for container `id`. */
  learn(profile: SeccompProfile, id: string): void;
}

export function makeSeccompPrograms(crunRoot: string): SeccompPrograms {
  const programs = new Map<string, string>();
  return {
    find: (profile) => programs.get(JSON.stringify(profile)),
    learn(profile, id) {
      const key = JSON.stringify(profile);
      const file = path.join(crunRoot, id, 'seccomp.bpf');
      if (programs.has(key) || !existsSync(file)) return;
      if (programs.size >= mostPrograms) programs.clear();
      programs.set(key, readFileSync(file).toString('base64'));
    },
  };
}
