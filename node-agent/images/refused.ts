/** How asking a registry fails, in the words that users know from containerd and Go. */

/** An answer that is not the wanted one, or none; `isFinal` when asking the same place again will not help. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly isFinal: boolean;
  /** Nobody answered at all. */
  readonly isUnreachable: boolean;

  constructor(message: string, isFinal: boolean, options?: ErrorOptions & { isUnreachable?: boolean }) {
    super(message, options);
    this.isFinal = isFinal;
    this.isUnreachable = options?.isUnreachable ?? false;
  }
}

/** A request that found nobody. When none listens, or the name does not exist, the caller's own backoff is the right place to wait. */
export function unreachable(url: URL, error: unknown): RefusedError {
  const isHopeless = codeOf(error) === 'ECONNREFUSED' || codeOf(error) === 'ENOTFOUND';
  return new RefusedError(`failed to do request: Get "${url.href}": ${describe(error)}`, isHopeless, {
    cause: error,
    isUnreachable: true,
  });
}

/** None of the credentials will do. */
export function denied(because: string): RefusedError {
  return new RefusedError(
    `pull access denied, repository does not exist or may require authorization: server message: ${because}`,
    true,
  );
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { address, port, hostname } = error as { address?: string; port?: number; hostname?: string };
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return `dial tcp ${address ?? 'unknown'}:${port ?? 0}: connect: connection refused`;
    case 'ENOTFOUND':
      return `dial tcp: lookup ${hostname ?? 'unknown'}: no such host`;
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${hostname ?? 'unknown'}: Temporary failure in name resolution`;
    case 'ECONNRESET':
      return 'connection reset by peer';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    default:
      return error.message;
  }
}

/** A failed connection to several addresses is an AggregateError with a code of its own. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
