/** Faults of services. */
import { service } from './service.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('services', () => {
  const body = { spec: { ports: [{ port: 80 }] } };
  testEdits(service, body, [
    ['metadata.name = "1a"', 'metadata.name: Invalid value: "1a": {1035 label}'],
    ['spec.ports = []', 'spec.ports: Required value'],
    [
      'spec.type = "Other"',
      'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      'spec.type = "NodePort"; spec.clusterIP = "None"',
      `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
    ],
    ['spec.type = "ExternalName"', 'spec.externalName: Required value'],
    [
      'spec.type = "ExternalName"; spec.externalName = "a_b"; spec.clusterIP = "1.2.3.4"; spec.ipFamilies = ["IPv4"]; spec.ipFamilyPolicy = "SingleStack"',
      'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
      'spec.ipFamilies: Forbidden: may not be set for ExternalName services',
      'spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services',
      'spec.externalName: Invalid value: "a_b": {subdomain}',
    ],
    [
      'spec.ports = [{"port":0}]',
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      'spec.ports = [{"port":1,"protocol":"HTTP","targetPort":"Bad_","appProtocol":"a b"}]',
      'spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
      'spec.ports[0].targetPort: Invalid value: "Bad_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.ports[0].appProtocol: Invalid value: "a b": {name part}',
    ],
    [
      'spec.ports = [{"port":1},{"port":2}]',
      'spec.ports[0].name: Required value',
      'spec.ports[1].name: Required value',
    ],
    ['spec.ports = [{"name":"a","port":1},{"name":"a","port":2}]', 'spec.ports[1].name: Duplicate value: "a"'],
    [
      'spec.ports = [{"name":"a","port":1},{"name":"b","port":1}]',
      'spec.ports[1]: Duplicate value: core.ServicePort{Name:"", Protocol:"TCP", AppProtocol:(*string)(nil), Port:1, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}',
    ],
    [
      'spec.ports = [{"port":1,"nodePort":30000}]',
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      'spec.type = "NodePort"; spec.ports = [{"name":"a","port":1,"nodePort":30000},{"name":"b","port":2,"nodePort":30000}]',
      'spec.ports[1].nodePort: Duplicate value: 30000',
    ],
    ['spec.selector = {"a b":"c"}', 'spec.selector: Invalid value: "a b": {name part}'],
    [
      'spec.sessionAffinity = "Cookie"',
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ],
    [
      'spec.sessionAffinity = "ClientIP"; spec.sessionAffinityConfig = {"clientIP":{"timeoutSeconds":86401}}',
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
    ],
    ['spec.clusterIP = "x"', 'spec.clusterIPs[0]: Invalid value: "x": {ip}'],
    [
      'spec.clusterIP = "1.2.3.4"; spec.clusterIPs = ["1.2.3.5"]',
      'spec.clusterIPs: Invalid value: []string{"1.2.3.5"}: first value must match `clusterIP`',
    ],
    [
      'spec.clusterIPs = ["1.2.3.5"]',
      'spec.clusterIPs: Invalid value: []string{"1.2.3.5"}: must be empty when `clusterIP` is not specified',
    ],
    [
      'spec.clusterIP = "None"; spec.clusterIPs = ["None","1.2.3.4"]',
      `spec.clusterIPs: Invalid value: []string{"None", "1.2.3.4"}: 'None' must be the first and only value`,
    ],
    [
      'spec.clusterIP = "1.2.3.4"; spec.clusterIPs = ["1.2.3.4","1.2.3.5"]',
      'spec.clusterIPs: Invalid value: []string{"1.2.3.4", "1.2.3.5"}: may specify no more than one IP for each IP family',
    ],
    [
      'spec.clusterIP = "1.2.3.4"; spec.ipFamilies = ["IPv6"]',
      'spec.clusterIPs[0]: Invalid value: "1.2.3.4": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ],
    [
      'spec.ipFamilies = ["IPv4","IPv4","IPv5"]',
      'spec.ipFamilies[1]: Duplicate value: "IPv4"',
      'spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
    ],
    [
      'spec.ipFamilyPolicy = "Both"',
      'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
    ],
    [
      'spec.externalIPs = ["x","127.0.0.1","0.0.0.0","169.254.1.1","224.0.0.1"]',
      'spec.externalIPs[0]: Invalid value: "x": {ip}',
      'spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'spec.externalIPs[2]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
      'spec.externalIPs[3]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
      'spec.externalIPs[4]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    ],
    [
      'spec.loadBalancerSourceRanges = ["1.2.3.4/33"]',
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "1.2.3.4/33": {cidr}',
    ],
    [
      'metadata.annotations = {"service.beta.kubernetes.io/load-balancer-source-ranges":"x"}',
      "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is 'LoadBalancer'",
      'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": {cidr}',
    ],
    [
      'metadata.annotations = {"service.kubernetes.io/topology-mode":"Auto","service.kubernetes.io/topology-aware-hints":"Disabled"}',
      'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
    ],
    [
      'spec.allocateLoadBalancerNodePorts = true; spec.loadBalancerClass = "a"',
      "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
      "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      'spec.type = "LoadBalancer"; spec.loadBalancerClass = "a b"',
      'spec.loadBalancerClass: Invalid value: "a b": {name part}',
    ],
    [
      'spec.externalTrafficPolicy = "Local"',
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      'spec.type = "NodePort"; spec.externalTrafficPolicy = "Near"',
      'spec.externalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"',
    ],
    [
      'spec.healthCheckNodePort = 30000',
      "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
    [
      'spec.internalTrafficPolicy = "Near"',
      'spec.internalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"',
    ],
    [
      'spec.trafficDistribution = "Far"',
      'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose"',
    ],
  ]);
});

suite('services that balance', () => {
  const body = {
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: 'a',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 30001,
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1', 'fd00::1'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
      ports: [{ port: 80 }],
    },
  };
  suite('updates', () =>
    testUpdates(service, body, [
      ['spec.loadBalancerClass = "b"', 'spec.loadBalancerClass: Invalid value: "b": may not change once set'],
      ['spec.healthCheckNodePort = 30002', 'spec.healthCheckNodePort: Forbidden: field is immutable'],
      [
        'spec.clusterIP = "10.0.0.2"; spec.clusterIPs = ["10.0.0.2","fd00::1"]',
        'spec.clusterIPs[0]: Invalid value: []string{"10.0.0.2", "fd00::1"}: may not change once set',
      ],
      [
        'spec.clusterIPs = ["10.0.0.1"]; spec.ipFamilies = ["IPv4"]',
        `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be set to 'SingleStack' when releasing the secondary clusterIP`,
        `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be set to 'SingleStack' when releasing the secondary ipFamily`,
      ],
      [
        'spec.clusterIP; spec.clusterIPs = []',
        'spec.clusterIPs[0]: Invalid value: []string{}: primary clusterIP can not be unset',
      ],
      [
        'spec.ipFamilies = ["IPv6","IPv4"]; spec.clusterIP = "fd00::1"; spec.clusterIPs = ["fd00::1","10.0.0.1"]',
        'spec.clusterIPs[0]: Invalid value: []string{"fd00::1", "10.0.0.1"}: may not change once set',
        'spec.clusterIPs[1]: Invalid value: []string{"fd00::1", "10.0.0.1"}: may not change once set',
        'spec.ipFamilies[0]: Invalid value: []core.IPFamily{"IPv6", "IPv4"}: may not change once set',
        'spec.ipFamilies[0]: Invalid value: []core.IPFamily{"IPv6", "IPv4"}: may not change once set',
      ],
    ]),
  );
});
