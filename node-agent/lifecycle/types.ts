/** What the lifecycle knows of one pod, and the steps it may take. Plain data: everything here can be printed and compared. */
import type { Container, EphemeralContainer, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { UnpackedImage } from '../images/types.ts';
import type { ObservedContainer, ObservedPod, PodResize } from '../runtime/types.ts';
import type { Rest } from './backoff.ts';

/** Where a container stands in its pod: regular init, native sidecar (init with restartPolicy Always), main, or added by a debugger. */
export type Role = 'init' | 'sidecar' | 'main' | 'ephemeral';

export type AnyContainer = Container | EphemeralContainer;

/** Why a run must go. */
export interface Doom {
  /** The sentence for the Killing event. */
  message: string;
  graceSeconds?: number | undefined;
  /** Another run follows however this one ends; else the restart policy decides. */
  replaced?: boolean;
}

/** What probes and hooks found about one run of a container. */
export interface Health {
  /** The run (container id) this is about; findings about an earlier one do not count. */
  id: string;
  /** Whether the startup probe, if there is one, has succeeded. */
  started: boolean;
  /** Whether the readiness probe, if there is one, says yes. */
  ready: boolean;
  /** When a liveness or startup probe or a postStart hook has given up on it. */
  doomed?: Doom;
}

/** What the agent remembers of a container beside the runtime's record. Lost with the process, and nothing breaks without it. */
export interface ContainerNotes {
  /** The image at hand for this attempt, and those that it mounts as volumes, by their names. */
  pulled?: { attempt: number; image: UnpackedImage; volumes?: Readonly<Record<string, UnpackedImage>> } | undefined;
  /** Why it does not run: its waiting reason and message. */
  problem?: { reason: string; message: string } | undefined;
  /** The image that the last pull was about, when it failed. */
  failedImage?: string | undefined;
  /** Not to be started before this time, in milliseconds since the epoch. */
  retryAt?: number | undefined;
  /** Rests between runs and between pulls. */
  crashes?: Rest | undefined;
  pulls?: Rest | undefined;
  health?: Health | undefined;
  /** What a failed run that left no message wrote last, where the container asks for that. */
  lastWords?: { id: string; text: string } | undefined;
  /** The id of a run that was ended to be followed by another, whatever the restart policy says of how it ended. */
  replaced?: string | undefined;
  /** The id of a run whose postStart hook has not returned yet: not shown as running. */
  hooking?: string | undefined;
}

/** Why and how a pod is ended that asks for too much. */
export interface Eviction {
  /** The sentence that says so. */
  message: string;
  /** `Evicted` when absent, which an event tells of too; `Terminated` for what goes with its machine. */
  reason?: 'Evicted' | 'Terminated';
  /** What its containers get at most; the least there is when absent. */
  graceSeconds?: number;
  /** Goes for the node's sake and not its own: told as a disruption. */
  disrupts?: boolean;
  /** For the event. */
  annotations?: Record<string, string>;
}

/** A failed pod-wide step, tried again at `retryAt`. */
export interface Trouble {
  step: Step['do'];
  message: string;
  count: number;
  retryAt: number;
}

export interface Notes {
  /** Where each volume is on the node; undefined until all are there. */
  volumes: Readonly<Record<string, string>> | undefined;
  containers: Readonly<Record<string, ContainerNotes>>;
  trouble: Trouble | undefined;
  /** Refused before anything was made for it: why. */
  rejected: { reason: string; message: string } | undefined;
  /** Taken only if it gets the devices that it asks for, which is not known yet. */
  admitting?: boolean;
  /** Must go because of what it, or the node, uses. */
  evicted?: Eviction | undefined;
  /** Why running containers do not get what the pod now wants for them. */
  resize?: 'Infeasible' | 'Deferred' | undefined;
  /** Whether the API has the status of the pod with everything stopped. */
  reported: boolean;
  /** Whether the pod's volumes and sandbox have been taken down. */
  released: boolean;
}

/** Everything the next step depends on, beside the time. */
export interface Seen {
  /** The API object, or its last known state; undefined when this agent never saw it. */
  pod: Pod | undefined;
  /** Whether the API still has it. */
  exists: boolean;
  observed: ObservedPod | undefined;
  notes: Notes;
}

/** A container to stop and what to say about it. */
export interface Stopping {
  id: string;
  name: string;
  graceMs: number;
  /** For the Killing event; undefined to say nothing. */
  message: string | undefined;
  /** Another run is to follow. */
  replaced?: boolean;
}

/** One thing to do for a pod. */
export type Step =
  /** Nothing, until something changes or the time comes. */
  | { do: 'wait'; untilMs: number | undefined }
  /** Set aside the devices that plug-ins give, or refuse the pod. */
  | { do: 'allocate' }
  | { do: 'mount' }
  | { do: 'prepare' }
  /** Record why a container is not started now. */
  | {
      do: 'hold';
      container: string;
      reason: 'CrashLoopBackOff' | 'ImagePullBackOff';
      message: string;
      retryAt: number;
      image?: string;
    }
  | { do: 'pull'; container: string; attempt: number }
  | { do: 'start'; container: string; role: Role; attempt: number }
  /** Let what runs use more or less. */
  | { do: 'resize'; to: PodResize }
  /** Stop these: the groups one after the other, each group at once. */
  | { do: 'stop'; groups: Stopping[][] }
  /** Remove the remains of a run that nobody needs any more. */
  | { do: 'discard'; container: ObservedContainer }
  /** Read what a failed run wrote last, for its termination message. */
  | { do: 'last-words'; container: ObservedContainer }
  /** Write the status with everything stopped, and wait for the API to have it. */
  | { do: 'report' }
  /** Remove the sandbox and the volumes. */
  | { do: 'release' }
  /** Delete the API object, whose deletion waits for this node. */
  | { do: 'delete' }
  /** Remove logs and folders; this pod needs no worker any more. */
  | { do: 'forget' };

/** The notes of a pod that nothing is known about. */
export const noNotes: Notes = {
  volumes: undefined,
  containers: {},
  trouble: undefined,
  rejected: undefined,
  reported: false,
  released: false,
};
