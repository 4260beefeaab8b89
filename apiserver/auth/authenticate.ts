/** Who asks: by client certificate, by a bearer token of whatever sort, or nobody known. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';
import { anonymous } from './anonymous.ts';
import { authenticatedGroup } from './authorize.ts';
import type { Authorizer } from './authorize.ts';
import { impersonated } from './impersonate.ts';

/** The caller of a request: anonymous when it shows no credentials. Throws Unauthorized for wrong ones. */
export type Authenticator = (request: IncomingMessage) => Promise<Caller>;

/** Whom a bearer token stands for; undefined when it is not one of the reader's. */
export type TokenReader = (token: string) => Promise<Caller | undefined>;

/** `authorize` judges who may act as someone else. */
export function makeAuthenticator(readers: readonly TokenReader[], authorize: Authorizer): Authenticator {
  return async (request) => {
    const caller = (await identify(readers, request)) ?? anonymous;
    return impersonated(caller, request.headers, authorize);
  };
}

async function identify(readers: readonly TokenReader[], request: IncomingMessage): Promise<Caller | undefined> {
  const header = request.headers.authorization;
  if (header === undefined) return callerOfCertificate(socketOf(request));
  const token = /^bearer +(\S+) *$/i.exec(header)?.[1];
  const caller = token === undefined ? undefined : await callerOfToken(readers, token);
  if (!caller) throw unauthorized();
  return caller;
}

/** Whom a token stands for, by the first reader that knows it. */
export async function callerOfToken(readers: readonly TokenReader[], token: string): Promise<Caller | undefined> {
  for (const read of readers) {
    const caller = await read(token);
    if (caller) return { ...caller, groups: [...new Set([...caller.groups, authenticatedGroup])] };
  }
  return undefined;
}

const unauthorized = () => new ApiError('Unauthorized', 'Unauthorized');

/** The certificate's common name is the user, its organizations are the groups. Throws Unauthorized for one of another authority. */
function callerOfCertificate(socket: TLSSocket): Caller | undefined {
  if (!socket.authorized) {
    if (Object.keys(socket.getPeerCertificate()).length > 0) throw unauthorized();
    return undefined;
  }
  const known = callers.get(socket);
  if (known) return known;
  const { subject } = socket.getPeerCertificate();
  if (!subject?.CN) return undefined;
  const organizations = [subject.O].flat().filter((name) => name !== undefined);
  const caller: Caller = {
    name: [subject.CN].flat()[0]!,
    groups: [...organizations, authenticatedGroup],
  };
  callers.set(socket, caller);
  return caller;
}

/** A connection keeps its certificate, so it is read once. */
const callers = new WeakMap<TLSSocket, Caller>();

/** The TLS socket under a request of either HTTP version. */
function socketOf(request: IncomingMessage): TLSSocket {
  const { stream } = request as IncomingMessage & { stream?: { session?: { socket: TLSSocket } } };
  return stream?.session?.socket ?? (request.socket as TLSSocket);
}
