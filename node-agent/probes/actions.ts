/** One try of a probe, over the network or in the container. Expected failures are values, and so is a try that could not be made. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Env } from '#lib/env/env.ts';
import type { Container, Probe } from '#lib/kinds/gen/core-v1.ts';
import type { Executor } from '../runtime/types.ts';
import { grpcHealth } from './grpc-health.ts';
import { httpTarget, portOf } from './target.ts';
import type { HttpTarget } from './target.ts';

export interface ProbeTarget {
  id: string;
  container: Container;
  podIp: string;
}

export interface ProbeResult {
  /** `unknown` says nothing about the container: there was no way to try. */
  result: 'success' | 'failure' | 'unknown';
  /** For the Unhealthy event, or that of a success that is doubtful. */
  output: string;
  doubtful?: boolean;
}

/** The part of an answer's body that is read, as upstream. */
const bodyLimitBytes = 10 * 1024;
const userAgent = 'kube-probe/1.32';
const mostRequests = 10;

/** What tries have of the world. */
type Clock = Pick<Env, 'now' | 'after'>;

/** A connection for each try, as upstream; what they have in common is made once. */
const agents = {
  http: new http.Agent({ keepAlive: false }),
  https: new https.Agent({ keepAlive: false, maxCachedSessions: 0, rejectUnauthorized: false }),
};

/** Tries once, within the probe's timeout from now. */
export async function tryProbe(
  probe: Probe,
  target: ProbeTarget,
  executor: Pick<Executor, 'execSync'>,
  env: Clock,
): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const { container, podIp, id } = target;
  try {
    if (probe.exec) return await tryExec(probe.exec.command ?? [], id, timeoutMs, executor);
    if (probe.httpGet) return await tryHttp(httpTarget(probe.httpGet, container, podIp, userAgent), timeoutMs, env);
    if (probe.tcpSocket) {
      return await tryTcp(probe.tcpSocket.host || podIp, portOf(probe.tcpSocket.port, container), timeoutMs, env);
    }
    if (probe.grpc) return await grpcHealth(podIp, probe.grpc.port, probe.grpc.service ?? '', timeoutMs, env.now());
    return { result: 'unknown', output: `missing probe handler for ${container.name}` };
  } catch (error) {
    // A port that the container does not name, a program that is not there, a container that has just ended.
    return { result: 'unknown', output: error instanceof Error ? error.message : String(error) };
  }
}

async function tryExec(
  command: string[],
  id: string,
  timeoutMs: number,
  executor: Pick<Executor, 'execSync'>,
): Promise<ProbeResult> {
  const { exitCode, output, timedOut } = await executor.execSync(id, command, timeoutMs);
  if (timedOut) {
    return {
      result: 'failure',
      output: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`,
    };
  }
  return { result: exitCode === 0 ? 'success' : 'failure', output };
}

/** An answer from 200 to 399 is a success. Redirects are followed on the same host, and believed to lead somewhere on another. */
export async function tryHttp(target: HttpTarget, timeoutMs: number, env: Clock): Promise<ProbeResult> {
  const patience = makePatience(timeoutMs, env);
  try {
    return await followRedirects(target, patience);
  } finally {
    patience.end();
  }
}

/** A limit of time for several things one after the other: what is waited for when it is over is destroyed. An AbortSignal would do, at nearly twice the price of a try. */
interface Patience {
  isOver: boolean;
  waitFor(stream: { destroy(error: Error): unknown }): void;
  end(): void;
}

const timeIsOver = new Error('The time is over');

function makePatience(timeoutMs: number, env: Clock): Patience {
  let waiting: { destroy(error: Error): unknown } | undefined;
  const patience: Patience = {
    isOver: false,
    waitFor(stream) {
      waiting = stream;
      if (patience.isOver) stream.destroy(timeIsOver);
    },
    end: env.after(timeoutMs, () => {
      patience.isOver = true;
      waiting?.destroy(timeIsOver);
    }),
  };
  return patience;
}

async function followRedirects(target: HttpTarget, patience: Patience): Promise<ProbeResult> {
  let next = target;
  let url = '';
  for (let requests = 0; requests < mostRequests; requests++) {
    url = `${next.secure ? 'https' : 'http'}://${urlHost(next.host)}:${next.port}${next.path}`;
    try {
      const { status, body, location } = await request(next, patience);
      if (status < 200 || status >= 400) {
        return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
      }
      const to = status >= 300 && location !== undefined ? new URL(location, url) : undefined;
      if (!to || to.hostname !== new URL(url).hostname) {
        if (status < 300) return { result: 'success', output: body };
        return { result: 'success', output: `Probe terminated redirects, Response body: ${body}`, doubtful: true };
      }
      const secure = to.protocol === 'https:';
      const port = to.port === '' ? (secure ? 443 : 80) : Number(to.port);
      next = { ...next, secure, port, path: `${to.pathname}${to.search}` };
    } catch (error) {
      const why = patience.isOver ? timeoutText : describe(error as NodeJS.ErrnoException);
      return { result: 'failure', output: `Get "${url}": ${why}` };
    }
  }
  return { result: 'failure', output: `Get "${url}": stopped after ${mostRequests} redirects.` };
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

interface Answer {
  status: number;
  body: string;
  location: string | undefined;
}

/** One request; the body is read up to its limit. */
function request({ secure, host, port, path, headers }: HttpTarget, patience: Patience): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host, port, path, headers };
    const sent = secure
      ? https.request({ ...options, agent: agents.https })
      : http.request({ ...options, agent: agents.http });
    patience.waitFor(sent);
    sent.on('response', (response) => {
      const parts: Buffer[] = [];
      let rest = bodyLimitBytes;
      const finish = () => {
        const body = Buffer.concat(parts).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body, location: response.headers.location });
        sent.destroy();
      };
      response.on('data', (part: Buffer) => {
        if (rest <= 0) return;
        parts.push(part.subarray(0, rest));
        rest -= part.length;
        if (rest <= 0) finish();
      });
      response.on('end', finish);
      response.on('error', finish);
    });
    sent.on('error', reject);
    sent.end();
  });
}

const timeoutText = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';

function tryTcp(host: string, port: number, timeoutMs: number, env: Clock): Promise<ProbeResult> {
  const patience = makePatience(timeoutMs, env);
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    patience.waitFor(socket);
    socket.on('connect', () => {
      patience.end();
      socket.destroy();
      resolve({ result: 'success', output: '' });
    });
    socket.on('error', (error) => {
      patience.end();
      const output = patience.isOver ? `dial tcp ${host}:${port}: i/o timeout` : describe(error);
      resolve({ result: 'failure', output });
    });
  });
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code !== 'ECONNREFUSED') return error.message;
  const { address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  return `dial tcp ${address}:${port}: connect: connection refused`;
}
