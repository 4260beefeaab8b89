/** The image store as the rest of the agent sees it. */

/** The parts of an OCI image config that running a container needs. */
export interface ImageConfig {
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workingDir: string;
  user: string;
  stopSignal: string;
  labels: Record<string, string>;
  volumes: string[];
}

/** An image on the node. */
export interface ImageInfo {
  /** Digest of the config: `sha256:...`. */
  id: string;
  /** `docker.io/library/nginx:1.27` and the like. */
  tags: string[];
  /** `docker.io/library/nginx@sha256:...`. */
  digests: string[];
  sizeBytes: number;
  lastUsedAt: number;
}

/** An image whose layers are extracted and ready to be overlaid. */
export interface UnpackedImage {
  /** As the pod named it. */
  name: string;
  id: string;
  /** `docker.io/library/nginx@sha256:...` when the name came from a registry. */
  digest?: string;
  config: ImageConfig;
  /** Folders for overlayfs, topmost first: ready as `lowerdir=a:b:c`. */
  layers: string[];
}

/** A pull failed: upstream's reason for the container's waiting state, and the sentence. */
export class PullError extends Error {
  override readonly name = 'PullError';
  readonly reason: 'ErrImagePull' | 'InvalidImageName' | 'ErrImageNeverPull' | 'RegistryUnavailable';

  constructor(reason: PullError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Credentials for one registry. */
export interface RegistryAuth {
  username: string;
  password: string;
}

export interface Images {
  /** The image if it is here, unpacked; undefined when it would have to be pulled. `name` as in a pod, not normalised. */
  find(name: string): Promise<UnpackedImage | undefined>;
  /** Pulls and unpacks; many callers for one image share one pull. Rejects with PullError. */
  pull(
    name: string,
    options: { auth?: (registry: string) => RegistryAuth | undefined; signal: AbortSignal },
  ): Promise<{ image: UnpackedImage; bytes: number; durationMs: number }>;
  list(): Promise<ImageInfo[]>;
  /** Notes that these are in use now, which shows in `lastUsedAt`; ids that are not here do not count. */
  noteUse(ids: Iterable<string>): Promise<void>;
  /** Removes a tag, digest or id; layers nobody needs any more go too. Refuses an image in use. */
  remove(name: string): Promise<void>;
  /** Reads a `docker save` or OCI-layout tar (gzip allowed); resolves to the names it brought. */
  importTar(file: string): Promise<string[]>;
}
