/** What is counted about device plug-ins and their readers, under a kubelet's names. */
import { makeRegistry } from '#lib/metrics/registry.ts';
import type { Registry } from '#lib/metrics/registry.ts';

export interface DeviceMeter extends Pick<Registry, 'render'> {
  registered(resource: string): void;
  allocated(resource: string, ms: number): void;
  /** A call of the pod resources API, and whether it failed. */
  asked(call: 'list' | 'get' | 'get_allocatable', failed: boolean): void;
}

/** Prometheus' own bounds. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const version = 'v1';

export function makeDeviceMeter(): DeviceMeter {
  const registry = makeRegistry();
  const registrations = registry.counter(
    'kubelet_device_plugin_registration_total',
    '[ALPHA] Cumulative number of device plugin registrations. Broken down by resource name.',
    ['resource_name'],
  );
  const allocations = registry.histogram(
    'kubelet_device_plugin_alloc_duration_seconds',
    '[ALPHA] Duration in seconds to serve a device plugin Allocation request. Broken down by resource name.',
    ['resource_name'],
    seconds,
  );
  const labels = ['server_api_version'];
  const requests = registry.counter(
    'kubelet_pod_resources_endpoint_requests_total',
    '[ALPHA] Cumulative number of requests to the PodResource endpoint. Broken down by server api version.',
    labels,
  );
  const family = (what: 'requests' | 'errors', call: string, endpoint: string) =>
    registry.counter(
      `kubelet_pod_resources_endpoint_${what}_${call}`,
      `[ALPHA] Number of requests to the PodResource ${endpoint} endpoint${what === 'errors' ? ' which returned error' : ''}. Broken down by server api version.`,
      labels,
    );
  const of = (call: string, endpoint: string) => ({
    requests: family('requests', call, endpoint),
    errors: family('errors', call, endpoint),
  });
  const calls = {
    list: of('list', 'List'),
    get: of('get', 'Get'),
    get_allocatable: of('get_allocatable', 'GetAllocatableResources'),
  };
  return {
    registered: (resource) => registrations.with(resource).add(),
    allocated: (resource, ms) => allocations.with(resource).observe(ms / 1000),
    asked(call, failed) {
      requests.with(version).add();
      calls[call].requests.with(version).add();
      if (failed) calls[call].errors.with(version).add();
    },
    render: () => registry.render(),
  };
}
