/** What plug-ins have on this node, and which containers have it. Plain data. */
import type { ContainerAllocateResponse } from '#protos/gen/device-plugin.ts';
import type { ContainerSpec, GivenNode, Mount } from '../runtime/types.ts';

/** A device as its plug-in tells of it. */
export interface Device {
  id: string;
  healthy: boolean;
  /** The memory nodes it is near to; none when the plug-in does not say. */
  numaNodes: readonly number[];
}

/** The devices of each resource that a plug-in has ever offered here. */
export type Pools = ReadonlyMap<string, readonly Device[]>;

/** What one container has of one resource. */
export interface Grant {
  uid: string;
  container: string;
  resource: string;
  devices: readonly string[];
  /** What the plug-in said the container needs for them. */
  response: ContainerAllocateResponse;
}

/** What a container needs to use its devices. */
export interface ContainerDevices {
  env: ReadonlyMap<string, string>;
  mounts: readonly { source: string; target: string; readOnly: boolean }[];
  /** `access` is some of `r`, `w` and `m`. */
  devices: readonly { source: string; target: string; access: string }[];
  annotations: Readonly<Record<string, string>>;
  cdi?: CdiChanges;
}

/** What a container needs besides for devices of the Container Device Interface. */
export interface CdiChanges {
  env: ReadonlyMap<string, string>;
  devices: readonly GivenNode[];
  mounts: readonly Mount[];
  hooks: NonNullable<ContainerSpec['hooks']>;
  groups: readonly number[];
}
