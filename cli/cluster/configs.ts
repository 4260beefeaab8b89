/** The configuration of each process, derived from the layout. Pure. */
import path from 'node:path';
import type { ControlPlaneConfig } from '../processes/control-plane.ts';
import type { NodeSettings } from '../../node-agent/settings/fields.ts';
import type { NodeConfig } from '../processes/node.ts';
import { standardKubeletDir, standardLogDirs } from './layout.ts';
import type { ClusterLayout, NodeLayout } from './layout.ts';

export function controlPlaneConfig(cluster: ClusterLayout): ControlPlaneConfig {
  const { pkiDir, socket } = cluster;
  const as = (user: string) => ({ address: `unix:${socket}`, user });
  return {
    apiserver: {
      listen: [
        { host: '127.0.0.1', port: cluster.apiPort },
        { host: cluster.gateway, port: cluster.apiPort },
      ],
      grpc: { socket, listen: { host: cluster.gateway, port: cluster.grpcPort } },
      etcd: { endpoints: [`unix:${cluster.etcdRunDir}/${etcdSocket}`] },
      pki: {
        caFile: `${pkiDir}/ca.crt`,
        certFile: `${pkiDir}/apiserver.crt`,
        keyFile: `${pkiDir}/apiserver.key`,
        serviceAccountKeyFile: `${pkiDir}/service-account.key`,
      },
      encryptionConfigFile: `${pkiDir}/encryption.yaml`,
      audit: { policyFile: cluster.auditPolicy, logFile: `${cluster.logDir}/audit.log` },
      tokenFile: `${pkiDir}/tokens.csv`,
      serviceCidr: cluster.serviceCidr,
      clusterDomain: cluster.domain,
      advertise: { host: cluster.gateway, port: cluster.apiPort },
    },
    scheduler: { server: as('system:kube-scheduler') },
    controllerManager: {
      server: as('system:kube-controller-manager'),
      clusterCidr: cluster.podCidr,
      caFile: `${pkiDir}/ca.crt`,
      caKeyFile: `${pkiDir}/ca.key`,
      serviceAccountKeyFile: `${pkiDir}/service-account.key`,
    },
    cluster: {
      name: cluster.name,
      folders: { stateRoot: path.dirname(cluster.stateDir), runRoot: path.dirname(cluster.runDir) },
    },
  };
}

export function nodeConfig(cluster: ClusterLayout, node: NodeLayout, settings: NodeSettings = {}): NodeConfig {
  const tls = {
    caFile: `${cluster.pkiDir}/ca.crt`,
    certFile: `${cluster.pkiDir}/${node.name}.crt`,
    keyFile: `${cluster.pkiDir}/${node.name}.key`,
  };
  const address = `${cluster.gateway}:${cluster.grpcPort}`;
  const proxyTls = { certFile: `${cluster.pkiDir}/proxy.crt`, keyFile: `${cluster.pkiDir}/proxy.key` };
  return {
    agent: {
      nodeName: node.name,
      address: node.address,
      server: { address, ...tls },
      listen: { host: node.address, port: cluster.agentPort },
      tls,
      stateDir: node.stateDir,
      runDir: node.runDir,
      logDir: standardLogDirs.pods,
      containerLogDir: standardLogDirs.containers,
      kubeletDir: standardKubeletDir,
      imageDir: cluster.imageDir,
      staticPodDir: `${node.stateDir}/manifests`,
      cgroupRoot: node.cgroupRoot,
      podUserIds: node.podUserIds,
      clusterDns: cluster.dnsAddress,
      clusterDomain: cluster.domain,
      clusterCidr: cluster.podCidr,
      ...settings,
    },
    proxy: {
      nodeName: node.name,
      server: { address, ...tls, ...proxyTls },
      clusterCidr: cluster.podCidr,
      serviceCidr: cluster.serviceCidr,
      nodeAddresses: [node.address],
      dns: { address: cluster.dnsAddress, domain: cluster.domain },
    },
  };
}

/** etcd makes its sockets in its working folder, under names that look like `host:port`. */
const etcdSocket = 'client.sock:0';
const peerSocket = 'peer.sock:0';

/**
 * The command of etcd, to be run in `etcdRunDir`. It listens on unix sockets alone: whoever may read the cluster's secrets is decided by the
 * folder's mode, and no port is taken. Its history is compacted by itself.
 */
export function etcdCommand(cluster: ClusterLayout): string[] {
  const client = `unix://${etcdSocket}`;
  const peer = `unix://${peerSocket}`;
  return [
    // One that was killed leaves its sockets behind, and etcd does not take them over.
    ...['sh', '-c', `rm -f ${etcdSocket} ${peerSocket}; exec "$0" "$@"`],
    'etcd',
    '--name=wherry',
    `--data-dir=${cluster.etcdDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=wherry=${peer}`,
    // The only member need not wait long before it elects itself: this is most of a warm start.
    '--heartbeat-interval=20',
    '--election-timeout=100',
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=10m',
    '--quota-backend-bytes=4294967296',
    '--log-level=warn',
    '--logger=zap',
  ];
}
