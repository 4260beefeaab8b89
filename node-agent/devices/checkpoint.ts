/** What was given, in a file that outlives the process: named and laid out as upstream's, so that its readers can read it. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ContainerAllocateResponse } from '#protos/gen/device-plugin.ts';
import type { Grant, Pools } from './types.ts';

export const checkpointName = 'kubelet_internal_checkpoint';

/** Where upstream has an encoded message and a checksum of its own making, this has the response as it is. */
interface Saved {
  Data: {
    PodDeviceEntries: {
      PodUID: string;
      ContainerName: string;
      ResourceName: string;
      /** By memory node; `-1` for none. */
      DeviceIDs: Record<string, string[]>;
      Response?: ContainerAllocateResponse;
    }[];
    RegisteredDevices: Record<string, string[]>;
  };
}

/** Memory node of devices that are near to none in particular. */
const anywhere = '-1';

export interface Memory {
  grants: readonly Grant[];
  /** Resources that plug-ins have offered. */
  resources: readonly string[];
}

/** What an earlier process wrote. Throws an Error for a file that is none of ours. */
export function readCheckpoint(file: string): Memory {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { grants: [], resources: [] };
    throw error;
  }
  try {
    const { PodDeviceEntries, RegisteredDevices } = (JSON.parse(text) as Saved).Data;
    return {
      // An upstream kubelet that ran here before has written no responses; its pods are none of ours.
      grants: PodDeviceEntries.filter(({ Response }) => Response !== undefined).map((entry) => ({
        uid: entry.PodUID,
        container: entry.ContainerName,
        resource: entry.ResourceName,
        devices: Object.values(entry.DeviceIDs).flat(),
        response: entry.Response!,
      })),
      resources: Object.keys(RegisteredDevices),
    };
  } catch (error) {
    throw new Error(`Cannot read which devices were given from ${file}: it is damaged`, { cause: error });
  }
}

/** The file's text. */
export function renderCheckpoint(grants: readonly Grant[], pools: Pools): string {
  const saved: Saved = {
    Data: {
      PodDeviceEntries: grants.map(({ uid, container, resource, devices, response }) => ({
        PodUID: uid,
        ContainerName: container,
        ResourceName: resource,
        DeviceIDs: byMemoryNode(devices, pools.get(resource) ?? []),
        Response: response,
      })),
      RegisteredDevices: Object.fromEntries(
        [...pools].map(([resource, pool]) => [resource, pool.filter(({ healthy }) => healthy).map(({ id }) => id)]),
      ),
    },
  };
  return JSON.stringify(saved);
}

/** Replaces the file whole. */
export function writeCheckpoint(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function byMemoryNode(
  devices: readonly string[],
  pool: readonly { id: string; numaNodes: readonly number[] }[],
): Record<string, string[]> {
  const nodeOf = (id: string) => String(pool.find((device) => device.id === id)?.numaNodes[0] ?? anywhere);
  return Object.fromEntries(Map.groupBy(devices, nodeOf));
}
