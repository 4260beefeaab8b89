/** Asks a webhook over HTTPS: at its URL, or at one of the endpoints of its Service. */
import { isIP } from 'node:net';
import { Agent, request as httpsRequest } from 'node:https';
import type { Env } from '#lib/env/env.ts';
import type { WebhookClientConfig } from '#lib/kinds/gen/admissionregistration-v1.ts';
import type { Lookup } from '../admission/types.ts';
import { addressOf } from './address.ts';
import type { Address } from './address.ts';

/** Connections to one webhook at a time; further calls wait for one. */
const connectionLimit = 64;

/** What an answer may take. */
const answerLimitBytes = 3 * 1024 * 1024;

export interface WebhookCaller {
  /** The answer as JSON. Throws Error with upstream's words where there is none in time. */
  call(config: WebhookClientConfig, question: object, timeoutSeconds: number): Promise<unknown>;
  close(): void;
}

export function makeWebhookCaller(look: Lookup, env: Env): WebhookCaller {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionLimit });
  return {
    async call(config, question, timeoutSeconds) {
      const address = addressOf(config, look, env.random());
      const told = `${address.url}?timeout=${timeoutSeconds}s`;
      try {
        return await post(agent, address, config.caBundle, question, timeoutSeconds, env);
      } catch (error) {
        throw new Error(`failed to call webhook: Post ${JSON.stringify(told)}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    },
    close: () => agent.destroy(),
  };
}

function post(
  agent: Agent,
  { host, port, path, serverName }: Address,
  caBundle: string | undefined,
  question: object,
  timeoutSeconds: number,
  env: Env,
): Promise<unknown> {
  const body = Buffer.from(JSON.stringify(question));
  return new Promise((resolve, reject) => {
    const sending = httpsRequest({
      ...{ agent, host, port, method: 'POST' },
      // An address is checked as such, and cannot be asked for by name.
      ...(isIP(serverName) === 0 && { servername: serverName }),
      path: `${path}${path.includes('?') ? '&' : '?'}timeout=${timeoutSeconds}s`,
      headers: {
        host: `${serverName}:${port}`,
        'content-type': 'application/json',
        accept: 'application/json, */*',
        'content-length': body.length,
      },
      ...(caBundle && { ca: Buffer.from(caBundle, 'base64') }),
    });
    const cancel = env.after(timeoutSeconds * 1000, () => sending.destroy(new Error('context deadline exceeded')));
    const fail = (error: Error) => {
      cancel();
      reject(error);
    };
    sending.on('error', fail);
    sending.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerLimitBytes) sending.destroy(new Error(`the answer is larger than ${answerLimitBytes} bytes`));
        chunks.push(chunk);
      });
      response.on('end', () => {
        cancel();
        const text = Buffer.concat(chunks).toString();
        const { statusCode = 0 } = response;
        if (statusCode < 200 || statusCode > 299)
          return reject(new Error(`the server answered ${statusCode}: ${text.slice(0, 200)}`));
        try {
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error);
        }
      });
    });
    sending.end(body);
  });
}
