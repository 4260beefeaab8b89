/** Where a cluster on this machine keeps things, and which names, addresses and ports are its own. Pure: a function of name, slot and folders. */

export interface NodeLayout {
  name: string;
  /** Address on the cluster's bridge. */
  address: string;
  /** Network namespace, as `ip netns` knows it. */
  netns: string;
  /** Bridge end of the node's cable. */
  cable: string;
  /** Persistent state: runtime records, volumes. */
  stateDir: string;
  /** What does not outlive a reboot. */
  runDir: string;
  /** Container logs, and links to them; the node's own processes know these folders by `standardLogDirs`. */
  logDir: string;
  containerLogDir: string;
  /** What is a kubelet's on other nodes: sockets for device plug-ins and readers of pod resources. Known within as `standardKubeletDir`. */
  kubeletDir: string;
  /** File that pins the node's mount namespace. */
  mountNamespace: string;
  cgroupRoot: string;
  /** Ids for users of pods: ranges of 65,536, the lowest beginning at `first`. */
  podUserIds: { first: number; ranges: number };
}

export interface ClusterLayout {
  name: string;
  /** Sets this cluster's addresses and ports apart from those of others on the machine: 0 to 31. */
  slot: number;
  stateDir: string;
  runDir: string;
  pkiDir: string;
  etcdDir: string;
  /** etcd's sockets: for root alone. */
  etcdRunDir: string;
  imageDir: string;
  logDir: string;
  kubeconfig: string;
  /** Policy of the audit log; there need not be one. */
  auditPolicy: string;
  /** Settings of all nodes, a KubeletConfiguration; there need not be one. */
  nodeSettings: string;
  /** Unix socket of the API server's gRPC. */
  socket: string;
  bridge: string;
  /** The machine's own address on the bridge, where the API server listens. */
  gateway: string;
  subnet: string;
  podCidr: string;
  serviceCidr: string;
  /** First address of serviceCidr: the `kubernetes` Service. */
  apiServiceAddress: string;
  dnsAddress: string;
  domain: string;
  apiPort: number;
  grpcPort: number;
  /** The agent's gRPC port on each node's address. */
  agentPort: number;
  /** nftables table on the machine. */
  table: string;
  nodes: NodeLayout[];
}

export interface ClusterFacts {
  name: string;
  slot: number;
  nodes: number;
}

export interface Folders {
  /** Persistent, /var/lib/wherry by default. */
  stateRoot: string;
  /** Gone after a reboot, /run/wherry by default. */
  runRoot: string;
}

/** Where log shippers look on a node. In a node's mount namespace its own folders are mounted there. */
export const standardLogDirs = { pods: '/var/log/pods', containers: '/var/log/containers' } as const;

/** Where device plug-ins look for a kubelet, likewise. */
export const standardKubeletDir = '/var/lib/kubelet';

export const slotCount = 32;
export const maxNodes = 100;

const idsPerPod = 65_536;
/** With these, 32 clusters of 8 nodes have different ids; further nodes have those of earlier ones, a pod's users still differing from those of its node. */
const idRangesPerNode = 128;
const nodesWithIdsOfTheirOwn = 8;

/** The whole layout of one cluster. */
export function layoutOf({ name, slot, nodes }: ClusterFacts, { stateRoot, runRoot }: Folders): ClusterLayout {
  const stateDir = `${stateRoot}/${name}`;
  const runDir = `${runRoot}/${name}`;
  const service = `10.${43 + 2 * slot}.0`;
  return {
    name,
    slot,
    stateDir,
    runDir,
    pkiDir: `${stateDir}/pki`,
    etcdDir: `${stateDir}/etcd`,
    etcdRunDir: `${runDir}/etcd.d`,
    imageDir: `${stateDir}/images`,
    logDir: `${stateDir}/log`,
    kubeconfig: `${stateDir}/kubeconfig`,
    auditPolicy: `${stateDir}/audit-policy.yaml`,
    nodeSettings: `${stateDir}/node-config.yaml`,
    socket: `${runDir}/apiserver.sock`,
    bridge: `wherry${slot}`,
    gateway: `172.29.${slot}.1`,
    subnet: `172.29.${slot}.0/24`,
    podCidr: `10.${42 + 2 * slot}.0.0/16`,
    serviceCidr: `${service}.0/16`,
    apiServiceAddress: `${service}.1`,
    dnsAddress: `${service}.10`,
    domain: 'cluster.local',
    apiPort: 6443 + 10 * slot,
    grpcPort: 6444 + 10 * slot,
    agentPort: 10250,
    table: `wherry${slot}`,
    nodes: Array.from({ length: nodes }, (_, index) => nodeLayout(name, slot, index + 1, stateDir, runDir)),
  };
}

function nodeLayout(cluster: string, slot: number, number: number, stateDir: string, runDir: string): NodeLayout {
  const name = `node-${number}`;
  return {
    name,
    address: `172.29.${slot}.${10 + number}`,
    netns: `wherry-${cluster}-${name}`,
    cable: `wherry${slot}n${number}`,
    stateDir: `${stateDir}/nodes/${name}`,
    runDir: `${runDir}/nodes/${name}`,
    logDir: `${stateDir}/nodes/${name}/pod-logs`,
    containerLogDir: `${stateDir}/nodes/${name}/container-logs`,
    kubeletDir: `${stateDir}/nodes/${name}/kubelet`,
    mountNamespace: `${runDir}/pins/${name}`,
    cgroupRoot: `/wherry-${cluster}-${name}`,
    podUserIds: podUserIds(slot, number),
  };
}

/** The very first range is the machine's own. */
function podUserIds(slot: number, number: number): NodeLayout['podUserIds'] {
  const share = slot * nodesWithIdsOfTheirOwn + ((number - 1) % nodesWithIdsOfTheirOwn);
  const begin = Math.max(share * idRangesPerNode, 1);
  return { first: begin * idsPerPod, ranges: (share + 1) * idRangesPerNode - begin };
}

/** Faults of a cluster's name: it becomes part of file, namespace and cgroup names. */
export function clusterNameFault(name: string): string | undefined {
  return /^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)
    ? undefined
    : `Cannot use cluster name "${name}": it must be at most 20 lower case letters, digits and dashes, starting with a letter`;
}
