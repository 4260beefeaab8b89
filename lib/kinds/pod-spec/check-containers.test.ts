/** Faults of containers. */
import { pod } from '../pod.ts';
import { testEdits } from '../testing/edits.ts';

suite('containers', () => {
  const body = { spec: { containers: [{ name: 'main', image: 'nginx' }] } };
  testEdits(pod, body, [
    ['spec.containers = []', 'spec.containers: Required value'],
    ['spec.containers[0].name = ""', 'spec.containers[0].name: Required value'],
    ['spec.containers[0].name = "Main"', 'spec.containers[0].name: Invalid value: "Main": {label}'],
    ['spec.containers[0].image', 'spec.containers[0].image: Required value'],
    [
      'spec.containers[0].image = " nginx"',
      'spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace',
    ],
    ['spec.containers[1] = {"name":"main","image":"x"}', 'spec.containers[1].name: Duplicate value: "main"'],
    [
      'spec.containers[0].imagePullPolicy = "Often"',
      'spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      'spec.containers[0].terminationMessagePolicy = "Print"',
      'spec.containers[0].terminationMessagePolicy: Unsupported value: "Print": supported values: "File", "FallbackToLogsOnError"',
    ],
    ['spec.containers[0].ports = [{"containerPort":0}]', 'spec.containers[0].ports[0].containerPort: Required value'],
    [
      'spec.containers[0].ports = [{"containerPort":80,"hostPort":70000,"protocol":"HTTP"}]',
      'spec.containers[0].ports[0].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      'spec.containers[0].ports = [{"containerPort":80,"name":"a"},{"containerPort":81,"name":"a"}]',
      'spec.containers[0].ports[1].name: Duplicate value: "a"',
    ],
    [
      'spec.containers[0].ports = [{"containerPort":80,"name":"-Too-long--for-a-port-1"}]',
      'spec.containers[0].ports[0].name: Invalid value: "-Too-long--for-a-port-1": must be no more than 15 characters',
      'spec.containers[0].ports[0].name: Invalid value: "-Too-long--for-a-port-1": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.containers[0].ports[0].name: Invalid value: "-Too-long--for-a-port-1": must not contain consecutive hyphens',
      'spec.containers[0].ports[0].name: Invalid value: "-Too-long--for-a-port-1": must not begin or end with a hyphen',
    ],
    [
      'spec.containers[0].ports = [{"containerPort":80,"hostPort":1},{"containerPort":81,"hostPort":1}]',
      'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//1"',
    ],
    [
      'spec.hostNetwork = true; spec.containers[0].ports = [{"containerPort":80,"hostPort":81}]',
      'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
    ],
    ['spec.containers[0].env = [{"name":""}]', 'spec.containers[0].env[0].name: Required value'],
    [
      'spec.containers[0].env = [{"name":"a=b"}]',
      `spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`,
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{}}]',
      'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.colour"}}}]',
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.colour": error converting fieldPath: field label not supported: metadata.colour',
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels"}}}]',
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ],
    [
      `spec.containers[0].env = [{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['a b']"}}}]`,
      'spec.containers[0].env[0].valueFrom.fieldRef: Invalid value: "a b": {name part}',
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"resourceFieldRef":{"resource":"limits.gpu"}}}]',
      'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu","divisor":"3"}}}]',
      `spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"configMapKeyRef":{"name":"","key":""}}}]',
      'spec.containers[0].env[0].valueFrom.configMapKeyRef.name: Invalid value: "": {subdomain}',
      'spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Required value',
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"secretKeyRef":{"name":"a","key":"a/b"}}}]',
      'spec.containers[0].env[0].valueFrom.secretKeyRef.key: Invalid value: "a/b": {config key}',
    ],
    [
      'spec.containers[0].env = [{"name":"A","valueFrom":{"secretKeyRef":{"name":"a","key":"b"},"configMapKeyRef":{"name":"a","key":"b"}}}]',
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time',
    ],
    [
      'spec.containers[0].envFrom = [{}]',
      'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
    ],
    [
      'spec.containers[0].envFrom = [{"prefix":"=","configMapRef":{"name":"a"}}]',
      `spec.containers[0].envFrom[0].prefix: Invalid value: "=": a valid environment variable name must consist only of printable ASCII characters other than '='`,
    ],
    [
      'spec.containers[0].envFrom = [{"configMapRef":{"name":""}}]',
      'spec.containers[0].envFrom[0].configMapRef.name: Required value',
    ],
    [
      'spec.containers[0].envFrom = [{"configMapRef":{"name":"a"},"secretRef":{"name":"a"}}]',
      'spec.containers[0].envFrom: Invalid value: "": may not have more than one field specified at a time',
    ],
    [
      'spec.containers[0].volumeMounts = [{"name":"v","mountPath":"/a"}]',
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      'spec.containers[0].volumeDevices = [{"name":"v","devicePath":"/a"}]',
      'spec.containers[0].volumeDevices[0].name: Not found: "v"',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{}}]; spec.containers[0].volumeDevices = [{"name":"v","devicePath":"/a"}]',
      'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{}}]; spec.containers[0].volumeMounts = [{"name":"v","mountPath":"/a","mountPropagation":"Both"}]',
      'spec.containers[0].volumeMounts.mountPropagation: Unsupported value: "Both": supported values: "Bidirectional", "HostToContainer", "None"',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{}}]; spec.containers[0].volumeMounts = [{"name":"v","mountPath":"/a","subPath":"a","subPathExpr":"b"}]',
      'spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{}}]; spec.containers[0].volumeMounts = [{"name":"v","mountPath":"/a","recursiveReadOnly":"Enabled"}]',
      'spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{}}]; spec.containers[0].volumeMounts = [{"name":"v","mountPath":"/a","subPath":"/abs"}]',
      'spec.containers[0].volumeMounts.subPath: Invalid value: "/abs": must be a relative path',
    ],
    [
      'spec.containers[0].resources = {"limits":{"colour":"1"}}',
      'spec.containers[0].resources.limits[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.limits[colour]: Invalid value: "colour": must be a standard resource for containers',
      'spec.containers[0].resources.requests[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.requests[colour]: Invalid value: "colour": must be a standard resource for containers',
    ],
    [
      'spec.containers[0].resources = {"limits":{"cpu":"-1"}}',
      'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'spec.containers[0].resources = {"limits":{"example.com/gpu":"0.5"}}',
      'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}: must be an integer',
      'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}: must be an integer',
    ],
    [
      'spec.containers[0].resources = {"limits":{"hugepages-2Mi":"3Mi","cpu":"1"}}',
      'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
      'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
    ],
    [
      'spec.containers[0].resources = {"limits":{"hugepages-2Mi":"4Mi"}}',
      'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
    ],
    [
      'spec.containers[0].resources = {"limits":{"example.com/gpu":"2"},"requests":{"example.com/gpu":"1"}}',
      'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2',
    ],
    [
      'spec.containers[0].resources = {"limits":{"requests.example.com/x":"1"}}',
      `spec.containers[0].resources.limits[requests.example.com/x]: Invalid value: "requests.example.com/x": doesn't follow extended resource name standard`,
      `spec.containers[0].resources.requests[requests.example.com/x]: Invalid value: "requests.example.com/x": doesn't follow extended resource name standard`,
    ],
    [
      'spec.containers[0].resources = {"claims":[{"name":"gpu"}]}',
      'spec.containers[0].resources.claims[0]: Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty',
    ],
    [
      'spec.containers[0].resources = {"claims":[{"name":""}]}',
      'spec.containers[0].resources.claims[0]: Required value',
    ],
    [
      'spec.resourceClaims = [{"name":"a"}]',
      'spec.resourceClaims[0]: Invalid value: core.PodResourceClaim{Name:"a", ResourceClaimName:(*string)(nil), ResourceClaimTemplateName:(*string)(nil)}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
    ],
    [
      'spec.resourceClaims = [{"name":"a","resourceClaimName":"x","resourceClaimTemplateName":"y"}]',
      'spec.resourceClaims[0]: Invalid value: core.PodResourceClaim{Name:"a", ResourceClaimName:(*string)(0xc000a2e3c8), ResourceClaimTemplateName:(*string)(0xc000a2e3c8)}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
    ],
    [
      'spec.resourceClaims = [{"name":"a","resourceClaimName":"x"},{"name":"a","resourceClaimName":"x"}]',
      'spec.resourceClaims[1].name: Duplicate value: "a"',
    ],
    [
      'spec.containers[0].resizePolicy = [{"resourceName":"disk","restartPolicy":"Maybe"}]',
      'spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
      'spec.containers[0].resizePolicy: Unsupported value: "Maybe": supported values: "NotRequired", "RestartContainer"',
    ],
    [
      'spec.containers[0].restartPolicy = "Always"',
      'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers',
    ],
    [
      'spec.containers[0].livenessProbe = {}',
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    ['spec.containers[0].livenessProbe = {"exec":{}}', 'spec.containers[0].livenessProbe.exec.command: Required value'],
    [
      'spec.containers[0].livenessProbe = {"httpGet":{"port":0}}',
      'spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      'spec.containers[0].livenessProbe = {"httpGet":{"port":"Bad_"}}',
      'spec.containers[0].livenessProbe.httpGet.port: Invalid value: "Bad_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
    [
      'spec.containers[0].livenessProbe = {"httpGet":{"port":1,"scheme":"FTP"}}',
      'spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
    ],
    [
      'spec.containers[0].livenessProbe = {"httpGet":{"port":1,"httpHeaders":[{"name":"a b","value":""}]}}',
      `spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`,
    ],
    [
      'spec.containers[0].livenessProbe = {"tcpSocket":{"port":0}}',
      'spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      'spec.containers[0].livenessProbe = {"grpc":{"port":0}}',
      'spec.containers[0].livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      'spec.containers[0].livenessProbe = {"exec":{"command":["a"]},"periodSeconds":-1,"initialDelaySeconds":-1,"timeoutSeconds":-1,"failureThreshold":-1,"successThreshold":-1}',
      'spec.containers[0].livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.containers[0].livenessProbe.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: -1: must be greater than or equal to 0',
      'spec.containers[0].livenessProbe.failureThreshold: Invalid value: -1: must be greater than or equal to 0',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: -1: must be 1',
    ],
    [
      'spec.containers[0].readinessProbe = {"exec":{"command":["a"]},"terminationGracePeriodSeconds":5}',
      'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes',
    ],
    [
      'spec.containers[0].livenessProbe = {"exec":{"command":["a"]},"terminationGracePeriodSeconds":0}',
      'spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0',
    ],
    [
      'spec.containers[0].startupProbe = {"exec":{"command":["a"]},"successThreshold":2}',
      'spec.containers[0].startupProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      'spec.containers[0].lifecycle = {"preStop":{}}',
      'spec.containers[0].lifecycle.preStop: Required value: must specify a handler type',
    ],
    [
      'spec.containers[0].lifecycle = {"preStop":{"exec":{"command":["a"]},"sleep":{"seconds":1}}}',
      'spec.containers[0].lifecycle.preStop.sleep: Forbidden: may not specify more than 1 handler type',
    ],
    [
      'spec.containers[0].lifecycle = {"preStop":{"sleep":{"seconds":31}}}',
      'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be greater than 0 and less than terminationGracePeriodSeconds (30). Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.',
    ],
    [
      'spec.containers[0].securityContext = {"runAsUser":-1}',
      'spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
    [
      'spec.containers[0].securityContext = {"privileged":true,"allowPrivilegeEscalation":false}',
      'spec.containers[0].securityContext: Invalid value: core.SecurityContext{Capabilities:(*core.Capabilities)(nil), Privileged:(*bool)(0xc000a2e3c8), SELinuxOptions:(*core.SELinuxOptions)(nil), WindowsOptions:(*core.WindowsSecurityContextOptions)(nil), RunAsUser:(*int64)(nil), RunAsGroup:(*int64)(nil), RunAsNonRoot:(*bool)(nil), ReadOnlyRootFilesystem:(*bool)(nil), AllowPrivilegeEscalation:(*bool)(0xc000a2e3c8), ProcMount:(*string)(nil), SeccompProfile:(*core.SeccompProfile)(nil), AppArmorProfile:(*core.AppArmorProfile)(nil)}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ],
    [
      'spec.containers[0].securityContext = {"procMount":"Some"}',
      'spec.containers[0].securityContext.procMount: Unsupported value: "Some": supported values: "Default", "Unmasked"',
    ],
    [
      'spec.containers[0].securityContext = {"procMount":"Unmasked"}',
      'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
    ],
    [
      'spec.containers[0].securityContext = {"seccompProfile":{"type":"Localhost"}}',
      'spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ],
    [
      'spec.containers[0].securityContext = {"seccompProfile":{"type":"Unconfined","localhostProfile":"a"}}',
      'spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: core.SeccompProfile{Type:"Unconfined", LocalhostProfile:(*string)(0xc000a2e3c8)}: can only be set when seccomp type is Localhost',
    ],
    [
      'spec.containers[0].securityContext = {"appArmorProfile":{"type":"Mine"}}',
      'spec.containers[0].securityContext.appArmorProfile.type: Unsupported value: "Mine": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
    ],
    [
      'spec.containers[0].securityContext = {"windowsOptions":{"gmsaCredentialSpecName":"A B","runAsUserName":""}}',
      'spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpecName: Invalid value: "A B": {subdomain}',
      'spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "": runAsUserName cannot be an empty string',
    ],
  ]);
});
