/** Who calls: on TLS the client certificate says so, on the unix socket the caller itself. */
import type { Metadata } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import { ApiError } from '#lib/meta/errors.ts';
import { authenticatedGroup } from '../auth/authorize.ts';
import type { Caller } from '../verbs/types.ts';

/** What of a call tells who makes it. */
export interface Credentials {
  metadata: Metadata;
  getAuthContext(): { sslPeerCertificate?: PeerCertificate };
}

export type Identify = (call: Credentials) => Caller;

/**
 * The certificate's common name is the user, its organizations are the groups. Throws Unauthorized without one. A connection has one certificate for as long as it lives, and reading
 * it costs as much as many a call, so that it is read once.
 */
export const byCertificate: Identify = (call) => {
  const connection = connectionOf(call);
  const known = connection && callers.get(connection);
  if (known) return known;
  const caller = readCertificate(call);
  if (connection) callers.set(connection, caller);
  return caller;
};

const callers = new WeakMap<object, Caller>();

/** The HTTP/2 session that a call came by, where grpc-js has it; addresses would not do, as they are used again. Undefined when it is elsewhere: nothing is remembered then. */
function connectionOf(call: Credentials): object | undefined {
  const { stream } = (call as { call?: { stream?: { session?: unknown } } }).call ?? {};
  return typeof stream?.session === 'object' && stream.session !== null ? stream.session : undefined;
}

function readCertificate(call: Credentials): Caller {
  const subject = call.getAuthContext().sslPeerCertificate?.subject;
  const name = [subject?.CN].flat()[0];
  if (!name) throw new ApiError('Unauthorized', 'Unauthorized');
  const groups = [subject?.O].flat().filter((group) => group !== undefined);
  return { name, groups: [...groups, authenticatedGroup] };
}

/** Whoever can open the socket, which only our own user can, is believed; without a name it is the API server's own administrator. */
export const byMetadata: Identify = ({ metadata }) => {
  const [name] = metadata.get('wherry-user');
  if (name === undefined) return { name: 'system:apiserver', groups: ['system:masters', authenticatedGroup] };
  const groups = metadata.get('wherry-group').flatMap((list) => String(list).split(','));
  return { name: decodeURIComponent(String(name)), groups: [...groups.map(decodeURIComponent), authenticatedGroup] };
};
