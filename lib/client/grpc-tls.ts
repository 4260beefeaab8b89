/** gRPC over certificates that change while servers and clients run: what they have open stays, what they open next uses the new ones. */
import { credentials, experimental } from '@grpc/grpc-js';
import type { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import type { LiveTls, TlsMaterial } from '#lib/env/live-tls.ts';

type Provider = experimental.CertificateProvider;

/** For a server that demands a certificate of its clients. */
export function serverCredentials(live: LiveTls): ServerCredentials {
  if (!live.current.ca || !live.current.cert)
    throw new Error('Cannot listen for gRPC: caFile, certFile and keyFile are required with an address');
  const provider = providerOf(live);
  return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/** For a client; without a certificate of its own it shows none. */
export function channelCredentials(live: LiveTls): ChannelCredentials {
  if (!live.current.ca) return credentials.createSsl();
  const provider = providerOf(live);
  return experimental.createCertificateProviderChannelCredentials(provider, live.current.cert ? provider : null);
}

/** The files as grpc-js wants to hear of them. It first listens when it binds or connects, and is told of what there is right after. */
function providerOf(live: LiveTls): Provider {
  const stops = new Map<unknown, () => void>();
  const follow = <U>(listener: (update: U) => void, updateOf: (material: TlsMaterial) => U) => {
    stops.set(
      listener,
      live.onChange((now) => listener(updateOf(now))),
    );
    process.nextTick(() => {
      if (stops.has(listener)) listener(updateOf(live.current));
    });
  };
  const unfollow = (listener: unknown) => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  return {
    addCaCertificateListener: (listener) => follow(listener, ({ ca }) => (ca ? { caCertificate: ca } : null)),
    removeCaCertificateListener: unfollow,
    addIdentityCertificateListener: (listener) =>
      follow(listener, ({ cert, key }) => (cert && key ? { certificate: cert, privateKey: key } : null)),
    removeIdentityCertificateListener: unfollow,
  };
}
