import assert from 'node:assert/strict';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Mount } from '../runtime/types.ts';
import { containerSpec } from './container-spec.ts';
import type { ContainerInputs } from './container-spec.ts';
import { dnsFaults, hostNetworkHostsFile, hostsFile, parseResolvConf, resolvConf } from './dns.ts';
import { makeContainer, makePod } from './pods.fixture.ts';
import { oomScoreAdjOf } from './oom-score.ts';
import { containerResources, ioResources, podResources } from './resources.ts';
import { sandboxSpec } from './sandbox-spec.ts';
import type { AnyContainer } from './types.ts';

const host = parseResolvConf('search lan.example\nnameserver 192.0.2.1\noptions timeout:2 rotate\n');
const facts = {
  nodeName: 'n1',
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  hostDns: host,
  hostHosts: '',
};
const image = {
  name: 'app:1',
  id: 'sha256:app',
  layers: [],
  config: {
    entrypoint: ['/entry'],
    cmd: ['serve'],
    env: ['PATH=/bin', 'A=image'],
    workingDir: '/srv',
    user: 'nobody',
    stopSignal: '',
    labels: {},
    volumes: [],
  },
};

function render(spec: AnyContainer, pod = makePod()) {
  return containerSpec(inputsOf(spec, pod));
}

function inputsOf(spec: AnyContainer, pod: Pod): ContainerInputs {
  return {
    pod,
    spec,
    attempt: 0,
    image,
    env: new Map([['A', 'pod']]),
    mounts: [],
    logPath: '/l',
    memoryRules: { memoryBytes: 2 ** 32 },
    seccompDir: '/s',
  };
}

suite('node-agent/lifecycle specs', () => {
  test('resolvConf() follows the DNS policy and adds the pod config', () => {
    const text = (spec: object) =>
      resolvConf(makePod(spec), { dns: facts.clusterDns, domain: facts.clusterDomain }, host);
    assert.equal(
      text({}),
      'search default.svc.cluster.local svc.cluster.local cluster.local lan.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    const own = 'search lan.example\nnameserver 192.0.2.1\noptions timeout:2 rotate\n';
    assert.equal(text({ dnsPolicy: 'Default' }), own);
    assert.equal(text({ hostNetwork: true }), own);
    const dnsConfig = { nameservers: ['192.0.2.9'], searches: ['a.example'], options: [{ name: 'ndots', value: '2' }] };
    assert.equal(text({ dnsPolicy: 'None', dnsConfig }), 'search a.example\nnameserver 192.0.2.9\noptions ndots:2\n');
    assert.match(text({ dnsConfig }), /options ndots:2\n$/);
  });

  test('resolvConf() holds what resolvers can read, and dnsFaults() tells of the rest', () => {
    const cluster = { dns: facts.clusterDns, domain: facts.clusterDomain };
    const long = (i: number) => `${String(i).padStart(3, '0')}${'x'.repeat(97)}`;
    const pod = makePod({
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
        searches: Array.from({ length: 30 }, (_, i) => long(i)),
      },
    });
    const kept = Array.from({ length: 20 }, (_, i) => long(i)).join(' ');
    assert.equal(
      resolvConf(pod, cluster, host),
      `search ${kept}\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n`,
    );
    assert.deepEqual(dnsFaults(pod, cluster, host), [
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 192.0.2.1 192.0.2.2 192.0.2.3',
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept}`,
    ]);
    assert.deepEqual(dnsFaults(makePod(), cluster, host), []);
  });

  test('hostsFile() ends with the aliases', () => {
    const text = hostsFile(makePod({ hostAliases: [{ ip: '192.0.2.5', hostnames: ['foo', 'bar'] }] }));
    assert.match(text, /^# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n/);
    assert.match(text, /\n\n# Entries added by HostAliases.\n192.0.2.5\tfoo\tbar\n$/);
  });

  test('hostNetworkHostsFile() adds the aliases to the node’s own file', () => {
    const pod = makePod({ hostAliases: [{ ip: '192.0.2.5', hostnames: ['foo'] }] });
    assert.equal(
      hostNetworkHostsFile(pod, '127.0.0.1 localhost\n'),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\n# Entries added by HostAliases.\n192.0.2.5\tfoo\n',
    );
  });

  test('sandboxSpec() names the pod by hostname and subdomain', () => {
    const spec = sandboxSpec(makePod({ hostname: 'h', subdomain: 'sub', setHostnameAsFQDN: true }), facts);
    assert.equal(spec.hostname, 'h.sub.default.svc.cluster.local');
    assert.equal(spec.domainname, 'sub.default.svc.cluster.local');
    assert.equal(sandboxSpec(makePod({ hostNetwork: true }), facts).hostname, 'n1');
    assert.equal(sandboxSpec(makePod({ hostname: `${'h'.repeat(62)}-x` }), facts).hostname, 'h'.repeat(62));
  });

  test('sandboxSpec() bounds the processes of a pod where the node is told so', () => {
    assert.equal(sandboxSpec(makePod(), { ...facts, podPidsLimit: 9 }).resources.pidsLimit, 9);
    assert.equal(sandboxSpec(makePod(), facts).resources.pidsLimit, undefined);
  });

  test('sandboxSpec() refuses a full name that is longer than the kernel takes', () => {
    const full = (hostname: string) =>
      sandboxSpec(makePod({ hostname, subdomain: 'sub', setHostnameAsFQDN: true }), facts).hostname;
    assert.equal(full('h'.repeat(34)).length, 64);
    assert.throws(() => full('h'.repeat(35)), {
      message:
        /^failed to construct FQDN from pod hostname and cluster domain, FQDN h+\.sub\.default\.svc\.cluster\.local is too long \(64 characters is the max, 65 characters requested\)$/,
    });
  });

  test('containerSpec() merges command, environment and user with those of the image', () => {
    const args = (more: object) => render(makeContainer('app', more)).args;
    assert.deepEqual(args({}), ['/entry', 'serve']);
    assert.deepEqual(args({ args: ['$(A)'] }), ['/entry', 'pod']);
    assert.deepEqual(args({ command: ['run'] }), ['run']);
    assert.deepEqual(args({ command: ['run'], args: ['x'] }), ['run', 'x']);
    const spec = render(makeContainer('app'), makePod({ securityContext: { fsGroup: 7, supplementalGroups: [5] } }));
    assert.deepEqual(spec.env, ['PATH=/bin', 'A=pod']);
    assert.deepEqual([spec.user, spec.workingDir, spec.supplementalGroups], ['nobody', '/srv', [5, 7]]);
    const strict = makePod({ securityContext: { supplementalGroupsPolicy: 'Strict' } });
    assert.deepEqual([spec.strictGroups, render(makeContainer('app'), strict).strictGroups], [undefined, true]);
  });

  test('containerSpec() lets CDI devices count more than all else', () => {
    const mount = (source: string, target: string): Mount => ({
      source,
      target,
      readOnly: true,
      propagation: 'private',
    });
    const ofPlugin = { source: '/dev/a', target: '/dev/a', access: 'r' };
    const spec = containerSpec({
      ...inputsOf(makeContainer('app'), makePod({ securityContext: { fsGroup: 5 } })),
      mounts: [mount('/volume', '/m'), mount('/volume', '/v')],
      devices: {
        env: new Map([
          ['A', 'plugin'],
          ['B', 'plugin'],
        ]),
        mounts: [{ source: '/plugin', target: '/m/', readOnly: true }],
        devices: [ofPlugin, { ...ofPlugin, target: '/dev/b' }],
        annotations: {},
        cdi: {
          env: new Map([['A', 'cdi']]),
          mounts: [mount('/cdi', '/m')],
          devices: [{ ...ofPlugin, access: 'rw', as: {} }],
          hooks: { poststop: [{ path: '/p' }] },
          groups: [44],
        },
      },
    });
    assert.deepEqual(spec.env, ['PATH=/bin', 'A=cdi', 'B=plugin']);
    assert.deepEqual(
      spec.mounts.map(({ source, target }) => `${source} ${target}`),
      ['/volume /v', '/cdi /m'],
    );
    assert.deepEqual(
      spec.devices?.map(({ target, access }) => `${target} ${access}`),
      ['/dev/b r', '/dev/a rw'],
    );
    assert.deepEqual([spec.hooks, spec.supplementalGroups], [{ poststop: [{ path: '/p' }] }, [5, 44]]);
  });

  test('containerSpec() refuses root where it must not be', () => {
    const spec = makeContainer('app', { securityContext: { runAsNonRoot: true } });
    assert.throws(() => render(spec), /image has non-numeric user \(nobody\)/);
    assert.throws(
      () => render(makeContainer('app', { securityContext: { runAsNonRoot: true, runAsUser: 0 } })),
      /breaks non-root policy/,
    );
    assert.equal(render(makeContainer('app', { securityContext: { runAsNonRoot: true, runAsUser: 10 } })).user, '10');
  });

  test('containerResources() and podResources() compute what the kubelet computes', () => {
    assert.deepEqual(containerResources(undefined), { cpuShares: 2 });
    assert.deepEqual(containerResources({ limits: { cpu: '500m', memory: '64Mi' } }), {
      cpuShares: 512,
      cpuQuota: 50_000,
      cpuPeriod: 100_000,
      memoryLimitBytes: 64 * 1024 * 1024,
      memoryLowBytes: 64 * 1024 * 1024,
    });
    assert.equal(containerResources({ limits: { cpu: '1m' } }).cpuQuota, 1000);
    const limited = makeContainer('app', {
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } },
    });
    const pod = makePod({ containers: [limited, makeContainer('free', { resources: { requests: { cpu: '500m' } } })] });
    assert.deepEqual(podResources(pod), { cpuShares: 1536, cpuMillis: 1500, memoryLowBytes: 2 ** 30 });
  });

  test('podResources() gives the pod what its wall takes beside its containers, and limits only what is limited', () => {
    const overhead = { cpu: '250m', memory: '64Mi' };
    const limits = { cpu: '1', memory: '1Gi' };
    const limited = makePod({
      overhead,
      containers: [makeContainer('app', { resources: { limits, requests: limits } })],
    });
    const memory = 2 ** 30 + 64 * 2 ** 20;
    assert.deepEqual(podResources(limited), {
      cpuShares: 1280,
      cpuMillis: 1250,
      cpuQuota: 125_000,
      cpuPeriod: 100_000,
      memoryLimitBytes: memory,
      memoryLowBytes: memory,
    });
    const asking = { resources: { requests: { cpu: '500m' } } };
    assert.deepEqual(podResources(makePod({ overhead, containers: [makeContainer('app', asking)] })), {
      cpuShares: 768,
      cpuMillis: 750,
      memoryLowBytes: 64 * 2 ** 20,
    });
  });

  test('podResources() counts a part of a thousandth as a whole one, of the sum', () => {
    const asks = (cpu: string) => makeContainer(`c${cpu}`, { resources: { requests: { cpu }, limits: { cpu } } });
    const of = (...cpus: string[]) => podResources(makePod({ containers: cpus.map(asks) }));
    assert.deepEqual(of('100500u', '100500u'), {
      cpuShares: 205,
      cpuMillis: 201,
      cpuQuota: 20_100,
      cpuPeriod: 100_000,
    });
    assert.equal(containerResources({ requests: { cpu: '100500u' } }).cpuShares, 103);
  });

  test('podResources() and containerResources() give huge pages, which do not make a class', () => {
    const resources = { limits: { 'hugepages-2Mi': '4Mi', 'hugepages-1Gi': '1Gi', 'ephemeral-storage': '1Gi' } };
    const pages = { '2Mi': 2 ** 22, '1Gi': 2 ** 30 };
    assert.deepEqual(containerResources(resources), { cpuShares: 2, hugePages: pages });
    const asking = makeContainer('app', { resources: { ...resources, requests: resources.limits } });
    const pod = makePod({ containers: [asking, makeContainer('other')] });
    assert.deepEqual(podResources(pod), { cpuShares: 2, hugePages: pages });
  });

  test('sandboxSpec() and containerSpec() take limits of input and output from annotations', () => {
    const annotations = { 'io.wherry.local/pod': 'wbps=10', 'container.io.wherry.local/app': 'rbps=5' };
    const pod = makePod({}, undefined, { annotations });
    assert.deepEqual(sandboxSpec(pod, facts).resources.io, { devices: [{ device: '', wbps: 10 }] });
    assert.deepEqual(ioResources(pod, 'app'), { io: { devices: [{ device: '', rbps: 5 }] } });
    assert.deepEqual(ioResources(pod, 'other'), {});
  });

  test('oomScoreAdjOf() spares those who asked for much', () => {
    const of = (resources: object) => makePod({ containers: [makeContainer('app', { resources })] });
    const guaranteed = of({ limits: { cpu: '1', memory: '1Gi' } });
    assert.equal(oomScoreAdjOf(guaranteed, guaranteed.spec.containers[0]!, 4 * 2 ** 30), -997);
    const burstable = of({ requests: { memory: '1Gi' } });
    assert.equal(oomScoreAdjOf(burstable, burstable.spec.containers[0]!, 4 * 2 ** 30), 750);
    assert.equal(oomScoreAdjOf(of({}), of({}).spec.containers[0]!, 4 * 2 ** 30), 1000);
  });
});
