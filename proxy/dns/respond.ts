/** One query in, one answer out: the cluster's own names from the zone, the others from elsewhere. */
import { decode, encode } from 'dns-packet';
import type { RecordType } from 'dns-packet';
import type { Env } from '#lib/env/env.ts';
import { answer } from './answer.ts';
import type { ZoneOptions } from './answer.ts';
import type { Forward, Transport } from './forward.ts';
import { readQuery } from './question.ts';
import type { Query } from './question.ts';
import { encodeReply } from './wire.ts';
import type { Code, Record, Reply } from './wire.ts';
import type { Zone } from './zone.ts';

/** Resolves to undefined for packets that deserve no answer. Never rejects. */
export type Respond = (packet: Buffer, transport: Transport) => Promise<Buffer | undefined>;

const tcpLimitBytes = 65_535;

export function makeRespond(zone: Zone, options: ZoneOptions, forward: Forward | undefined, env: Env): Respond {
  return async (packet, transport) => {
    const query = readQuery(packet);
    if (!query) return undefined;
    if ('code' in query) return encodeReply({ ...blank, id: query.id, code: query.code }, tcpLimitBytes);
    const limitBytes = transport === 'udp' ? query.limitBytes : tcpLimitBytes;
    const reply = (fields: Partial<Reply>): Buffer => {
      const { id, question, edns, recursionDesired } = query;
      const recursionAvailable = forward !== undefined;
      return encodeReply({ ...blank, id, question, edns, recursionDesired, recursionAvailable, ...fields }, limitBytes);
    };
    const found = answer(query, zone, options);
    if (found === 'elsewhere') {
      if (!forward) return reply({ code: 'REFUSED' });
      return forward(packet, transport).catch((error: unknown) => {
        env.log.debug('Cannot forward query', { name: query.name, type: query.type, error });
        return reply({ code: 'SERVFAIL' });
      });
    }
    if ('alias' in found) {
      const { records, code } = await resolveElsewhere(found.target, query, forward, env);
      return reply({ code, authoritative: true, answers: [found.alias, ...records] });
    }
    return reply({ ...found, authoritative: true, answers: shuffled(found.answers, env) });
  };
}

const blank: Reply = {
  id: 0,
  question: Buffer.alloc(0),
  code: 'NOERROR',
  authoritative: false,
  recursionDesired: false,
  recursionAvailable: false,
  answers: [],
  authorities: [],
  additionals: [],
  edns: false,
};

/** What an ExternalName's target resolves to; the alias alone is an answer, too, when nobody can be asked. */
async function resolveElsewhere(
  target: string,
  { id, type }: Query,
  forward: Forward | undefined,
  env: Env,
): Promise<{ records: Record[]; code: Code }> {
  if (!forward) return { records: [], code: 'NOERROR' };
  try {
    const recursionDesired = 0x100;
    const questions = [{ name: target, type: type as RecordType }];
    const decoded = decode(await forward(encode({ type: 'query', id, flags: recursionDesired, questions }), 'udp'));
    const records = (decoded.answers ?? []).flatMap((record): Record[] => {
      if (record.type !== 'A' && record.type !== 'CNAME') return [];
      return [{ type: record.type, name: record.name, ttl: record.ttl ?? 0, data: record.data }];
    });
    return { records, code: 'NOERROR' };
  } catch (error) {
    env.log.debug('Cannot resolve external name', { target, error });
    return { records: [], code: 'NOERROR' };
  }
}

/** Spreads clients, which mostly take the first, over all addresses. */
function shuffled(records: readonly Record[], env: Env): Record[] {
  const order = [...records];
  for (let i = order.length - 1; i > 0; i--) {
    const other = Math.floor(env.random() * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}
