/** Who asks: by client certificate, by a bearer token of whatever sort, or nobody known. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '#lib/meta/errors.ts';
import type { Caller } from '../verbs/types.ts';
import { anonymous } from './anonymous.ts';
import { authenticatedGroup } from './authorize.ts';
import { tokenInHeader, tokenInProtocols } from './bearer.ts';
import { makeCertificateReader } from './certificate-caller.ts';
import type { CertificateReader, Trust } from './certificate-caller.ts';

/** The caller of a request: anonymous when it shows no credentials. Throws Unauthorized for wrong ones. */
export type Authenticator = (request: IncomingMessage) => Promise<Caller>;

/** Whom a bearer token stands for; undefined when it is not one of the reader's. */
export type TokenReader = (token: string) => Promise<Caller | undefined>;

export function makeAuthenticator(readers: readonly TokenReader[], trust: Trust): Authenticator {
  const callerOfCertificate = makeCertificateReader(trust);
  return async (request) => (await identify(readers, callerOfCertificate, request)) ?? anonymous;
}

/** A good certificate comes before any token; what cannot be believed counts only when nothing better is shown. */
async function identify(
  readers: readonly TokenReader[],
  callerOfCertificate: CertificateReader,
  request: IncomingMessage,
): Promise<Caller | undefined> {
  const certificate = callerOfCertificate(socketOf(request));
  if (certificate && certificate !== 'unknown') return certificate;
  const token = tokenInHeader(request.headers.authorization) ?? tokenOfWebSocket(request);
  const caller = token === undefined ? undefined : await callerOfToken(readers, token);
  if (!caller && (token !== undefined || certificate === 'unknown')) throw unauthorized();
  return caller;
}

function tokenOfWebSocket({ headers }: IncomingMessage): string | undefined {
  try {
    return tokenInProtocols(headers);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw unauthorized();
    throw error;
  }
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

/** The TLS socket under a request of either HTTP version. */
export function socketOf(request: IncomingMessage): TLSSocket {
  const { stream } = request as IncomingMessage & { stream?: { session?: { socket: TLSSocket } } };
  return stream?.session?.socket ?? (request.socket as TLSSocket);
}
