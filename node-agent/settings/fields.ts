/** Upstream's KubeletConfiguration (v1beta1 of 1.32), field by field: what nodes heed of it, what they do anyway, and what they do not know. */
import { formatGoDuration } from '#lib/meta/go-duration.ts';
import { formatQuantity, unitsOf } from '#lib/meta/quantities.ts';
import type { NodeAgentConfig } from '../config.ts';
import { parseProcessors } from '../cpus/take.ts';
import { wholeEvictionConfig } from '../eviction/settings.ts';
import { usualThrottlingFactor } from '../lifecycle/memory-rules.ts';
import { defaultMaxPods } from '../node/allocatable.ts';
import { imageThresholds } from '../node/image-thresholds.ts';
import { logLimits } from '../node/log-limits.ts';
import {
  readDuration,
  readFraction,
  readMap,
  readMapOf,
  readQuantity,
  readText,
  readTexts,
  readTruth,
  readWhole,
  readWholeBetween,
  readWord,
} from './readers.ts';

/** What of a node's configuration users may say. */
export type NodeSettings = Partial<
  Pick<
    NodeAgentConfig,
    | 'allowedUnsafeSysctls'
    | 'containerLogs'
    | 'cpuManagerPolicy'
    | 'ephemeralStorage'
    | 'eviction'
    | 'honestProc'
    | 'imageGarbage'
    | 'kubeReserved'
    | 'maxPods'
    | 'memoryQoS'
    | 'memorySwap'
    | 'memoryThrottlingFactor'
    | 'podPidsLimit'
    | 'reservedCpus'
    | 'shutdownGracePeriod'
    | 'shutdownGracePeriodCriticalPods'
    | 'staticPodDir'
    | 'systemReserved'
  >
>;

/** Reads the field's value into the settings. Throws an Error for one that makes no sense. */
export type Heed = (value: unknown, settings: NodeSettings) => void;

interface Field {
  heed: Heed;
  /** The value that the settings come to, what they do not say included. */
  tell(settings: NodeSettings): unknown;
}

/** What a document comes to. With faults the settings are not complete. */
export interface Reading {
  settings: NodeSettings;
  /** A sentence each. */
  faults: readonly string[];
}

const reservable = /^(cpu|memory|ephemeral-storage|pid|hugepages-.+)$/;
/** Kernel settings that each pod has for itself. */
const namespaced = /^(kernel\.(sem|shm|msg)|fs\.mqueue\.|net\.)/;

export const heeded: Readonly<Record<string, Field>> = {
  maxPods: {
    heed: (value, settings) => (settings.maxPods = readWholeBetween(value, 0)),
    tell: ({ maxPods = defaultMaxPods }) => maxPods,
  },
  podPidsLimit: {
    heed(value, settings) {
      const limit = readWhole(value);
      // Upstream's way to say that there is none.
      if (limit > 0) settings.podPidsLimit = limit;
      else if (limit !== -1) throw new Error('must be positive, or -1 for no limit');
    },
    tell: ({ podPidsLimit = -1 }) => podPidsLimit,
  },
  kubeReserved: {
    heed: (value, settings) => (settings.kubeReserved = readReservation(value)),
    tell: ({ kubeReserved = {} }) => kubeReserved,
  },
  systemReserved: {
    heed: (value, settings) => (settings.systemReserved = readReservation(value)),
    tell: ({ systemReserved = {} }) => systemReserved,
  },
  reservedSystemCPUs: {
    heed(value, settings) {
      const text = readText(value);
      if (parseProcessors(text).length > 0) settings.reservedCpus = text;
    },
    tell: ({ reservedCpus = '' }) => reservedCpus,
  },
  cpuManagerPolicy: {
    heed: (value, settings) => (settings.cpuManagerPolicy = readWord(value, ['none', 'static'])),
    tell: ({ cpuManagerPolicy = 'none' }) => cpuManagerPolicy,
  },
  evictionHard: {
    heed: (value, settings) => evict(settings, { hard: readTextMap(value) }),
    tell: ({ eviction }) => wholeEvictionConfig(eviction).hard,
  },
  evictionSoft: {
    heed: (value, settings) => evict(settings, { soft: readTextMap(value) }),
    tell: ({ eviction }) => wholeEvictionConfig(eviction).soft,
  },
  evictionSoftGracePeriod: {
    heed: (value, settings) => evict(settings, { softGracePeriod: readTextMap(value) }),
    tell: ({ eviction }) => wholeEvictionConfig(eviction).softGracePeriod,
  },
  evictionMinimumReclaim: {
    heed: (value, settings) => evict(settings, { minimumReclaim: readTextMap(value) }),
    tell: ({ eviction }) => wholeEvictionConfig(eviction).minimumReclaim,
  },
  evictionMaxPodGracePeriod: {
    heed: (value, settings) => evict(settings, { maxPodGracePeriodSeconds: readWholeBetween(value, 0) }),
    tell: ({ eviction }) => wholeEvictionConfig(eviction).maxPodGracePeriodSeconds,
  },
  evictionPressureTransitionPeriod: {
    heed(value, settings) {
      // As upstream, none at all is as good as not saying so.
      if (readDuration(value) > 0) evict(settings, { pressureTransitionPeriod: readText(value) });
    },
    tell: ({ eviction }) => formatGoDuration(readDuration(wholeEvictionConfig(eviction).pressureTransitionPeriod)),
  },
  shutdownGracePeriod: {
    heed: (value, settings) => (settings.shutdownGracePeriod = readDuration(value) / 1000),
    tell: ({ shutdownGracePeriod = 0 }) => formatGoDuration(shutdownGracePeriod * 1000),
  },
  shutdownGracePeriodCriticalPods: {
    heed: (value, settings) => (settings.shutdownGracePeriodCriticalPods = readDuration(value) / 1000),
    tell: ({ shutdownGracePeriodCriticalPods = 0 }) => formatGoDuration(shutdownGracePeriodCriticalPods * 1000),
  },
  staticPodPath: {
    heed(value, settings) {
      const folder = readText(value);
      if (!folder.startsWith('/')) throw new Error('must be an absolute path');
      settings.staticPodDir = folder;
    },
    tell: ({ staticPodDir = '' }) => staticPodDir,
  },
  containerLogMaxSize: {
    heed(value, settings) {
      const maxBytes = unitsOf(readQuantity(value));
      if (maxBytes <= 0) throw new Error('must be positive');
      settings.containerLogs = { ...settings.containerLogs, maxBytes };
    },
    tell: ({ containerLogs }) => sizeText({ ...logLimits, ...containerLogs }.maxBytes),
  },
  containerLogMaxFiles: {
    heed: (value, settings) =>
      (settings.containerLogs = { ...settings.containerLogs, maxFiles: readWholeBetween(value, 2) }),
    tell: ({ containerLogs }) => ({ ...logLimits, ...containerLogs }).maxFiles,
  },
  imageGCHighThresholdPercent: {
    heed: (value, settings) =>
      (settings.imageGarbage = { ...settings.imageGarbage, highPercent: readWholeBetween(value, 0, 100) }),
    tell: ({ imageGarbage }) => ({ ...imageThresholds, ...imageGarbage }).highPercent,
  },
  imageGCLowThresholdPercent: {
    heed: (value, settings) =>
      (settings.imageGarbage = { ...settings.imageGarbage, lowPercent: readWholeBetween(value, 0, 100) }),
    tell: ({ imageGarbage }) => ({ ...imageThresholds, ...imageGarbage }).lowPercent,
  },
  allowedUnsafeSysctls: {
    heed: (value, settings) => (settings.allowedUnsafeSysctls = readTexts(value).map(readSysctl)),
    tell: ({ allowedUnsafeSysctls = [] }) => allowedUnsafeSysctls,
  },
  memorySwap: {
    heed(value, settings) {
      for (const [name, inner] of readMap(value)) {
        if (name !== 'swapBehavior') throw new Error(`unknown field "${name}"`);
        if (inner === '' || inner === null) continue;
        settings.memorySwap = { swapBehavior: readWord(inner, ['NoSwap', 'LimitedSwap']) };
      }
    },
    tell: ({ memorySwap }) => ({ swapBehavior: 'NoSwap', ...memorySwap }),
  },
  memoryThrottlingFactor: {
    heed: (value, settings) => (settings.memoryThrottlingFactor = readFraction(value)),
    tell: ({ memoryThrottlingFactor = usualThrottlingFactor }) => memoryThrottlingFactor,
  },
  featureGates: {
    heed(value, settings) {
      for (const [gate, on] of Object.entries(readMapOf(value, readTruth))) {
        if (gate === 'MemoryQoS') settings.memoryQoS = on;
        else throw new Error(`[${gate}]: nodes know no gate but MemoryQoS`);
      }
    },
    tell: ({ memoryQoS = false }) => ({ MemoryQoS: memoryQoS }),
  },
};

/** Fields that have one value here: what nodes do anyway. Durations in each way they are written, as Go does last. */
export const fixed: Readonly<Record<string, readonly unknown[]>> = {
  cgroupDriver: ['cgroupfs'],
  cgroupsPerQOS: [true],
  cpuCFSQuota: [true],
  cpuCFSQuotaPeriod: ['100ms'],
  enableDebuggingHandlers: [true],
  enableServer: [true],
  enableSystemLogHandler: [true],
  enforceNodeAllocatable: [['pods']],
  failSwapOn: [false],
  imageMinimumGCAge: ['2m', '2m0s'],
  localStorageCapacityIsolation: [true],
  memoryManagerPolicy: ['None'],
  nodeLeaseDurationSeconds: [40],
  nodeStatusMaxImages: [50],
  nodeStatusReportFrequency: ['5m', '5m0s'],
  nodeStatusUpdateFrequency: ['10s'],
  port: [10250],
  registerNode: [true],
  seccompDefault: [true],
  topologyManagerPolicy: ['none'],
};

/** Fields of upstream's that nodes here do not heed. */
export const unknownHere: ReadonlySet<string> = new Set(
  `address authentication authorization cgroupRoot clusterDNS clusterDomain configMapAndSecretChangeDetectionStrategy
  containerLogMaxWorkers containerLogMonitorInterval containerRuntimeEndpoint contentType cpuManagerPolicyOptions
  cpuManagerReconcilePeriod crashLoopBackOff enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler
  enableProfilingHandler enableSystemLogQuery eventBurst
  eventRecordQPS failCgroupV1 fileCheckFrequency hairpinMode healthzBindAddress healthzPort httpCheckFrequency
  imageMaximumGCAge imageServiceEndpoint iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst
  kubeAPIQPS kubeReservedCgroup kubeletCgroups logging makeIPTablesUtilChains maxOpenFiles maxParallelImagePulls
  oomScoreAdj podCIDR podLogsDir podsPerCore protectKernelDefaults providerID qosReserved readOnlyPort registerWithTaints
  registryBurst registryPullQPS reservedMemory resolvConf rotateCertificates runOnce runtimeRequestTimeout
  serializeImagePulls serverTLSBootstrap showHiddenMetricsForVersion shutdownGracePeriodByPodPriority singleProcessOOMKill
  staticPodURL staticPodURLHeader streamingConnectionIdleTimeout syncFrequency systemCgroups systemReservedCgroup
  tlsCertFile tlsCipherSuites tlsMinVersion tlsPrivateKeyFile topologyManagerPolicyOptions topologyManagerScope tracing
  volumePluginDir volumeStatsAggPeriod`.split(/\s+/),
);

/** Those among them that upstream takes for true when they are left out. */
export const onUnlessSaid: ReadonlySet<string> = new Set([
  'enableControllerAttachDetach',
  'enableDebugFlagsHandler',
  'enableProfilingHandler',
  'makeIPTablesUtilChains',
]);

function evict(settings: NodeSettings, more: NonNullable<NodeSettings['eviction']>): void {
  settings.eviction = { ...settings.eviction, ...more };
}

function readReservation(value: unknown): Record<string, string> {
  return readMapOf(value, (amount, name) => {
    if (!reservable.test(name)) {
      throw new Error('only cpu, memory, ephemeral-storage, pid and huge pages can be kept back');
    }
    return readQuantity(amount);
  });
}

function sizeText(bytes: number): string {
  return formatQuantity(BigInt(bytes) * 1_000_000_000n, 'binary');
}

function readTextMap(value: unknown): Record<string, string> {
  return readMapOf(value, readText);
}

function readSysctl(name: string): string {
  if (!namespaced.test(name)) throw new Error(`the sysctl ${name} is not known to be of pods alone`);
  return name.replaceAll('/', '.');
}
