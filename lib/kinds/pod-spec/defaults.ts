/** What a pod spec means where it says nothing: upstream's defaults (`pkg/apis/core/v1/defaults.go`), for pods and templates alike. */
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from '../gen/core-v1.ts';
import { pullPolicyOf } from './pull-policy.ts';
import { setVolumeDefaults } from './volume-defaults.ts';

/** Defaults of a template's pod spec; an absent one becomes an empty one, which validation then refuses. */
export function setTemplateDefaults(template: PodTemplateSpec): void {
  template.metadata ??= {};
  template.spec ??= { containers: [] };
  setPodSpecDefaults(template.spec);
}

/** Defaults that pods and pod templates share. */
export function setPodSpecDefaults(spec: PodSpec): void {
  // What a pod takes as a whole is of a later release: this one drops it.
  delete spec.resources;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  spec.securityContext ??= {};
  mirrorServiceAccount(spec);
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
  for (const container of allContainers(spec)) setContainerDefaults(container);
}

/** Further defaults of pods alone: a template stays as it was written. */
export function setPodDefaults(spec: PodSpec): void {
  spec.enableServiceLinks ??= true;
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    setRequestDefaults(container.resources);
    if (!spec.hostNetwork) continue;
    for (const port of container.ports ?? []) if (port.containerPort) port.hostPort ||= port.containerPort;
  }
}

/** Containers of all three sorts, in the order init, main, ephemeral. */
function allContainers(spec: PodSpec): (Container | EphemeralContainer)[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

/** Both names of the service account field, the older of which is deprecated, always agree. */
function mirrorServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount;
  if (!name) return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

function setContainerDefaults(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const variable of container.env ?? []) {
    if (variable.valueFrom?.fieldRef) variable.valueFrom.fieldRef.apiVersion ||= 'v1';
    if (variable.valueFrom?.resourceFieldRef) variable.valueFrom.resourceFieldRef.divisor ??= '0';
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) setProbeDefaults(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler?.httpGet) setHttpGetDefaults(handler.httpGet);
  }
}

function setProbeDefaults(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet) setHttpGetDefaults(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function setHttpGetDefaults(action: HTTPGetAction): void {
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

function setRequestDefaults(resources: ResourceRequirements | undefined): void {
  if (!resources?.limits) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}
