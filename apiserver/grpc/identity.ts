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

/** The certificate's common name is the user, its organizations are the groups. Throws Unauthorized without one. */
export const byCertificate: Identify = (call) => {
  const subject = call.getAuthContext().sslPeerCertificate?.subject;
  const name = [subject?.CN].flat()[0];
  if (!name) throw new ApiError('Unauthorized', 'Unauthorized');
  const groups = [subject?.O].flat().filter((group) => group !== undefined);
  return { name, groups: [...groups, authenticatedGroup] };
};

/** Whoever can open the socket, which only our own user can, is believed; without a name it is the API server's own administrator. */
export const byMetadata: Identify = ({ metadata }) => {
  const [name] = metadata.get('wherry-user');
  if (name === undefined) return { name: 'system:apiserver', groups: ['system:masters', authenticatedGroup] };
  const groups = metadata.get('wherry-group').flatMap((list) => String(list).split(','));
  return { name: decodeURIComponent(String(name)), groups: [...groups.map(decodeURIComponent), authenticatedGroup] };
};
