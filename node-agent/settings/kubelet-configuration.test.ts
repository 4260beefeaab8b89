import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse } from 'yaml';
import { fixed, heeded, unknownHere } from './fields.ts';
import { readKubeletConfiguration, tellKubeletConfiguration } from './kubelet-configuration.ts';

const read = (fields: object) => {
  const { settings, faults } = readKubeletConfiguration(fields);
  assert.deepEqual(faults, []);
  return settings;
};
const faultsOf = (fields: object) => readKubeletConfiguration(fields).faults;

/** Each field that is heeded, but one which `reservedSystemCPUs` would change; none as it is by default. */
const everything = parse(`
maxPods: 30
podPidsLimit: 500
kubeReserved: {cpu: 200m, memory: 100Mi, pid: "1000"}
systemReserved:
  memory: 50Mi
cpuManagerPolicy: static
evictionHard: {memory.available: 200Mi, nodefs.available: 5%}
evictionSoft: {memory.available: 300Mi}
evictionSoftGracePeriod: {memory.available: 1m30s}
evictionMinimumReclaim: {nodefs.available: 1Gi}
evictionMaxPodGracePeriod: 60
evictionPressureTransitionPeriod: 30s
shutdownGracePeriod: 30s
shutdownGracePeriodCriticalPods: 10s
staticPodPath: /etc/kubernetes/manifests
containerLogMaxSize: 1Mi
containerLogMaxFiles: 3
imageGCHighThresholdPercent: 70
imageGCLowThresholdPercent: 60
allowedUnsafeSysctls: [net.core.somaxconn, "kernel.msg*"]
memorySwap: {swapBehavior: LimitedSwap}
memoryThrottlingFactor: 0.8
featureGates: {MemoryQoS: true}
`) as object;

suite('node-agent/settings/kubelet-configuration', () => {
  test('readKubeletConfiguration() reads all that nodes heed', () => {
    assert.deepEqual(read(everything), {
      maxPods: 30,
      podPidsLimit: 500,
      kubeReserved: { cpu: '200m', memory: '100Mi', pid: '1000' },
      systemReserved: { memory: '50Mi' },
      cpuManagerPolicy: 'static',
      eviction: {
        hard: { 'memory.available': '200Mi', 'nodefs.available': '5%' },
        soft: { 'memory.available': '300Mi' },
        softGracePeriod: { 'memory.available': '1m30s' },
        minimumReclaim: { 'nodefs.available': '1Gi' },
        maxPodGracePeriodSeconds: 60,
        pressureTransitionPeriod: '30s',
      },
      shutdownGracePeriod: 30,
      shutdownGracePeriodCriticalPods: 10,
      staticPodDir: '/etc/kubernetes/manifests',
      containerLogs: { maxBytes: 1_048_576, maxFiles: 3 },
      imageGarbage: { highPercent: 70, lowPercent: 60 },
      allowedUnsafeSysctls: ['net.core.somaxconn', 'kernel.msg*'],
      memorySwap: { swapBehavior: 'LimitedSwap' },
      memoryThrottlingFactor: 0.8,
      memoryQoS: true,
    });
  });

  test('readKubeletConfiguration() counts named processors for what is kept back of them, as upstream', () => {
    const reserved = { kubeReserved: { cpu: '1', memory: '1Gi' }, systemReserved: { cpu: '4' } };
    assert.deepEqual(read({ reservedSystemCPUs: '0,2-3', ...reserved }), {
      reservedCpus: '0,2-3',
      kubeReserved: { memory: '1Gi' },
      systemReserved: { cpu: '3' },
    });
    assert.deepEqual(read({ reservedSystemCPUs: '' }), {});
    assert.deepEqual(faultsOf({ reservedSystemCPUs: 'many' }), [
      'reservedSystemCPUs: Cannot read a list of processors: many',
    ]);
  });

  test('readKubeletConfiguration() takes a file that kubeadm wrote when what it says is true here', () => {
    const written = `
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s}
authorization:
  webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}
cgroupDriver: cgroupfs
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
evictionPressureTransitionPeriod: 0s
failSwapOn: false
fileCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
logging:
  flushFrequency: 0
  options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}
  verbosity: 0
memorySwap: {}
nodeStatusUpdateFrequency: 0s
shutdownGracePeriod: 0s
syncFrequency: 0s
`;
    const { logging, ...without } = parse(written) as { logging: object };
    assert.deepEqual(faultsOf({ logging }), ['logging: nodes do not have this setting']);
    assert.deepEqual(read(without), { shutdownGracePeriod: 0 });
  });

  test('readKubeletConfiguration() tells all faults at once, and never passes over a field', () => {
    const fields = {
      maxPods: -1,
      kubeReservd: { cpu: '1' },
      clusterDNS: ['10.0.0.10'],
      cgroupDriver: 'systemd',
      cgroupsPerQOS: false,
      enableControllerAttachDetach: false,
      evictionHard: ['memory.available'],
      systemReserved: { gpu: '1' },
      kubeReserved: { memory: '1 Gi' },
      podPidsLimit: 0,
      shutdownGracePeriod: 30,
      containerLogMaxFiles: 1,
      imageGCHighThresholdPercent: 101,
      cpuManagerPolicy: 'dynamic',
      staticPodPath: 'manifests',
      allowedUnsafeSysctls: ['vm.swappiness'],
      memorySwap: { swapBehaviour: 'NoSwap' },
      featureGates: { NodeSwap: true },
      memoryThrottlingFactor: 2,
    };
    assert.deepEqual(faultsOf(fields), [
      'maxPods: must not be less than 0',
      'kubeReservd: strict decoding error: unknown field "kubeReservd"',
      'clusterDNS: nodes do not have this setting',
      'cgroupDriver: nodes can only do "cgroupfs"',
      'cgroupsPerQOS: nodes can only do true',
      'enableControllerAttachDetach: nodes do not have this setting',
      'evictionHard: must be a map',
      'systemReserved: [gpu]: only cpu, memory, ephemeral-storage, pid and huge pages can be kept back',
      "kubeReserved: [memory]: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      'podPidsLimit: must be positive, or -1 for no limit',
      'shutdownGracePeriod: must be a string',
      'containerLogMaxFiles: must not be less than 2',
      'imageGCHighThresholdPercent: must be between 0 and 100, inclusive',
      'cpuManagerPolicy: must be one of "none", "static"',
      'staticPodPath: must be an absolute path',
      'allowedUnsafeSysctls: the sysctl vm.swappiness is not known to be of pods alone',
      'memorySwap: unknown field "swapBehaviour"',
      'featureGates: [NodeSwap]: nodes know no gate but MemoryQoS',
      'memoryThrottlingFactor: must be greater than 0 and no more than 1',
    ]);
  });

  test('readKubeletConfiguration() sees what single fields do not show', () => {
    assert.deepEqual(faultsOf({ evictionSoft: { 'memory.available': '1Gi' } }), [
      'grace period must be specified for the soft eviction threshold memory.available',
    ]);
    assert.deepEqual(faultsOf({ shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '20s' }), [
      'Cannot take shutdownGracePeriodCriticalPods 20: it must be between zero and shutdownGracePeriod (10)',
    ]);
    assert.deepEqual(faultsOf({ imageGCHighThresholdPercent: 80 }), [
      'imageGCLowThresholdPercent must be less than imageGCHighThresholdPercent',
    ]);
  });

  test('tellKubeletConfiguration() tells each field that is heeded and each that is fixed', () => {
    const told = tellKubeletConfiguration({});
    assert.deepEqual(Object.keys(told).sort(), [...Object.keys(heeded), ...Object.keys(fixed)].sort());
    for (const [name, value] of Object.entries(told)) assert.notEqual(value, undefined, name);
    // As upstream says it of a kubelet that was told nothing.
    for (const [name, value] of Object.entries({
      maxPods: 110,
      podPidsLimit: -1,
      cpuManagerPolicy: 'none',
      evictionHard: {
        'memory.available': '100Mi',
        'nodefs.available': '10%',
        'nodefs.inodesFree': '5%',
        'imagefs.available': '15%',
        'imagefs.inodesFree': '5%',
      },
      evictionPressureTransitionPeriod: '5m0s',
      shutdownGracePeriod: '0s',
      containerLogMaxSize: '10Mi',
      containerLogMaxFiles: 5,
      imageGCHighThresholdPercent: 85,
      imageGCLowThresholdPercent: 80,
      imageMinimumGCAge: '2m0s',
      nodeStatusReportFrequency: '5m0s',
      memoryThrottlingFactor: 0.9,
      enableSystemLogHandler: true,
    }))
      assert.deepEqual(told[name], value, name);
  });

  test('tellKubeletConfiguration() tells what each field says, and reads back as the same settings', () => {
    const usual = tellKubeletConfiguration({});
    const reserved = { reservedSystemCPUs: '0,2-3' };
    for (const name of Object.keys(heeded)) {
      const told = tellKubeletConfiguration(read(name in everything ? everything : reserved));
      assert.notDeepEqual(told[name], usual[name], name);
    }
    const told = tellKubeletConfiguration(read(everything));
    for (const [name, value] of Object.entries(everything)) assert.deepEqual(told[name], value, name);
    assert.deepEqual(read(told), read(everything));
  });

  test('tellKubeletConfiguration() reads back whatever may be said of a field', () => {
    const taken = fc.constantFrom(...Object.keys(heeded)).chain((name) => {
      const said = fc.constant((everything as Record<string, unknown>)[name]);
      return fc.tuple(
        fc.constant(name),
        fc.oneof(said, fc.integer({ min: -1, max: 100 }), fc.jsonValue({ maxDepth: 1 })),
      );
    });
    fc.assert(
      fc.property(taken, ([name, value]) => {
        const { settings, faults } = readKubeletConfiguration({ [name]: value ?? '' });
        fc.pre(faults.length === 0);
        const told = tellKubeletConfiguration(settings);
        assert.deepEqual(tellKubeletConfiguration(read(told)), told);
      }),
    );
  });

  test('every field is of one sort, and any value of it is taken or refused with a sentence', () => {
    const names = [...Object.keys(heeded), ...Object.keys(fixed), ...unknownHere];
    assert.deepEqual(names.length, new Set(names).size);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 2 }), (name, value) => {
        for (const fault of faultsOf({ [name]: value })) assert.match(fault, /\S \S/);
      }),
      { numRuns: 500 },
    );
  });
});
