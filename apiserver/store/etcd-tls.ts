/** What proves etcd and us to each other. */
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import type { TlsFiles } from '#lib/env/live-tls.ts';

/** Each is what its file says at the moment it is asked for; the same buffer until the file changes. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface FollowedTls {
  material: TlsMaterial;
  close(): void;
}

/** Follows PEM files; undefined without an authority, which is for connections in the clear. */
export function followEtcdTls(files: TlsFiles, env: Env): FollowedTls | undefined {
  if (files.caFile === undefined) return undefined;
  const live = followTls(files, env);
  const material: TlsMaterial = {
    get ca() {
      return live.current.ca!;
    },
    get cert() {
      return live.current.cert;
    },
    get key() {
      return live.current.key;
    },
  };
  return { material, close: live.close };
}
