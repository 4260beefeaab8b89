/** Counts TLS handshakes that clients did not complete, as upstream's `server/filters`. */
import type { Registry } from '#lib/metrics/registry.ts';

/** What to call for each of them. */
export function measureHandshakes(registry: Registry): () => void {
  const total = registry
    .counter(
      'apiserver_tls_handshake_errors_total',
      "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
    )
    .with();
  return () => total.add();
}
