/** The parts of the OCI runtime specification that we write (opencontainers/runtime-spec 1.0, config.md and config-linux.md). */
import type { HookName, OciHook } from '../types.ts';
import type { SeccompProfile } from './seccomp-default.ts';

export interface OciProcess {
  terminal: boolean;
  user: { uid: number; gid: number; additionalGids: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', string[]>;
  noNewPrivileges: boolean;
  oomScoreAdj: number;
}

export interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

export interface OciDevice {
  path: string;
  type: 'c' | 'b' | 'p';
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export interface OciNamespace {
  type: 'pid' | 'network' | 'ipc' | 'uts' | 'mount' | 'cgroup' | 'user';
  path?: string;
}

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface OciSpec {
  ociVersion: string;
  process: OciProcess;
  root: { path: string; readonly: boolean };
  mounts: OciMount[];
  annotations?: Record<string, string>;
  hooks?: Partial<Record<HookName, OciHook[]>>;
  linux: {
    namespaces: OciNamespace[];
    uidMappings?: OciIdMapping[];
    gidMappings?: OciIdMapping[];
    cgroupsPath: string;
    rootfsPropagation?: string;
    maskedPaths?: string[];
    readonlyPaths?: string[];
    devices?: OciDevice[];
    seccomp?: SeccompProfile;
    resources: {
      devices: { allow: boolean; access: string; type?: 'c' | 'b' | 'p'; major?: number; minor?: number }[];
      cpu?: { shares?: number; quota?: number; period?: number };
      memory?: { limit: number; swap?: number };
      pids?: { limit: number };
      hugepageLimits?: { pageSize: string; limit: number }[];
      blockIO?: Record<
        'throttleReadBpsDevice' | 'throttleWriteBpsDevice' | 'throttleReadIOPSDevice' | 'throttleWriteIOPSDevice',
        { major: number; minor: number; rate: number }[]
      >;
      /** Files of cgroup v2, as they are. */
      unified?: Record<string, string>;
    };
  };
}
