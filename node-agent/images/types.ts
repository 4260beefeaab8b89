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

/** All credentials for a repository like `docker.io/library/nginx`, to be tried in turn. */
export type Credentials = (repository: string) => readonly RegistryAuth[];

/** A pull that has ended well. */
export interface Pulled {
  image: UnpackedImage;
  /** What its parts take in the registry. */
  bytes: number;
  /** Without the time that it waited for other pulls to end. */
  durationMs: number;
}

/** How far a pull has come. */
export interface PullProgress {
  fetchedBytes: number;
  totalBytes: number;
}

export interface PullOptions {
  auth?: Credentials;
  /** Told now and then of a pull that takes long: after ten seconds, then each time after twice as long. */
  onProgress?: (progress: PullProgress) => void;
  signal: AbortSignal;
}

export interface Images {
  /**
   * The image if it is here, unpacked; undefined when it would have to be pulled. Layers that are missing or not as they were extracted are made
   * anew first, from what was pulled once. `name` as in a pod, not normalised.
   */
  find(name: string): Promise<UnpackedImage | undefined>;
  /** Pulls and unpacks; many callers for one image with the same credentials share one pull. Rejects with PullError. */
  pull(name: string, options: PullOptions): Promise<Pulled>;
  list(): Promise<ImageInfo[]>;
  /** Notes that these are in use now, which shows in `lastUsedAt`; ids that are not here do not count. */
  noteUse(ids: Iterable<string>): Promise<void>;
  /** Removes a tag, digest or id; layers nobody needs any more go too. Refuses an image in use. */
  remove(name: string): Promise<void>;
  /** Removes what downloads that were given up have left, when nobody has gone on with them for an hour. */
  dropStale(): Promise<void>;
  /** Reads a `docker save` or OCI-layout tar (gzip allowed); resolves to the names it brought. */
  importTar(file: string): Promise<string[]>;
}
