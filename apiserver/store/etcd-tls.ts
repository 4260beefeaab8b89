/** What proves etcd and us to each other. */
import { readFileSync } from 'node:fs';

export interface TlsMaterial {
  ca: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** Reads PEM files; undefined without an authority, which is for connections in the clear. */
export function readTls({
  caFile,
  certFile,
  keyFile,
}: {
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}): TlsMaterial | undefined {
  if (caFile === undefined) return undefined;
  return {
    ca: readFileSync(caFile),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  };
}
