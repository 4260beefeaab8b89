/** Metrics of who asks and who may, as upstream's `endpoints/filters/metrics.go` and `authentication/request/x509`. */
import type { TLSSocket } from 'node:tls';
import type { Env } from '#lib/env/env.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import { socketOf } from '../auth/authenticate.ts';
import type { RequestObserver } from '../rest/request-context.ts';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export function measureCallers(registry: Registry, env: Env): RequestObserver {
  const users = registry.counter(
    'authenticated_user_requests',
    '[ALPHA] Counter of authenticated requests broken out by username.',
    ['username'],
  );
  const attempts = registry.counter('authentication_attempts', '[ALPHA] Counter of authenticated attempts.', [
    'result',
  ]);
  const success = attempts.with('success');
  const failure = attempts.with('failure');
  const decisions = registry.counter(
    'authorization_attempts_total',
    "[ALPHA] Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
    ['result'],
  );
  const permitted = decisions.with('allowed');
  // None of the authorizers denies for the others: they are silent.
  const silence = decisions.with('no-opinion');
  const expiration = registry
    .histogram(
      'apiserver_client_certificate_expiration_seconds',
      '[ALPHA] Distribution of the remaining lifetime on the certificate used to authenticate a request.',
      [],
      [
        ...[0, 30 * minute, hour, 2 * hour, 6 * hour, 12 * hour, day, 2 * day, 4 * day, 7 * day],
        ...[30 * day, 90 * day, 180 * day, 360 * day],
      ],
    )
    .with();
  /** When a connection's certificate ends, in seconds since the epoch; undefined for one without a good certificate. */
  const ends = new WeakMap<TLSSocket, number | undefined>();

  const endOf = (socket: TLSSocket): number | undefined => {
    if (ends.has(socket)) return ends.get(socket);
    const until = socket.authorized ? Date.parse(socket.getPeerCertificate().valid_to) / 1000 : undefined;
    ends.set(socket, until);
    return until;
  };

  return {
    onRequest(context) {
      const until = endOf(socketOf(context.request));
      if (until !== undefined) expiration.observe(Math.max(0, until - env.now() / 1000));
    },
    onEnd({ user, isAllowed, failure: why }) {
      if (isAllowed !== undefined) (isAllowed ? permitted : silence).add();
      if (user) {
        success.add();
        users.with(wordFor(user.name)).add();
      } else if (why?.reason === 'Unauthorized') failure.add();
    },
  };
}

/** Few names are told: there may be any number of users. */
function wordFor(name: string): string {
  if (['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default'].includes(name))
    return name;
  return name.includes('@') ? 'email_id' : 'other';
}
