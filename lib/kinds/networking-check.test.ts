/** Faults of what leads traffic to pods. */
import { ingress } from './ingress.ts';
import { ingressClass } from './ingress-class.ts';
import { networkPolicy } from './network-policy.ts';
import { endpoints } from './endpoints.ts';
import { endpointSlice } from './endpoint-slice.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('ingresses', () => {
  const body = {
    spec: {
      rules: [
        {
          host: 'a.b',
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }],
          },
        },
      ],
    },
  };
  testEdits(ingress, body, [
    [
      'spec.rules',
      'spec: Invalid value: []networking.IngressRule(nil): either `defaultBackend` or `rules` must be specified',
    ],
    ['spec.ingressClassName = "A"', 'spec.ingressClassName: Invalid value: "A": {subdomain}'],
    [
      'metadata.annotations = {"kubernetes.io/ingress.class":"a"}; spec.ingressClassName = "b"',
      'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
    ],
    [
      'spec.rules[0].host = "1.2.3.4"',
      'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ],
    ['spec.rules[0].host = "A"', 'spec.rules[0].host: Invalid value: "A": {subdomain}'],
    [
      'spec.rules[0].host = "a.*"',
      `spec.rules[0].host: Invalid value: "a.*": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
    ['spec.rules[0].http.paths = []', 'spec.rules[0].http.paths: Required value'],
    [
      'spec.rules[0].http.paths[0].pathType',
      'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
    ],
    [
      'spec.rules[0].http.paths[0].pathType = "Regex"',
      'spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    ],
    [
      'spec.rules[0].http.paths[0].path = "a"',
      'spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path',
    ],
    [
      'spec.rules[0].http.paths[0].path = "//a/./%2f/.."',
      `spec.rules[0].http.paths[0].path: Invalid value: "//a/./%2f/..": must not contain '//'`,
      `spec.rules[0].http.paths[0].path: Invalid value: "//a/./%2f/..": must not contain '/./'`,
      `spec.rules[0].http.paths[0].path: Invalid value: "//a/./%2f/..": must not contain '%2f'`,
      `spec.rules[0].http.paths[0].path: Invalid value: "//a/./%2f/..": cannot end with '/..'`,
    ],
    [
      'spec.rules[0].http.paths[0].pathType = "ImplementationSpecific"; spec.rules[0].http.paths[0].path = "a"',
      'spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path',
    ],
    [
      'spec.rules[0].http.paths[0].backend = {}',
      'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
    ],
    [
      'spec.rules[0].http.paths[0].backend = {"service":{"name":"","port":{}}}',
      'spec.rules[0].http.paths[0].backend.service.name: Required value',
      'spec.rules[0].http.paths[0].backend: Required value: port name or number is required',
    ],
    [
      'spec.rules[0].http.paths[0].backend = {"service":{"name":"1a","port":{"number":1,"name":"a"}}}',
      'spec.rules[0].http.paths[0].backend.service.name: Invalid value: "1a": {1035 label}',
      'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number',
    ],
    [
      'spec.rules[0].http.paths[0].backend = {"service":{"name":"a","port":{"number":70000}}}',
      'spec.rules[0].http.paths[0].backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'spec.rules[0].http.paths[0].backend = {"service":{"name":"a","port":{"name":"A"}}}',
      'spec.rules[0].http.paths[0].backend.service.port.name: Invalid value: "A": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.rules[0].http.paths[0].backend.service.port.name: Invalid value: "A": must contain at least one letter (a-z)',
    ],
    [
      'spec.rules[0].http.paths[0].backend = {"service":{"name":"a"},"resource":{"kind":"a","name":"b"}}',
      'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both resource and service backends',
    ],
    [
      'spec.defaultBackend = {"resource":{"apiGroup":"A","kind":"","name":"a/b"}}',
      'spec.defaultBackend.resource.apiGroup: Invalid value: "A": {subdomain}',
      'spec.defaultBackend.resource.kind: Required value',
      `spec.defaultBackend.resource.name: Invalid value: "a/b": may not contain '/'`,
    ],
    [
      'spec.tls = [{"hosts":["A","*"],"secretName":"A"}]',
      'spec.tls[0].hosts[0]: Invalid value: "A": {subdomain}',
      `spec.tls[0].hosts[1]: Invalid value: "*": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.tls[0].secretName: Invalid value: "A": {subdomain}',
    ],
  ]);
});

suite('ingress classes', () => {
  const body = { spec: { controller: 'example.com/c' } };
  testEdits(ingressClass, body, [
    ['spec.controller', 'spec.controller: Required value'],
    [
      'spec.controller = "plain"',
      'spec.controller: Invalid value: "plain": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      'spec.parameters = {"kind":"","name":""}',
      'spec.parameters.kind: Required value',
      'spec.parameters.name: Required value',
    ],
    [
      'spec.parameters = {"kind":"K","name":"n","scope":"Some"}',
      'spec.parameters.scope: Unsupported value: "Some": supported values: "Cluster", "Namespace"',
    ],
    [
      'spec.parameters = {"kind":"K","name":"n","scope":"Namespace"}',
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
    [
      'spec.parameters = {"kind":"K","name":"n","scope":"Cluster","namespace":"a"}',
      "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
    ],
  ]);
  suite('updates', () =>
    testUpdates(ingressClass, body, [
      ['spec.controller = "example.com/d"', 'spec.controller: Invalid value: "example.com/d": field is immutable'],
    ]),
  );
});

suite('network policies', () => {
  const body = { spec: { podSelector: {} } };
  testEdits(networkPolicy, body, [
    [
      'spec.podSelector = {"matchLabels":{"a":"b c"}}',
      'spec.podSelector.matchLabels: Invalid value: "b c": {label value}',
    ],
    [
      'spec.policyTypes = ["Ingress","Egress","Ingress"]',
      'spec.policyTypes: Invalid value: []networking.PolicyType{"Ingress", "Egress", "Ingress"}: may not specify more than two policyTypes',
    ],
    [
      'spec.policyTypes = ["Sideways"]',
      'spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"',
    ],
    [
      'spec.ingress = [{"ports":[{"protocol":"HTTP","port":0}],"from":[{}]}]',
      'spec.ingress[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "TCP", "UDP", "SCTP"',
      'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ingress[0].from[0]: Required value: must specify a peer',
    ],
    [
      'spec.ingress = [{"ports":[{"port":5,"endPort":4},{"port":"a","endPort":4},{"endPort":4},{"port":"A"}]}]',
      'spec.ingress[0].ports[0].endPort: Invalid value: 4: must be greater than or equal to `port`',
      'spec.ingress[0].ports[1].endPort: Invalid value: 4: may not be specified when `port` is non-numeric',
      'spec.ingress[0].ports[2].endPort: Invalid value: 4: may not be specified when `port` is not specified',
      'spec.ingress[0].ports[3].port: Invalid value: "A": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.ingress[0].ports[3].port: Invalid value: "A": must contain at least one letter (a-z)',
    ],
    [
      'spec.egress = [{"to":[{"podSelector":{},"ipBlock":{"cidr":""}}]}]',
      'spec.egress[0].to[0].ipBlock.cidr: Required value',
      'spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer',
    ],
    [
      'spec.egress = [{"to":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["x","11.0.0.0/16","10.0.0.0/8"]}}]}]',
      'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "x": {cidr}',
      'spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
      'spec.egress[0].to[0].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
    ],
  ]);
});

suite('endpoints', () => {
  const body = { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] };
  testEdits(endpoints, body, [
    ['subsets[0].addresses', 'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
    [
      'subsets[0].addresses = [{"ip":"x","hostname":"A","nodeName":"A"}]',
      'subsets[0].addresses[0].ip: Invalid value: "x": {ip}',
      'subsets[0].addresses[0].hostname: Invalid value: "A": {label}',
      'subsets[0].addresses[0].nodeName: Invalid value: "A": {subdomain}',
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
    ],
    [
      'subsets[0].addresses = [{"ip":"127.0.0.1"}]',
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      'subsets[0].ports = [{"port":0,"protocol":"A","appProtocol":"a b"},{"port":1}]',
      'subsets[0].ports[0].name: Required value',
      'subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'subsets[0].ports[0].protocol: Unsupported value: "A": supported values: "SCTP", "TCP", "UDP"',
      'subsets[0].ports[0].appProtocol: Invalid value: "a b": {name part}',
      'subsets[0].ports[1].name: Required value',
    ],
  ]);
});

suite('endpoint slices', () => {
  const body = { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] };
  testEdits(endpointSlice, body, [
    ['addressType = ""', 'addressType: Required value'],
    ['addressType = "IPX"', 'addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"'],
    ['endpoints = [{"addresses":[]}]', 'endpoints[0].addresses: Required value: must contain at least 1 address'],
    [
      'endpoints = [{"addresses":["fd00::1","x","127.0.0.1"],"hostname":"A","nodeName":"A"}]',
      'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address',
      'endpoints[0].addresses[1]: Invalid value: "x": must be a valid IPv4 address',
      'endpoints[0].addresses[1]: Invalid value: "x": must be a valid IP address',
      'endpoints[0].addresses[2]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'endpoints[0].nodeName: Invalid value: "A": {subdomain}',
      'endpoints[0].hostname: Invalid value: "A": {label}',
    ],
    [
      'addressType = "FQDN"; endpoints = [{"addresses":["a","A.b"]}]',
      'endpoints[0].addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots',
      'endpoints[0].addresses[1]: Invalid value: "A.b": {subdomain}',
    ],
    [
      'endpoints = [{"addresses":["10.0.0.1"],"hints":{"forZones":[{"name":"a b"},{"name":"c"},{"name":"c"}]},"deprecatedTopology":{"a":"b c"}}]',
      'endpoints[0].deprecatedTopology: Invalid value: "b c": {label value}',
      'endpoints[0].hints.forZones[0].name: Invalid value: "a b": {label value}',
      'endpoints[0].hints.forZones[2].name: Duplicate value: "c"',
    ],
    [
      'ports = [{"name":"A","protocol":"B","appProtocol":"a b"},{"name":"x"},{"name":"x"}]',
      'ports[0].name: Invalid value: "A": {label}',
      'ports[0].protocol: Unsupported value: "B": supported values: "SCTP", "TCP", "UDP"',
      'ports[0].appProtocol: Invalid value: "a b": {name part}',
      'ports[2].name: Duplicate value: "x"',
    ],
  ]);
  suite('updates', () =>
    testUpdates(endpointSlice, body, [
      ['addressType = "IPv6"; endpoints = []', 'addressType: Invalid value: "IPv6": field is immutable'],
    ]),
  );
});
