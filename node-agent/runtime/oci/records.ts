/** What the runtime remembers of its pods: a small file each, replaced whole, written before the world is changed. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ContainerSpec, SandboxSpec } from '../types.ts';
import type { UserIds } from '../user-ids.ts';

export interface PodRecord {
  spec: SandboxSpec;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Of the machine's start in which the sandbox was made. */
  bootId: string;
  /** '' on the node's network. */
  address: string;
  /** The node's end of the pod's cable; '' on the node's network. */
  nodeInterface: string;
  /** Of a pod with users of its own: the ids of the node that are theirs until this record is gone. */
  userIds?: UserIds;
  /** `ready` once it stood complete. */
  phase: 'making' | 'ready' | 'removing';
}

export interface ContainerRecord {
  id: string;
  podUid: string;
  name: string;
  attempt: number;
  image: string;
  imageId: string;
  imageDigest?: string;
  createdAt: number;
  logPath: string;
  stopSignal: string;
  tty: boolean;
  stdin: boolean;
  bootId: string;
  /** Its limits now, and what they were computed from. */
  resources?: ContainerSpec['resources'];
  asked?: NonNullable<ContainerSpec['asked']>;
  /** It sees its own limits in /proc, whenever somebody serves them. */
  honest?: true;
  /** Absent until the program was started. */
  started?: { at: number; pid: number };
}

/** Replaces a record. Secrets may be in it, so that only root may read it. */
export function writeRecord(file: string, record: PodRecord | ContainerRecord): void {
  const draft = `${file}.new`;
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft, file);
}

/** The record, or undefined when there is none or it is torn: what it would describe is half made then. */
export function readRecord<T extends PodRecord | ContainerRecord>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
