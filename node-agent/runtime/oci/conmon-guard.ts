/**
 * Notices a conmon that was killed. Its container has nobody left to read its output or to tell of its end, so it ends too, as upstream's runtimes
 * have it, and may be started anew.
 */
import { podCgroup } from './cgroups.ts';
import { containerFolders } from './folders.ts';
import { isConmonOf, readPidFile, runsIn } from './process-table.ts';
import type { ContainerEntry, Workshop } from './workshop.ts';

/** The kernel does not tell of the end of processes that are not our children, and a conmon hardly ever dies. */
const lookEachMs = 5000;
/** After a kill, until the container is gone. */
const lookAgainMs = 100;

/** Looks until the returned function is called. `ended` hears of each container that was lost, once it has ended. */
export function guardConmons(shop: Workshop, ended: (id: string) => void): () => void {
  let cancel = () => {};
  const look = () => {
    let killed = false;
    for (const pod of shop.pods.values()) {
      for (const container of [...pod.containers.values()].filter((one) => isLost(shop, one))) {
        const { id, started } = container.record;
        if (!runsIn(started!.pid, id)) {
          ended(id);
          continue;
        }
        shop.env.log.warn('Ending a container whose conmon is gone', { id, pod: pod.record.spec.uid });
        shop.cgroups.kill(`${podCgroup(shop.cgroupRoot, pod.record.spec)}/${id}`);
        killed = true;
      }
    }
    cancel = shop.env.after(killed ? lookAgainMs : lookEachMs, look);
  };
  cancel = shop.env.after(lookEachMs, look);
  return () => cancel();
}

/** Whether the container was started, has not ended as far as anybody told, and has no conmon. */
function isLost(shop: Workshop, { record, exit }: ContainerEntry): boolean {
  if (!record.started || exit || record.bootId !== shop.host.bootId) return false;
  const conmon = readPidFile(containerFolders(shop.folders, record.podUid, record.id).conmonPid);
  if (conmon !== undefined && isConmonOf(conmon, record.id)) return false;
  // Asked last: it leaves the code before it goes.
  return shop.exits.read(record.id) === undefined;
}
