/** The pod's /etc/resolv.conf and /etc/hosts (upstream's `pkg/kubelet/network/dns` and `kubelet_pods.go`). */
import type { Pod, PodDNSConfigOption } from '#lib/kinds/gen/core-v1.ts';

export interface DnsSettings {
  nameservers: string[];
  searches: string[];
  options: PodDNSConfigOption[];
}

const mostNameservers = 3;
const mostSearches = 32;
const mostSearchCharacters = 2048;

/** The settings a resolv.conf holds. */
export function parseResolvConf(text: string): DnsSettings {
  const settings: DnsSettings = { nameservers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0]) settings.nameservers.push(rest[0]);
    else if (word === 'search')
      settings.searches = rest.map((domain) => (domain === '.' ? domain : domain.replace(/\.$/, '')));
    else if (word === 'options') {
      settings.options = rest.map((option) => {
        const colon = option.indexOf(':');
        return colon < 0 ? { name: option } : { name: option.slice(0, colon), value: option.slice(colon + 1) };
      });
    }
  }
  return settings;
}

/** The pod's resolv.conf by its dnsPolicy and dnsConfig. */
export function resolvConf(pod: Pod, cluster: { dns: string; domain: string }, host: DnsSettings): string {
  return format(withinLimits(withConfig(byPolicy(pod, cluster, host), pod)).settings);
}

/** What a pod asks for that its resolv.conf cannot hold, in upstream's sentences for the DNSConfigForming event. */
export function dnsFaults(pod: Pod, cluster: { dns: string; domain: string }, host: DnsSettings): string[] {
  return withinLimits(withConfig(byPolicy(pod, cluster, host), pod)).faults;
}

/** Resolvers read no more than so many servers and domains. */
function withinLimits(settings: DnsSettings): { settings: DnsSettings; faults: string[] } {
  const nameservers = settings.nameservers.slice(0, mostNameservers);
  let searches = settings.searches.slice(0, mostSearches);
  while (searches.join(' ').length > mostSearchCharacters) searches = searches.slice(0, -1);
  const faults: string[] = [];
  if (nameservers.length < settings.nameservers.length) {
    faults.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.join(' ')}`,
    );
  }
  if (searches.length < settings.searches.length) {
    faults.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`,
    );
  }
  return { settings: { ...settings, nameservers, searches }, faults };
}

function byPolicy(pod: Pod, { dns, domain }: { dns: string; domain: string }, host: DnsSettings): DnsSettings {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  const usesHost = policy === 'Default' || (policy === 'ClusterFirst' && pod.spec.hostNetwork === true);
  if (usesHost || dns === '') return host;
  const own = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return { nameservers: [dns], searches: unique([...own, ...host.searches]), options: [{ name: 'ndots', value: '5' }] };
}

function withConfig(base: DnsSettings, { spec: { dnsConfig } }: Pod): DnsSettings {
  if (!dnsConfig) return base;
  const options = new Map([...base.options, ...(dnsConfig.options ?? [])].map((option) => [option.name, option]));
  return {
    nameservers: unique([...base.nameservers, ...(dnsConfig.nameservers ?? [])]),
    searches: unique([...base.searches, ...(dnsConfig.searches ?? [])]),
    options: [...options.values()],
  };
}

function format({ nameservers, searches, options }: DnsSettings): string {
  const lines: string[] = [];
  if (searches.length > 0) lines.push(`search ${searches.join(' ')}`);
  for (const server of nameservers) lines.push(`nameserver ${server}`);
  if (options.length > 0) {
    const texts = options.map(({ name, value }) => (value === undefined || value === '' ? name : `${name}:${value}`));
    lines.push(`options ${texts.join(' ')}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** The pod's hosts file, without the line of its own address, which the runtime adds. */
export function hostsFile(pod: Pod): string {
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ];
  return [...lines, ...aliasesOf(pod)].map((line) => `${line}\n`).join('');
}

/** The hosts file of a pod on the node's network: the node's own, and the pod's aliases. */
export function hostNetworkHostsFile(pod: Pod, ofNode: string): string {
  const aliases = aliasesOf(pod).map((line) => `${line}\n`);
  return ['# Kubernetes-managed hosts file (host network).\n', ofNode, ...aliases].join('');
}

function aliasesOf({ spec: { hostAliases = [] } }: Pod): string[] {
  if (hostAliases.length === 0) return [];
  const lines = hostAliases.map(({ ip, hostnames = [] }) => [ip, ...hostnames].join('\t'));
  return ['', '# Entries added by HostAliases.', ...lines];
}

function unique(list: string[]): string[] {
  return [...new Set(list)];
}
