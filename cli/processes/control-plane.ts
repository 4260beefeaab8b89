/**
 * API server, scheduler and controller-manager in one process: three services that meet through the API, as they do when apart. As the one process of a cluster that
 * always runs beside its authority, it also issues the cluster's certificates anew.
 */
import { runService } from '#lib/env/service.ts';
import type { Service } from '#lib/env/service.ts';
import type { Env } from '#lib/env/env.ts';
import { start as startApiServer } from '../../apiserver/start.ts';
import type { ApiServerConfig } from '../../apiserver/start.ts';
import { start as startControllerManager } from '../../controller-manager/start.ts';
import type { ControllerManagerConfig } from '../../controller-manager/start.ts';
import { start as startScheduler } from '../../scheduler/start.ts';
import type { SchedulerConfig } from '../../scheduler/start.ts';
import type { Folders } from '../cluster/layout.ts';
import { renewKeys } from '../cluster/renewal.ts';

export interface ControlPlaneConfig {
  apiserver: ApiServerConfig;
  scheduler: SchedulerConfig;
  controllerManager: ControllerManagerConfig;
  /** Whose certificates are kept valid. */
  cluster: { name: string; folders: Folders };
}

/** Starts the API server, then the two that need it. */
async function start(config: ControlPlaneConfig, env: Env): Promise<Service> {
  const named = (service: string): Env => ({ ...env, log: env.log.with({ service }) });
  const renewal = await renewKeys(config.cluster, named('keys'));
  const apiserver = await startApiServer(config.apiserver, named('apiserver'));
  const minds = await Promise.all([
    startScheduler(config.scheduler, named('scheduler')),
    startControllerManager(config.controllerManager, named('controller-manager')),
  ]);
  return {
    async stop() {
      await renewal.stop();
      await Promise.all(minds.map((service) => service.stop()));
      await apiserver.stop();
    },
  };
}

if (import.meta.main) await runService('control-plane', start);
