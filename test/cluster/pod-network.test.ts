/** What pods have of the network: names, addresses, resolvers, ports of the node, shared namespaces. */
import assert from 'node:assert/strict';
import { run } from '../../cli/cluster/run.ts';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const serve = (port: number, words: string) => `nc -ll -p ${port} -e echo ${words} & ${forever}`;

suite('the network of pods', function () {
  this.timeout(60_000);
  let place: Place;

  suiteSetup(async () => {
    place = await makePlace('network');
  });
  suiteTeardown(() => place.remove());

  test('names, hosts and resolvers are written as the pod says', async () => {
    const { domain, dnsAddress } = place.cluster.layout;
    await place.cluster.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'crew', namespace: 'network' },
      spec: { clusterIP: 'None', selector: { app: 'named' }, ports: [{ port: 80, name: 'web' }] },
    });
    await Promise.all([
      place.run('named', {
        hostname: 'mate',
        subdomain: 'crew',
        hostAliases: [{ ip: '10.9.8.7', hostnames: ['anchor', 'anchor.example'] }],
        containers: [container(forever)],
      }),
      place.run('own-dns', {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['192.0.2.1'],
          searches: ['example.org'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
        containers: [container(forever)],
      }),
      place.run('node-dns', { dnsPolicy: 'Default', containers: [container(forever)] }),
      place.run('fqdn', {
        hostname: 'x',
        subdomain: 'crew',
        setHostnameAsFQDN: true,
        containers: [container(forever)],
      }),
    ]);
    await Promise.all(['named', 'own-dns', 'node-dns', 'fqdn'].map((name) => place.ready(name)));
    const { podIP } = (await place.pod('named')).status!;
    assert.equal(
      await place.exec(
        'named',
        'hostname; cat /etc/hostname /etc/hosts; cat /etc/resolv.conf | head -n 2; grep ndots /etc/resolv.conf',
      ),
      `mate
mate
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
${podIP}\tmate.crew.network.svc.${domain}\tmate

# Entries added by HostAliases.
10.9.8.7\tanchor\tanchor.example
search network.svc.${domain} svc.${domain} ${domain}
nameserver ${dnsAddress}
options ndots:5
`,
    );
    assert.equal(
      await place.exec('own-dns', 'cat /etc/resolv.conf'),
      'search example.org\nnameserver 192.0.2.1\noptions ndots:2 edns0\n',
    );
    assert.doesNotMatch(await place.exec('node-dns', 'cat /etc/resolv.conf'), new RegExp(dnsAddress));
    assert.equal(await place.exec('fqdn', 'hostname'), `x.crew.network.svc.${domain}\n`);
    const names = ['kubernetes.default', `mate.crew.network.svc.${domain}`, 'crew', `kubernetes.default.svc.${domain}`];
    const answers = await place.exec(
      'named',
      names.map((name) => `nslookup ${name} | grep -A1 ^Name || true`).join(';'),
    );
    const { apiServiceAddress } = place.cluster.layout;
    for (const [name, ip] of [
      [`kubernetes.default.svc.${domain}`, apiServiceAddress],
      [`mate.crew.network.svc.${domain}`, podIP],
      [`crew.network.svc.${domain}`, podIP],
    ])
      assert.match(answers, new RegExp(`Name:\\s+${name}\\nAddress[^:]*:\\s+${ip}\\n`), answers);
    assert.match(await place.exec('named', `nslookup ${podIP}`), new RegExp(`name = mate.crew.network.svc.${domain}`));
    assert.match(
      await place.exec('named', `nslookup -type=srv _web._tcp.crew.network.svc.${domain}`),
      new RegExp(`service = 0 \\d+ 80 mate.crew.network.svc.${domain}`),
    );
    assert.match(await place.exec('named', `nslookup nothing.network.svc.${domain} || true`), /NXDOMAIN/);
  });

  test('pods may be on the node’s network, or take ports of the node', async () => {
    const [node] = place.cluster.layout.nodes;
    await place.run('on-node', {
      hostNetwork: true,
      dnsPolicy: 'ClusterFirstWithHostNet',
      hostAliases: [{ ip: '10.9.8.7', hostnames: ['anchor'] }],
      nodeName: node!.name,
      containers: [container(serve(18080, 'on node'), { ports: [{ containerPort: 18080 }] })],
    });
    await place.run('port', {
      nodeName: node!.name,
      containers: [container(serve(80, 'host port'), { ports: [{ containerPort: 80, hostPort: 18081 }] })],
    });
    await place.run('client', { containers: [container(forever)] });
    await Promise.all(['on-node', 'port', 'client'].map((name) => place.ready(name)));
    const { podIP, hostIP } = (await place.pod('on-node')).status!;
    assert.deepEqual([podIP, hostIP], [node!.address, node!.address]);
    assert.equal(await place.exec('on-node', 'hostname'), `${node!.name}\n`);
    assert.match(
      await place.exec('on-node', 'cat /etc/hosts'),
      /^# Kubernetes-managed hosts file \(host network\)\.\n[^]*\n# Entries added by HostAliases\.\n10\.9\.8\.7\tanchor\n$/,
    );
    assert.match(await place.exec('on-node', 'cat /etc/resolv.conf'), /^search network\.svc\.cluster\.local /);
    assert.equal((await place.pod('on-node')).spec.containers[0]?.ports?.[0]?.hostPort, 18080);
    const ask = (port: number) => place.exec('client', `nc ${node!.address} ${port}`);
    assert.equal(await ask(18080), 'on node\n');
    assert.equal(await ask(18081), 'host port\n');
    assert.equal(await run('busybox', ['nc', node!.address, '18081']), 'host port\n');
    // The same port of the same node is taken.
    await place.run('second', {
      nodeSelector: { 'kubernetes.io/hostname': node!.name },
      containers: [container(forever, { ports: [{ containerPort: 80, hostPort: 18081 }] })],
    });
    const condition = await eventually('no place', async () =>
      (await place.pod('second')).status?.conditions?.find(({ reason }) => reason === 'Unschedulable'),
    );
    assert.match(
      condition.message ?? '',
      /^0\/2 nodes are available: 1 node\(s\) didn't have free ports for the requested pod ports, 1 node\(s\) didn't match Pod's node affinity\/selector\./,
    );
  });

  test('namespaces are shared as far as the pod says', async () => {
    await place.run('together', {
      shareProcessNamespace: true,
      containers: [
        container(`nc -l -p 9000 -e echo loop & ${forever}`),
        { ...container('exec sleep 98765'), name: 'other' },
      ],
    });
    await place.run('node-pids', { hostPID: true, hostIPC: true, containers: [container(forever)] });
    await place.ready('together');
    await place.ready('node-pids');
    assert.match(await place.exec('together', 'ps', 'app'), /sleep 98765/);
    assert.equal(await place.exec('together', 'nc 127.0.0.1 9000', 'other'), 'loop\n');
    assert.equal(await place.exec('together', 'echo x > /dev/shm/shared', 'app'), '');
    assert.equal(await place.exec('together', 'cat /dev/shm/shared', 'other'), 'x\n');
    assert.match(await place.exec('node-pids', 'ps'), /conmon/);
  });
});
