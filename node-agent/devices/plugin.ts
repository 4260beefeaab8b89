/** One device plug-in, from its registration until its connection ends. */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ClientUnaryCall, MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { goErrorText } from '#lib/client/grpc-status.ts';
import type { Env } from '#lib/env/env.ts';
import { devicePluginService } from '#protos/gen/device-plugin.ts';
import type {
  ContainerAllocateResponse,
  Device as DeviceMessage,
  DevicePluginOptions,
} from '#protos/gen/device-plugin.ts';
import type { Device } from './types.ts';

export interface Plugin {
  options: DevicePluginOptions;
  /** The devices that it would rather give, among `free` and `must`. */
  prefer(must: readonly string[], free: readonly string[], count: number, signal: AbortSignal): Promise<string[]>;
  /** What a container needs to use these devices. Rejects with a sentence that says why it may not. */
  allocate(devices: readonly string[], signal: AbortSignal): Promise<ContainerAllocateResponse>;
  /** Makes devices ready for another start of their container. */
  preStart(devices: readonly string[], signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface PluginListener {
  /** These are the plug-in's devices now. */
  onDevices(devices: Device[]): void;
  /** The plug-in is gone; nothing more is heard of it. */
  onEnd(error: Error): void;
}

/** As upstream: how long a plug-in may take to be reached, and to make devices ready. */
const connectWithinMs = 10_000;
const preStartWithinMs = 30_000;
/** Names of devices have no limit of their own, and a machine may have thousands. */
const longestAnswer = 16 * 1024 * 1024;
const { getDevicePluginOptions, listAndWatch, getPreferredAllocation, allocate, preStartContainer } =
  devicePluginService;

/** Reaches the plug-in that serves on `socket` and follows its devices. Rejects when it does not answer. */
export async function openPlugin(socket: string, listener: PluginListener, env: Env): Promise<Plugin> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': longestAnswer,
  });
  const soon = () => env.now() + connectWithinMs;
  const never = new AbortController().signal;
  let options: DevicePluginOptions;
  try {
    await reached(client, soon());
    options = await call(client, getDevicePluginOptions, {}, never, soon());
  } catch (error) {
    client.close();
    throw error;
  }
  const { path, requestSerialize, responseDeserialize } = listAndWatch;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
  let over = false;
  const end = (error: Error) => {
    if (over) return;
    over = true;
    client.close();
    listener.onEnd(error);
  };
  stream.on('data', ({ devices }) => over || listener.onDevices(devices.map(readDevice)));
  stream.on('error', end);
  stream.on('end', () => end(new Error('the plug-in has ended its list of devices')));
  return {
    options,
    async prefer(must, free, count, signal) {
      const request = {
        availableDeviceIDs: [...must, ...free],
        mustIncludeDeviceIDs: [...must],
        allocationSize: count,
      };
      const { containerResponses } = await call(
        client,
        getPreferredAllocation,
        { containerRequests: [request] },
        signal,
      );
      return containerResponses[0]?.deviceIDs ?? [];
    },
    async allocate(devices, signal) {
      const request = { containerRequests: [{ devicesIds: [...devices] }] };
      const { containerResponses } = await call(client, allocate, request, signal);
      const [response] = containerResponses;
      if (!response) throw new Error('no containers return in allocation response');
      return response;
    },
    async preStart(devices, signal) {
      await call(client, preStartContainer, { devicesIds: [...devices] }, signal, env.now() + preStartWithinMs);
    },
    close() {
      over = true;
      stream.cancel();
      client.close();
    },
  };
}

function reached(client: Client, deadline: number): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(deadline, (error) =>
      error
        ? reject(new Error('failed to dial device plugin: context deadline exceeded', { cause: error }))
        : resolve(),
    );
  });
}

/** Without a deadline a call takes as long as the plug-in lives, as upstream. Rejects as Go would say it. */
function call<Req, Res>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Req, Res>,
  request: Req,
  signal: AbortSignal,
  deadline = Infinity,
): Promise<Res> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const cancel = () => under.cancel();
    const done = (error: ServiceError | null, answer?: Res) => {
      signal.removeEventListener('abort', cancel);
      if (!error) return resolve(answer!);
      return reject(signal.aborted ? (signal.reason as Error) : new Error(goErrorText(error), { cause: error }));
    };
    const under: ClientUnaryCall = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline },
      done,
    );
    signal.addEventListener('abort', cancel, { once: true });
  });
}

function readDevice({ ID, health, topology }: DeviceMessage): Device {
  return { id: ID, healthy: health === 'Healthy', numaNodes: (topology?.nodes ?? []).map((node) => node.ID) };
}
