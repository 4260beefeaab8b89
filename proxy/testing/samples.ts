/** Services and slices for tests and benches. */
import type { Service, ServiceSpec } from '#lib/kinds/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';

const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

/** A Service with port 80 named http over TCP, unless the spec says otherwise. */
export function sampleService(name: string, spec: Partial<ServiceSpec>): Service {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' as const }];
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(name), spec: { type: 'ClusterIP', ports, ...spec } };
}

export interface SliceSample {
  ports?: EndpointSlice['ports'];
  endpoints: (Partial<Endpoint> & { address: string })[];
}

/** A slice of a Service whose endpoints are ready, on port 8080 named http unless told otherwise. */
export function sampleSlice(service: string, { ports, endpoints }: SliceSample): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata(`${service}-1`), labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: ports ?? [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map(({ address, ...rest }) => ({
      addresses: [address],
      conditions: { ready: true },
      ...rest,
    })),
  };
}
