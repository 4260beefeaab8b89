/** Waits for the cluster's DNS: over UDP nobody tells, so the question is asked again until it is answered. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import dnsPacket from 'dns-packet';
import type { Env } from '#lib/env/env.ts';

const askAgainMs = 50;

/** Resolves with the address of `name` as `server` (port 53) gives it first. */
export async function waitForDns(server: string, name: string, env: Env, signal: AbortSignal): Promise<string> {
  const question = dnsPacket.encode({
    type: 'query',
    id: 1,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
  });
  const socket = dgram.createSocket('udp4');
  const answered = new AbortController();
  // An ICMP refusal while nobody listens yet is an ordinary part of waiting.
  socket.on('error', (error) => env.log.debug('DNS does not answer yet', { error }));
  const answer = (async () => {
    for (;;) {
      const [data] = (await once(socket, 'message', { signal })) as [Buffer];
      const [record] = dnsPacket.decode(data).answers ?? [];
      if (record?.type === 'A') return record.data;
    }
  })();
  const ask = async () => {
    while (!answered.signal.aborted && !signal.aborted) {
      socket.send(question, 53, server, () => {});
      await env.sleep(askAgainMs);
    }
  };
  const asking = ask();
  try {
    return await answer;
  } finally {
    answered.abort();
    await asking;
    socket.close();
  }
}
