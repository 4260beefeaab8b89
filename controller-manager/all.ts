/** The list of controllers. */
import type { Controller } from '#lib/control/reconcile.ts';
import type { JwtSigner } from '#lib/pki/jwt.ts';
import { certificateApprover } from './certificates/approver.ts';
import { makeCertificatesController } from './certificates/controller.ts';
import { clusterRoleAggregationController } from './cluster-role-aggregation/controller.ts';
import { daemonSetController } from './daemon-set/controller.ts';
import { deploymentController } from './deployment/controller.ts';
import { disruptionController } from './disruption/controller.ts';
import { endpointSliceController, endpointSliceMirroringController } from './endpoint-slices/controller.ts';
import { endpointsController } from './endpoints/controller.ts';
import { cronJobController } from './cron-job/controller.ts';
import { ttlAfterFinishedController } from './ttl-after-finished/controller.ts';
import { jobController } from './job/controller.ts';
import { makeGarbageController } from './garbage/controller.ts';
import { unviewedKinds } from './kinds.ts';
import type { KnownKinds } from './kinds.ts';
import { makeNamespaceController } from './namespace/controller.ts';
import { makeNodeIpamController } from './node-ipam/controller.ts';
import { makeNodeLifecycleController, makeTaintEvictionController } from './node-lifecycle/controller.ts';
import { makePodGcController } from './pod-gc/controller.ts';
import { replicaSetController, replicationControllerController } from './replica-set/controller.ts';
import { makeResourceQuotaController } from './resource-quota/controller.ts';
import { makeRootCaController } from './root-ca/controller.ts';
import { serviceAccountController } from './service-account/controller.ts';
import { statefulSetController } from './stateful-set/controller.ts';
import type { Timings } from './timings.ts';
import { makeTokenSecretsController } from './token-secrets/controller.ts';
import { claimController, ephemeralVolumeController, volumeController } from './volumes/controller.ts';

export interface ControllerOptions {
  /** PEM. */
  ca: string;
  /** The private key of `ca`, PEM; without it no certificates are signed. */
  caKey?: string | undefined;
  /** Signs the tokens that lie in Secrets; without it Secrets get none. */
  tokenSigner?: JwtSigner | undefined;
  clusterCidr: string;
  nodeMaskSize: number;
  /** All kinds, those of definitions too. */
  known: KnownKinds;
  timings: Timings;
  /** Milliseconds on a clock that never steps back. */
  clock(): number;
}

export function allControllers({
  ca,
  caKey,
  tokenSigner,
  clusterCidr,
  nodeMaskSize,
  known,
  timings,
  clock,
}: ControllerOptions): Controller[] {
  return [
    replicaSetController,
    replicationControllerController,
    deploymentController,
    daemonSetController,
    statefulSetController,
    jobController,
    cronJobController,
    ttlAfterFinishedController,
    endpointsController,
    endpointSliceController,
    endpointSliceMirroringController,
    serviceAccountController,
    ...(tokenSigner ? [makeTokenSecretsController(tokenSigner, ca)] : []),
    makeRootCaController(ca),
    certificateApprover,
    makeCertificatesController(caKey === undefined ? undefined : { certPem: ca, keyPem: caKey }),
    makeNamespaceController(unviewedKinds),
    makeNodeLifecycleController(timings, clock),
    makeTaintEvictionController(),
    makeNodeIpamController(clusterCidr, nodeMaskSize),
    makeGarbageController(known),
    disruptionController,
    makeResourceQuotaController(),
    claimController,
    volumeController,
    ephemeralVolumeController,
    makePodGcController(timings),
    clusterRoleAggregationController,
  ];
}
