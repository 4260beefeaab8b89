/** Renders what a pod's containers share from its object. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { qosClassOf } from '#lib/kinds/pod-spec/resources.ts';
import type { SandboxSpec } from '../runtime/types.ts';
import { hostNetworkHostsFile, hostsFile, resolvConf } from './dns.ts';
import type { DnsSettings } from './dns.ts';
import { ioResources, podResources } from './resources.ts';

/** What the node contributes to every sandbox. */
export interface ClusterFacts {
  nodeName: string;
  clusterDns: string;
  clusterDomain: string;
  hostDns: DnsSettings;
  /** How many processes a pod may have; no limit when absent. */
  podPidsLimit?: number;
  /** The node's own hosts file. */
  hostHosts: string;
}

/** Linux allows 64 characters in a host name; upstream cuts at 63, but not a full name. */
const longestHostname = 63;
const longestFullName = 64;

/** The sandbox of a pod. Throws an Error with upstream's sentence for a full name that is too long for the kernel. */
export function sandboxSpec(pod: Pod, facts: ClusterFacts): SandboxSpec {
  const { spec, metadata } = pod;
  const namespace = metadata.namespace ?? '';
  const hostNetwork = spec.hostNetwork ?? false;
  const short = (spec.hostname ?? metadata.name).slice(0, longestHostname).replace(/[-.]+$/, '');
  const domainname = spec.subdomain ? `${spec.subdomain}.${namespace}.svc.${facts.clusterDomain}` : '';
  const hostname = spec.setHostnameAsFQDN && domainname ? fullName(short, domainname) : short;
  return {
    uid: metadata.uid,
    namespace,
    name: metadata.name,
    hostname: hostNetwork ? facts.nodeName : hostname,
    domainname: hostNetwork ? '' : domainname,
    hostNetwork,
    hostPid: spec.hostPID ?? false,
    hostIpc: spec.hostIPC ?? false,
    shareProcessNamespace: spec.shareProcessNamespace ?? false,
    hostUsers: spec.hostUsers ?? true,
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    resolvConf: resolvConf(pod, { dns: facts.clusterDns, domain: facts.clusterDomain }, facts.hostDns),
    hosts: hostNetwork ? hostNetworkHostsFile(pod, facts.hostHosts) : hostsFile(pod),
    qos: qosClassOf(spec),
    resources: {
      ...podResources(pod),
      ...ioResources(pod),
      ...(facts.podPidsLimit !== undefined && { pidsLimit: facts.podPidsLimit }),
    },
    ports: hostNetwork ? [] : hostPorts(pod),
  };
}

function fullName(short: string, domainname: string): string {
  const full = `${short}.${domainname}`;
  if (full.length > longestFullName) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${longestFullName} characters is the max, ${full.length} characters requested)`,
    );
  }
  return full;
}

function hostPorts(pod: Pod): SandboxSpec['ports'] {
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...pod.spec.containers, ...sidecars]
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map(({ hostPort, containerPort, protocol = 'TCP', hostIP = '' }) => ({
      hostPort: hostPort!,
      containerPort,
      protocol,
      hostIP,
    }));
}
