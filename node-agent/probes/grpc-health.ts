/** The client side of grpc.health.v1, written by hand: two tiny messages do not need a descriptor. */
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';

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
  return new Promise((resolve) => {
    const answer = (error: ServiceError | null, code?: number) => {
      client.close();
      if (error) resolve({ result: 'failure', output: describe(error, address, timeoutMs) });
      else if (code === serving) resolve({ result: 'success', output: 'service healthy' });
      else resolve({ result: 'failure', output: `service unhealthy (responded with "${names[code ?? 0] ?? code}")` });
    };
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      encodeRequest,
      decodeStatus,
      service,
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

function describe(error: ServiceError, address: string, timeoutMs: number): string {
  switch (error.code) {
    case status.UNIMPLEMENTED:
      return 'this server does not implement the grpc health protocol (grpc.health.v1.Health)';
    case status.DEADLINE_EXCEEDED:
      return `timeout: failed to connect service "${address}" within ${timeoutMs / 1000}s: context deadline exceeded`;
    default:
      return `error: health rpc failed: ${error.details}`;
  }
}
