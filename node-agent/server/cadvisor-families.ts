/** The metrics of `/metrics/cadvisor`: types and meanings. */

const pressure = (resource: string, who: string) =>
  ['counter', `Total time for which ${who} of the container waited for ${resource}, in seconds`] as const;

export const cadvisorFamilies = {
  container_cpu_usage_seconds_total: ['counter', 'Cumulative processor time used, in seconds'],
  container_cpu_cfs_periods_total: ['counter', 'Periods in which the quota of processor time counted'],
  container_cpu_cfs_throttled_periods_total: ['counter', 'Periods in which the quota of processor time was used up'],
  container_cpu_cfs_throttled_seconds_total: ['counter', 'Time for which the container had to wait for its next quota'],
  container_fs_limit_bytes: ['gauge', 'Bytes the file system has in all'],
  container_fs_usage_bytes: ['gauge', 'Bytes of the file system that the container uses'],
  container_last_seen: ['gauge', 'When the container was last seen, in seconds since the epoch'],
  container_memory_cache: ['gauge', 'Bytes of files kept in memory'],
  container_memory_failures_total: ['counter', 'Page faults'],
  container_memory_rss: ['gauge', 'Bytes of anonymous memory'],
  container_memory_swap: ['gauge', 'Bytes of memory that are swapped out'],
  container_memory_usage_bytes: ['gauge', 'Bytes of memory in use, with what could be freed'],
  container_memory_working_set_bytes: ['gauge', 'Bytes of memory in use that could not be freed at once'],
  container_network_receive_bytes_total: ['counter', 'Bytes received'],
  container_network_receive_errors_total: ['counter', 'Errors while receiving'],
  container_network_receive_packets_dropped_total: ['counter', 'Packets dropped while receiving'],
  container_network_receive_packets_total: ['counter', 'Packets received'],
  container_network_transmit_bytes_total: ['counter', 'Bytes sent'],
  container_network_transmit_errors_total: ['counter', 'Errors while sending'],
  container_network_transmit_packets_dropped_total: ['counter', 'Packets dropped while sending'],
  container_network_transmit_packets_total: ['counter', 'Packets sent'],
  container_pressure_cpu_stalled_seconds_total: pressure('the processor', 'all processes'),
  container_pressure_cpu_waiting_seconds_total: pressure('the processor', 'some process'),
  container_pressure_io_stalled_seconds_total: pressure('input and output', 'all processes'),
  container_pressure_io_waiting_seconds_total: pressure('input and output', 'some process'),
  container_pressure_memory_stalled_seconds_total: pressure('memory', 'all processes'),
  container_pressure_memory_waiting_seconds_total: pressure('memory', 'some process'),
  container_processes: ['gauge', 'Processes, or threads, in the container'],
  container_scrape_error: ['gauge', '1 if there was an error while reading what containers use, 0 otherwise'],
  container_spec_memory_limit_bytes: ['gauge', 'Limit of memory; 0 for none'],
  container_start_time_seconds: ['gauge', 'When the container was started, in seconds since the epoch'],
  machine_cpu_cores: ['gauge', 'Logical processors'],
  machine_memory_bytes: ['gauge', 'Memory of the machine'],
  machine_swap_bytes: ['gauge', 'Swap space of the machine'],
} as const satisfies Record<string, readonly ['counter' | 'gauge', string]>;

export type CadvisorName = keyof typeof cadvisorFamilies;
