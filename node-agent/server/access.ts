/** Whom the agent answers by HTTP: like a kubelet it asks the API server who somebody is, and whether they may do this with the node. */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { UserInfo } from '#lib/kinds/gen/authentication-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { subjectAccessReview } from '#lib/kinds/subject-access-review.ts';
import { tokenReview } from '#lib/kinds/token-review.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { isKnown } from './caller.ts';

export interface Access {
  /** Throws Unauthorized for who shows nothing that counts, Forbidden for who may not get this part of the node: `log`, `metrics`, `stats` or `proxy`. */
  demand(socket: TLSSocket, authorization: string | undefined, part: string): Promise<void>;
}

/** How long an answer of the API server's holds, as a kubelet's. */
const allowedMs = 60_000;
const refusedMs = 10_000;
/** Answers that are remembered. */
const mostAnswers = 500;

interface Answer {
  user: string;
  allowed: boolean;
  untilMs: number;
}

export function makeAccess(nodeName: string, client: Pick<Client, 'create'>, env: Pick<Env, 'now'>): Access {
  const answers = new Map<string, Answer>();

  const ask = async (user: UserInfo | undefined, part: string): Promise<Omit<Answer, 'untilMs'>> => {
    if (!user?.username) return { user: '', allowed: false };
    const { username, uid, groups, extra } = user;
    const { status } = await client.create(subjectAccessReview, {
      metadata: {},
      spec: {
        user: username,
        ...(uid !== undefined && { uid }),
        ...(groups && { groups }),
        ...(extra && { extra }),
        resourceAttributes: {
          verb: 'get',
          resource: nodeKind.plural,
          subresource: part,
          name: nodeName,
          version: 'v1',
        },
      },
    });
    return { user: username, allowed: status?.allowed === true };
  };

  const judge = async (key: string, who: () => Promise<UserInfo | undefined>, part: string): Promise<Answer> => {
    const known = answers.get(key);
    if (known && known.untilMs > env.now()) return known;
    const found = await ask(await who(), part);
    const answer = { ...found, untilMs: env.now() + (found.allowed ? allowedMs : refusedMs) };
    answers.delete(key);
    if (answers.size >= mostAnswers) answers.delete(answers.keys().next().value!);
    answers.set(key, answer);
    return answer;
  };

  return {
    async demand(socket, authorization, part) {
      const certificate = socket.authorized ? socket.getPeerCertificate() : undefined;
      if (certificate && isKnown(certificate)) return;
      const token = /^bearer (\S+)$/i.exec(authorization ?? '')?.[1];
      if (!certificate?.subject && token === undefined) throw unauthorized();
      const { user, allowed } = certificate?.subject
        ? await judge(`${part} ${certificate.fingerprint256}`, () => Promise.resolve(ownerOf(certificate)), part)
        : await judge(`${part} ${digestOf(token!)}`, () => reviewed(client, token!), part);
      if (user === '') throw unauthorized();
      if (allowed) return;
      throw new ApiError('Forbidden', `Forbidden (user=${user}, verb=get, resource=nodes, subresource=${part})`);
    },
  };
}

const unauthorized = () => new ApiError('Unauthorized', 'Unauthorized');

function ownerOf({ subject }: ReturnType<TLSSocket['getPeerCertificate']>): UserInfo {
  return { username: [subject.CN].flat()[0] ?? '', groups: [subject.O ?? []].flat() };
}

async function reviewed(client: Pick<Client, 'create'>, token: string): Promise<UserInfo | undefined> {
  const { status } = await client.create(tokenReview, { metadata: {}, spec: { token } });
  return status?.authenticated === true ? status.user : undefined;
}

/** Tokens are not kept. */
function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
