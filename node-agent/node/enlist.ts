/** Registers the node and keeps its status up, from what the machine and the agent's parts say. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Devices } from '../devices/devices.ts';
import type { Pressure } from '../eviction/pressure.ts';
import type { Images } from '../images/types.ts';
import type { RuntimeFeatures } from '../runtime/types.ts';
import type { NodeResources } from './allocatable.ts';
import type { Machine } from './machine.ts';
import { nodeLabels } from './node-status.ts';
import { register } from './registration.ts';
import type { Registration } from './registration.ts';

export interface EnlistParts {
  client: Client;
  env: Env;
  nodeName: string;
  address: string;
  /** The agent's port until becomeReady() says another. */
  port: number;
  labels: Readonly<Record<string, string>>;
  machine: Machine;
  resources: NodeResources;
  pressure: Pick<Pressure, 'conditions'>;
  images: Pick<Images, 'list'>;
  features: Promise<RuntimeFeatures>;
  devices: Pick<Devices, 'amounts' | 'onChange'>;
}

export interface Enlisted {
  registration: Registration;
  becomeReady(port: number): void;
  /** Pods cannot run here any more, and why; resolves when the API knows, or cannot be told. */
  becomeUnready(why: string): Promise<void>;
}

/** How long a list of images serves for the Node's status. */
const imagesKeptMs = 60_000;

/** Registers the node, not ready yet. */
export async function enlist(parts: EnlistParts, signal: AbortSignal): Promise<Enlisted> {
  const { client, env, nodeName, address, machine, resources, pressure, images, devices } = parts;
  let notReady: string | undefined =
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no pod range assigned yet';
  let agentPort = parts.port;
  const [features, first] = await Promise.all([parts.features, images.list()]);
  if (features.noUserNamespaces !== undefined)
    env.log.warn('Pods cannot have users of their own', { because: features.noUserNamespaces });
  let listed = first;
  let listedAt = env.monotonic();
  const inputs = async () => {
    if (env.monotonic() - listedAt > imagesKeptMs) {
      listed = await images.list();
      listedAt = env.monotonic();
    }
    return {
      nodeName,
      address,
      agentPort,
      machine,
      resources: withDevices(resources, devices.amounts()),
      features,
      images: listed,
      pressure: pressure.conditions(),
      notReady,
    };
  };
  const labels = nodeLabels(nodeName, machine.architecture, parts.labels);
  const registration = await register({ client, env, labels, inputs }, signal);
  devices.onChange(() => registration.update());
  return {
    registration,
    becomeReady(port) {
      notReady = undefined;
      agentPort = port;
      registration.update();
    },
    becomeUnready(why) {
      notReady = why;
      return registration.write();
    },
  };
}

function withDevices(
  { capacity, allocatable }: Pick<NodeResources, 'capacity' | 'allocatable'>,
  devices: ReturnType<Devices['amounts']>,
): Pick<NodeResources, 'capacity' | 'allocatable'> {
  return {
    capacity: { ...capacity, ...devices.capacity },
    allocatable: { ...allocatable, ...devices.allocatable },
  };
}
