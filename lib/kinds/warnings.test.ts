/** Warnings of what is accepted and does not do what it seems to. */
import { pod } from './pod.ts';
import { deployment } from './deployment.ts';
import { statefulSet } from './stateful-set.ts';
import { job } from './job.ts';
import { cronJob } from './cron-job.ts';
import { service } from './service.ts';
import { ingress } from './ingress.ts';
import { secret } from './secret.ts';
import { serviceAccount } from './service-account.ts';
import { node } from './node.ts';
import { persistentVolume } from './persistent-volume.ts';
import { persistentVolumeClaim } from './persistent-volume-claim.ts';
import { storageClass } from './storage-class.ts';
import { csiStorageCapacity } from './csi-storage-capacity.ts';
import { runtimeClass } from './runtime-class.ts';
import { testWarnings } from './testing/edits.ts';

suite('pods', () => {
  testWarnings(pod, { spec: { containers: [{ name: 'c', image: 'x' }] } }, [
    [
      'metadata.name = "a.b"',
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [{label}]",
    ],
    [
      'spec.nodeSelector = {"beta.kubernetes.io/os":"linux","node-role.kubernetes.io/master":""}',
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.nodeSelector[node-role.kubernetes.io/master]: use "node-role.kubernetes.io/control-plane" instead',
    ],
    [
      'spec.affinity = {"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"beta.kubernetes.io/arch","operator":"Exists"}]}]},"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"preference":{"matchExpressions":[{"key":"failure-domain.beta.kubernetes.io/zone","operator":"Exists"}]}}]}}',
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead',
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    ],
    [
      'spec.affinity = {"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"a"}]},"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"podAffinityTerm":{"topologyKey":"a"}}]}}',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod',
      'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod',
    ],
    [
      'spec.topologySpreadConstraints = [{"maxSkew":1,"topologyKey":"failure-domain.beta.kubernetes.io/region","whenUnsatisfiable":"DoNotSchedule"}]',
      'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/region is deprecated since v1.17; use "topology.kubernetes.io/region" instead',
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
    ],
    [
      'metadata.annotations = {"scheduler.alpha.kubernetes.io/critical-pod":"","security.alpha.kubernetes.io/sysctls":"a=b","seccomp.security.alpha.kubernetes.io/pod":"unconfined","container.seccomp.security.alpha.kubernetes.io/c":"unconfined"}',
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      'metadata.annotations[security.alpha.kubernetes.io/sysctls]: non-functional in v1.11+; use the "sysctls" field instead',
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
      'metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
    ],
    [
      'spec.volumes = [{"name":"a","glusterfs":{"endpoints":"a","path":"b"}},{"name":"b","gitRepo":{"repository":"a"}},{"name":"c","cephfs":{"monitors":["a"]}}]',
      'spec.volumes[0].glusterfs: deprecated in v1.25, non-functional in v1.26+',
      'spec.volumes[1].gitRepo: deprecated in v1.11',
      'spec.volumes[2].cephfs: deprecated in v1.28, non-functional in v1.31+',
    ],
    [
      'spec.volumes = [{"name":"a","projected":{"sources":[{"serviceAccountToken":{"path":"t"}},{"configMap":{"name":"a","items":[{"key":"k","path":"t"}]}}]}}]',
      'spec.volumes[0].projected.sources.configMap[0]: has duplicated path with ServiceAccountToken "t"',
    ],
    [
      'spec.volumes = [{"name":"a","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1500m"}}}}}}]',
      'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
    ],
    [
      'spec.hostAliases = [{"ip":"1.2.3.4","hostnames":["a"]},{"ip":"1.2.3.4","hostnames":["b"]}]',
      'spec.hostAliases[1].ip: duplicate ip "1.2.3.4"',
    ],
    [
      'spec.imagePullSecrets = [{"name":"a"},{"name":"a"},{"name":""}]',
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
    ],
    [
      'spec.containers[0].resources = {"limits":{"memory":"1.5","ephemeral-storage":"100m","cpu":"1.5"},"requests":{"memory":"500m"}}',
      'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
      'spec.containers[0].resources.requests[memory]: fractional byte value "500m" is invalid, must be an integer',
      'spec.containers[0].resources.limits[ephemeral-storage]: fractional byte value "100m" is invalid, must be an integer',
      'spec.containers[0].resources.requests[ephemeral-storage]: fractional byte value "100m" is invalid, must be an integer',
    ],
    [
      'spec.overhead = {"memory":"100m"}',
      'spec.overhead[memory]: fractional byte value "100m" is invalid, must be an integer',
    ],
    [
      'spec.containers[0].env = [{"name":"A","value":"1"},{"name":"A","value":"2"},{"name":"B","value":"3"},{"name":"B","value":"$(B)4"}]',
      'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    ],
    [
      'spec.containers[0].ports = [{"containerPort":80},{"containerPort":80},{"containerPort":80,"protocol":"UDP"},{"containerPort":80,"hostPort":8080}]',
      'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[1]',
    ],
    [
      'spec.containers[0].ports = [{"containerPort":80,"hostPort":8080,"hostIP":"10.0.0.1"},{"containerPort":80,"hostPort":8080},{"containerPort":81,"hostIP":"10.0.0.1"}]',
      'spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:81 Protocol:TCP HostIP:10.0.0.1}',
    ],
    [
      'spec.containers[1] = {"name":"d","image":"x","ports":[{"containerPort":80}]}; spec.containers[0].ports = [{"containerPort":80}]',
      'spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]',
    ],
    [
      'spec.terminationGracePeriodSeconds = -1',
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    ],
  ]);
});

suite('deployments', () => {
  testWarnings(
    deployment,
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      },
    },
    [
      [
        'metadata.name = "a.b"',
        'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [{label}]',
      ],
      [
        'spec.template.spec.containers[0].resources = {"limits":{"memory":"100m"}}',
        'spec.template.spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
      ],
      [
        'spec.template.metadata.annotations = {"container.apparmor.security.beta.kubernetes.io/c":"unconfined"}',
        'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
      ],
    ],
  );
});

suite('stateful sets', () => {
  testWarnings(
    statefulSet,
    {
      spec: {
        serviceName: 's',
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      },
    },
    [
      [
        'spec.revisionHistoryLimit = -1',
        'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
      ],
      [
        'spec.volumeClaimTemplates = [{"metadata":{"name":"v"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"100m"}}}}]',
        'spec.volumeClaimTemplates[0].Spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer',
      ],
    ],
  );
});

suite('jobs', () => {
  testWarnings(
    job,
    { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } } } },
    [
      [
        'metadata.name = "a.b"',
        'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [{label}]',
      ],
      [
        'spec.completionMode = "Indexed"; spec.completions = 100001; spec.parallelism = 10001',
        'spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail',
      ],
    ],
  );
});

suite('cron jobs', () => {
  testWarnings(
    cronJob,
    {
      spec: {
        schedule: '* * * * *',
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } } },
        },
      },
    },
    [
      [
        'spec.schedule = "TZ=UTC * * * * *"',
        'CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
      ],
      [
        'spec.jobTemplate.spec.template.spec.containers[0].resources = {"limits":{"memory":"100m"}}',
        'spec.jobTemplate.spec.template.spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
      ],
    ],
  );
});

suite('services', () => {
  testWarnings(service, { spec: { ports: [{ port: 80 }] } }, [
    [
      'metadata.annotations = {"service.kubernetes.io/topology-aware-hints":"Auto"}',
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
    ],
    [
      'spec.clusterIP = "fd00::0:1"; spec.clusterIPs = ["fd00::0:1"]',
      'spec.clusterIPs[0]: IPv6 address "fd00::0:1" is not in RFC 5952 canonical format ("fd00::1"), which may cause controller apply-loops',
    ],
    [
      'spec.externalIPs = ["010.0.0.1"]',
      'spec.externalIPs[0]: IP address was accepted, but will be invalid in a future Kubernetes release: ParseAddr("010.0.0.1"): IPv4 field has octet with leading zero',
    ],
    [
      'spec.type = "LoadBalancer"; spec.loadBalancerSourceRanges = ["010.0.0.0/8","fd00::0:0/64"]; spec.loadBalancerIP = "FD00::1"',
      'spec.loadBalancerIP: IPv6 address "FD00::1" is not in RFC 5952 canonical format ("fd00::1"), which may cause controller apply-loops',
      'spec.loadBalancerSourceRanges[0]: IP prefix was accepted, but will be invalid in a future Kubernetes release: netip.ParsePrefix("010.0.0.0/8"): ParseAddr("010.0.0.0"): IPv4 field has octet with leading zero',
      'spec.loadBalancerSourceRanges[1]: IPv6 prefix "fd00::0:0/64" is not in RFC 5952 canonical format ("fd00::/64"), which may cause controller apply-loops',
    ],
    ['spec.externalName = "a.b"', 'spec.externalName is ignored when spec.type is not "ExternalName"'],
    [
      'spec.type = "ExternalName"; spec.externalName = "a.b"; spec.externalIPs = ["1.2.3.4"]',
      'spec.externalIPs is ignored when spec.type is "ExternalName"',
    ],
  ]);
});

suite('ingresses', () => {
  testWarnings(ingress, { spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } }, [
    [
      'metadata.annotations = {"kubernetes.io/ingress.class":"a"}',
      `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
    ],
  ]);
});

suite('secrets', () => {
  testWarnings(secret, {}, [
    [
      'type = "kubernetes.io/tls"; data = {"tls.crt":"eA==","tls.key":"eA=="}',
      'tls: failed to find any PEM data in certificate input',
    ],
  ]);
});

suite('service accounts', () => {
  testWarnings(serviceAccount, {}, [
    [
      'metadata.annotations = {"kubernetes.io/enforce-mountable-secrets":"true"}',
      'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
    ],
  ]);
});

suite('nodes', () => {
  testWarnings(node, { spec: {} }, [
    ['spec.externalID = "a"', 'spec.externalID: this field is deprecated, and is unused by Kubernetes'],
    ['spec.configSource = {}', 'spec.configSource: the feature is removed'],
  ]);
});

suite('volumes', () => {
  testWarnings(
    persistentVolume,
    { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'a', volumeHandle: 'b' } } },
    [
      [
        'metadata.annotations = {"volume.beta.kubernetes.io/storage-class":"a"}',
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
      ],
      [
        'spec.persistentVolumeReclaimPolicy = "Recycle"',
        'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
      ],
      [
        'spec.nodeAffinity = {"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"failure-domain.beta.kubernetes.io/zone","operator":"Exists"}]}]}}',
        'spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      ],
      [
        'spec.csi; spec.glusterfs = {"endpoints":"a","path":"b"}',
        'spec.glusterfs: deprecated in v1.25, non-functional in v1.26+',
      ],
    ],
  );
});

suite('claims', () => {
  testWarnings(
    persistentVolumeClaim,
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    [
      [
        'spec.resources.requests.storage = "100m"',
        'spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer',
      ],
      [
        'metadata.annotations = {"volume.beta.kubernetes.io/storage-class":"a"}',
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
      ],
    ],
  );
});

suite('storage classes', () => {
  testWarnings(storageClass, { provisioner: 'a.b/c' }, [
    [
      'allowedTopologies = [{"matchLabelExpressions":[{"key":"beta.kubernetes.io/instance-type","values":["a"]}]}]',
      'allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    ],
  ]);
});

suite('storage capacities', () => {
  testWarnings(csiStorageCapacity, { storageClassName: 'a' }, [
    [
      'nodeTopology = {"matchLabels":{"beta.kubernetes.io/os":"a"}}',
      'nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use "kubernetes.io/os" instead',
    ],
  ]);
});

suite('runtime classes', () => {
  testWarnings(runtimeClass, { handler: 'h' }, [
    [
      'scheduling = {"nodeSelector":{"beta.kubernetes.io/os":"a"}}',
      'scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead',
    ],
  ]);
});
