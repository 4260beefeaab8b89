/** The client side of grpc.health.v1, written by hand: two tiny messages do not need a descriptor. */
import { Client, connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { goErrorText } from '#lib/client/grpc-status.ts';

const serving = 1;

/** Asks the service at `host:port` whether `service` serves, from `now` (milliseconds since the epoch) for at most `timeoutMs`. */
export function grpcHealth(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
  now: number,
): Promise<{ result: 'success' | 'failure'; output: string }> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  // A server that does not listen yet may do so within the timeout.
  const patient = new Metadata({ waitForReady: true });
  return new Promise((resolve) => {
    const answer = (error: ServiceError | null, code?: number) => {
      const connected = client.getChannel().getConnectivityState(false) === connectivityState.READY;
      client.close();
      if (error) resolve({ result: 'failure', output: describe(error, connected, address, timeoutMs) });
      else if (code === serving) resolve({ result: 'success', output: 'service healthy' });
      else resolve({ result: 'failure', output: `service unhealthy (responded with "${names[code ?? 0] ?? code}")` });
    };
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      encodeRequest,
      decodeStatus,
      service,
      patient,
      { deadline: now + timeoutMs },
      answer,
    );
  });
}

const names = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** HealthCheckRequest{service: 1}. */
function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  return text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** HealthCheckResponse{status: 1}; an absent field is 0, UNKNOWN. */
function decodeStatus(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
}

/** Upstream's sentences (`pkg/probe/grpc/grpc.go`). */
function describe({ code, details }: ServiceError, connected: boolean, address: string, timeoutMs: number): string {
  const limit = `${timeoutMs / 1000}s`;
  switch (code) {
    case status.UNIMPLEMENTED:
      return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`;
    case status.DEADLINE_EXCEEDED:
      return connected
        ? `timeout: health rpc did not complete within ${limit}`
        : `timeout: failed to connect service "${address}" within ${limit}: context deadline exceeded`;
    default:
      return `error: health rpc probe failed: ${goErrorText({ code, details })}`;
  }
}
