/** Where everything of the runtime is on disk. */
import path from 'node:path';

/** What of user namespaces needs a program of its own. */
export const userNamespaceProgram = path.join(import.meta.dirname, 'user-namespace.pl');

export interface RuntimeFolders {
  /** Outlives the machine's restarts: records, writable layers, exit codes. */
  pods: string;
  /** conmon leaves an exited container's code here, in a file named after it. */
  exits: string;
  /** Gone or worthless after a restart: pinned namespaces, shared memory, crun's state. */
  sandboxes: string;
  crun: string;
  exec: string;
  /** What lxcfs serves, and what there is of it. */
  honest: string;
}

export function runtimeFolders(stateDir: string, runDir: string): RuntimeFolders {
  return {
    pods: path.join(stateDir, 'pods'),
    exits: path.join(stateDir, 'exits'),
    sandboxes: path.join(runDir, 'pods'),
    crun: path.join(runDir, 'crun'),
    exec: path.join(runDir, 'exec'),
    honest: path.join(runDir, 'honest-files'),
  };
}

/** Files of one pod. */
export function podFolders(folders: RuntimeFolders, uid: string) {
  const state = path.join(folders.pods, uid);
  const pins = path.join(folders.sandboxes, uid);
  return {
    state,
    record: path.join(state, 'pod.json'),
    containers: path.join(state, 'containers'),
    /** A memory file system as long as the sandbox stands; what is mounted in it goes with it. */
    pins,
    shm: path.join(pins, 'shm'),
    etc: path.join(pins, 'etc'),
    pause: path.join(pins, 'pause'),
  };
}

/** Files of one container; the folder is also its OCI bundle, and conmon's place. */
export function containerFolders(folders: RuntimeFolders, podUid: string, id: string) {
  const folder = path.join(podFolders(folders, podUid).containers, id);
  const inFolder = (name: string) => path.join(folder, name);
  return {
    folder,
    record: inFolder('container.json'),
    config: inFolder('config.json'),
    rootfs: inFolder('rootfs'),
    upper: inFolder('layer/upper'),
    work: inFolder('layer/work'),
    /** Holds the writable layer; a file system of its own where the layer's size is bounded, which is in the file. */
    layer: inFolder('layer'),
    layerDisk: inFolder('layer.disk'),
    /** The image's layers with the owners that a user namespace sees, only while the root is being mounted. */
    lower: inFolder('lower'),
    termination: inFolder('termination-log'),
    pid: inFolder('pid'),
    conmonPid: inFolder('conmon.pid'),
    conmonLog: inFolder('conmon.log'),
    /** conmon's orders: resize the terminal, reopen the log. */
    control: inFolder('ctl'),
    /** conmon leaves this when the kernel killed for want of memory. */
    oom: inFolder('oom'),
    exit: path.join(folders.exits, id),
    /** crun keeps this until the container's program starts. */
    waiting: path.join(folders.crun, id, 'exec.fifo'),
  };
}
