/**
 * A device plug-in as vendors write them: it serves upstream's API on a socket beside kubelet.sock, registers, and does so again when that socket is made anew.
 * Its devices are what it is told; started as a program, they are listed in a file: `node device-plugin.ts FOLDER RESOURCE FILE`.
 */
import { existsSync, readFileSync, rmSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { Client, credentials, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { devicePluginService, registrationService } from '#protos/gen/device-plugin.ts';
import type {
  AllocateRequest,
  AllocateResponse,
  ContainerAllocateResponse,
  Device,
  DevicePluginOptions,
  Empty,
  ListAndWatchResponse,
  PreferredAllocationRequest,
  PreferredAllocationResponse,
  PreStartContainerRequest,
  PreStartContainerResponse,
} from '#protos/gen/device-plugin.ts';

export interface PluginWishes {
  /** Folder of kubelet.sock. */
  dir: string;
  resource: string;
  /** Healthy ones by their names; `name!` is broken, `name@1` is near memory node 1. */
  devices: readonly string[];
  /** Name of its socket. */
  endpoint?: string;
  options?: Partial<DevicePluginOptions>;
  version?: string;
  /** Throws an Error to refuse. */
  allocate?(ids: readonly string[]): Partial<ContainerAllocateResponse> | Promise<Partial<ContainerAllocateResponse>>;
  prefer?(available: readonly string[], size: number): string[];
  preStart?(ids: readonly string[]): void;
}

export interface TestPlugin {
  /** What it was asked, as `allocate a,b`. */
  calls: string[];
  setDevices(devices: readonly string[]): void;
  register(): Promise<void>;
  /** Ends as a killed process does: connections break, the socket stays. */
  kill(): void;
}

/** Serves; it still has to register. */
export async function startTestPlugin(wishes: PluginWishes): Promise<TestPlugin> {
  const { dir, resource, endpoint = `${resource.replace('/', '_')}.sock`, version = 'v1beta1' } = wishes;
  const options = { preStartRequired: false, getPreferredAllocationAvailable: false, ...wishes.options };
  const calls: string[] = [];
  const streams = new Set<ServerWritableStream<Empty, ListAndWatchResponse>>();
  let devices = wishes.devices.map(parseDevice);
  const refuse = (error: unknown) => ({ code: status.UNKNOWN, details: error instanceof Error ? error.message : '' });
  const server = new Server();
  server.addService(devicePluginService, {
    getDevicePluginOptions: (_call: unknown, answer: sendUnaryData<DevicePluginOptions>) => answer(null, options),
    listAndWatch(call: ServerWritableStream<Empty, ListAndWatchResponse>) {
      streams.add(call);
      call.on('cancelled', () => streams.delete(call));
      call.write({ devices });
    },
    getPreferredAllocation(
      { request }: ServerUnaryCall<PreferredAllocationRequest, PreferredAllocationResponse>,
      answer: sendUnaryData<PreferredAllocationResponse>,
    ) {
      const [{ availableDeviceIDs, mustIncludeDeviceIDs, allocationSize }] = request.containerRequests as [
        PreferredAllocationRequest['containerRequests'][number],
      ];
      calls.push(`prefer ${allocationSize} of ${availableDeviceIDs.join()} with ${mustIncludeDeviceIDs.join()}`);
      const deviceIDs = wishes.prefer?.(availableDeviceIDs, allocationSize) ?? [];
      answer(null, { containerResponses: [{ deviceIDs }] });
    },
    allocate({ request }: ServerUnaryCall<AllocateRequest, AllocateResponse>, answer: sendUnaryData<AllocateResponse>) {
      const ids = request.containerRequests.flatMap(({ devicesIds }) => devicesIds);
      calls.push(`allocate ${ids.join()}`);
      const nothing = { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] };
      Promise.resolve()
        .then(() => wishes.allocate?.(ids))
        .then(
          (response) => answer(null, { containerResponses: [{ ...nothing, ...response }] }),
          (error: unknown) => answer(refuse(error)),
        );
    },
    preStartContainer(
      { request }: ServerUnaryCall<PreStartContainerRequest, PreStartContainerResponse>,
      answer: sendUnaryData<PreStartContainerResponse>,
    ) {
      calls.push(`preStart ${request.devicesIds.join()}`);
      try {
        wishes.preStart?.(request.devicesIds);
        answer(null, {});
      } catch (error) {
        answer(refuse(error));
      }
    },
  });
  const file = path.join(dir, endpoint);
  rmSync(file, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${file}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    calls,
    setDevices(list) {
      devices = list.map(parseDevice);
      for (const stream of streams) stream.write({ devices });
    },
    register: () => register(dir, { version, endpoint, resourceName: resource, options }),
    kill: () => server.forceShutdown(),
  };
}

/** Rejects with the details of the kubelet's refusal. */
async function register(dir: string, request: object): Promise<void> {
  const client = new Client(`unix:${dir}/kubelet.sock`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const { path: name, requestSerialize, responseDeserialize } = registrationService.register;
  try {
    await new Promise<void>((resolve, reject) => {
      const serialize = requestSerialize as (value: object) => Buffer;
      client.makeUnaryRequest(name, serialize, responseDeserialize, request, (error) =>
        error ? reject(new Error(error.details)) : resolve(),
      );
    });
  } finally {
    client.close();
  }
}

function parseDevice(text: string): Device {
  const [, ID = '', broken, node] = /^([^!@]*)(!?)(?:@(\d+))?$/.exec(text)!;
  return {
    ID,
    health: broken ? 'Unhealthy' : 'Healthy',
    topology: node === undefined ? undefined : { nodes: [{ ID: Number(node) }] },
  };
}

/** Lives until it is ended: follows the file of its devices, and registers with each kubelet.sock that comes. */
async function run(dir: string, resource: string, file: string): Promise<void> {
  const listed = () => readFileSync(file, 'utf8').split(/\s+/).filter(Boolean);
  const socket = `${dir}/kubelet.sock`;
  /** A new socket may well have the number of the one before. */
  const socketId = () => {
    const found = statSync(socket, { throwIfNoEntry: false });
    return found && `${found.ino} ${found.ctimeMs}`;
  };
  let plugin: TestPlugin | undefined;
  watch(path.dirname(file), () => existsSync(file) && plugin?.setDevices(listed()));
  let wake = () => {};
  let changed = true;
  watch(dir, () => {
    changed = true;
    wake();
  });
  for (let known: string | undefined; ;) {
    if (!changed) await new Promise<void>((resolve) => (wake = resolve));
    changed = false;
    const found = socketId();
    if (found === undefined || found === known) continue;
    plugin?.kill();
    try {
      plugin = await startTestPlugin({ dir, resource, devices: listed(), allocate: fakeDevices });
      await plugin.register();
      known = found;
      process.stdout.write('registered\n');
    } catch (error) {
      process.stdout.write(`cannot register: ${String(error)}\n`);
    }
  }
}

/** Each device is the machine's /dev/null under a name of its own; all together come with a variable and a folder. What `cdi-...` are, specifications tell. */
function fakeDevices(ids: readonly string[]): Partial<ContainerAllocateResponse> {
  if (ids.some((id) => id.startsWith('cdi-')))
    return { cdiDevices: ids.map((id) => ({ name: `example.com/fake=${id}` })) };
  return {
    envs: { FAKE_DEVICES: ids.join() },
    devices: ids.map((id) => ({ containerPath: `/dev/${id}`, hostPath: '/dev/null', permissions: 'rw' })),
    mounts: [{ containerPath: '/opt/fake', hostPath: '/etc', readOnly: true }],
    annotations: { 'example.com/devices': ids.join() },
  };
}

if (import.meta.main) await run(...(process.argv.slice(2) as [string, string, string]));
