/** Services of every kind, asked from pods and from outside. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import dns from 'dns-packet';
import type { Service, ServiceSpec } from '#lib/kinds/gen/core-v1.ts';
import { run } from '../../cli/cluster/run.ts';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('services', function () {
  this.timeout(60_000);
  let place: Place;
  const make = (name: string, spec: Partial<ServiceSpec>) =>
    place.cluster.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'services' }, spec });
  const service = (name: string) => place.cluster.get<Service>('service', name, '-n', 'services');
  /** What ten connections from the client pod were answered, each answer once. */
  const answers = async (from: string, address: string, port: number, times = 10) => {
    const text = await place.exec(from, `for i in $(seq ${times}); do nc -w 2 ${address} ${port} || echo none; done`);
    return [...new Set(text.trim().split('\n'))].sort((a, b) => (a < b ? -1 : 1));
  };

  suiteSetup(async () => {
    place = await makePlace('services');
    const server = (name: string, node: number) =>
      place.run(
        name,
        {
          nodeName: place.cluster.layout.nodes[node]!.name,
          containers: [
            container(`nc -ll -p 8080 -e hostname & nc -ll -p 9090 -e echo metrics & ${forever}`, {
              ports: [{ name: 'web', containerPort: 8080 }],
            }),
          ],
        },
        { labels: { app: 'shop', name } },
      );
    await Promise.all([server('a', 0), server('b', 1), place.run('client', { containers: [container(forever)] })]);
    await Promise.all([
      make('shop', {
        type: 'NodePort',
        selector: { app: 'shop' },
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'metrics', port: 90, targetPort: 9090 },
        ],
      }),
      make('sticky', {
        selector: { app: 'shop' },
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
        ports: [{ port: 80, targetPort: 8080 }],
      }),
      make('itself', { selector: { name: 'a' }, ports: [{ port: 80, targetPort: 8080 }] }),
      make('names', { type: 'NodePort', ports: [{ port: 53, targetPort: 5300, protocol: 'UDP' }] }),
      make('headless', { clusterIP: 'None', selector: { app: 'shop' }, ports: [{ port: 8080 }] }),
      make('outside', { type: 'ExternalName', externalName: 'example.org' }),
      make('nobody', { selector: { app: 'nobody' }, ports: [{ port: 80 }] }),
      make('local', {
        type: 'NodePort',
        externalTrafficPolicy: 'Local',
        selector: { name: 'a' },
        ports: [{ port: 80, targetPort: 8080 }],
      }),
      make('by-hand', { ports: [{ port: 80, targetPort: 8080 }] }),
    ]);
    await Promise.all(['a', 'b', 'client'].map((name) => place.ready(name)));
  });
  suiteTeardown(() => place.remove());

  test('a ClusterIP reaches every endpoint on each of its ports, and its own pod', async () => {
    const { clusterIP = '' } = (await service('shop')).spec;
    await eventually('both', async () => (await answers('client', clusterIP, 80)).join() === 'a,b');
    assert.deepEqual(await answers('client', clusterIP, 90, 1), ['metrics']);
    const own = (await service('itself')).spec.clusterIP!;
    assert.deepEqual(await answers('a', own, 80, 3), ['a']);
    const sticky = (await service('sticky')).spec.clusterIP!;
    assert.equal((await answers('client', sticky, 80)).length, 1);
    const nobody = (await service('nobody')).spec.clusterIP!;
    assert.deepEqual(await answers('client', nobody, 80, 1), ['none']);
    assert.match(await place.kubectl('describe', 'service', 'shop'), /Endpoints:\s+10\.\S+:8080,10\.\S+:8080\n/);
  });

  test('node ports answer on every node, to pods and to the outside', async () => {
    const [first, second] = place.cluster.layout.nodes;
    const port = (await service('shop')).spec.ports![0]!.nodePort!;
    assert.ok(port >= 30_000 && port < 32_768);
    for (const node of [first!, second!]) {
      assert.match(await run('busybox', ['nc', node.address, String(port)]), /^[ab]\n$/);
      assert.match((await answers('client', node.address, port, 2)).join(), /^[ab](,b)?$/);
    }
    const { clusterIP = '' } = (await service('shop')).spec;
    assert.match(await run('busybox', ['nc', clusterIP, '80']), /^[ab]\n$/);
    const local = (await service('local')).spec.ports![0]!.nodePort!;
    assert.equal(await run('busybox', ['nc', first!.address, String(local)]), 'a\n');
    await assert.rejects(run('busybox', ['nc', '-w', '1', second!.address, String(local)]));
  });

  test('datagrams go through, by address and by node port', async () => {
    // The test itself is the endpoint: it speaks just enough DNS for nslookup.
    const { gateway, nodes } = place.cluster.layout;
    const server = dgram.createSocket('udp4');
    server.on('message', (query, from) => {
      const { id, questions = [] } = dns.decode(query);
      const answers = questions.map(({ name }) => ({ type: 'A' as const, name, ttl: 1, data: '192.0.2.7' }));
      server.send(dns.encode({ type: 'response', id: id!, questions, answers }), from.port, from.address);
    });
    await new Promise<void>((resolve) => server.bind(0, gateway, resolve));
    try {
      const endpoints = [{ addresses: [gateway] }];
      await place.cluster.apply(slice('names', endpoints, { port: server.address().port, protocol: 'UDP' }));
      const { clusterIP = '', ports } = (await service('names')).spec;
      const nodePort = ports![0]!.nodePort!;
      const query = dns.encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'name.test' }] });
      await eventually('an answer', () => askOnce(query, clusterIP, 53));
      await eventually('an answer of a node port', () => askOnce(query, nodes[1]!.address, nodePort));
      assert.match(await place.exec('client', `nslookup name.test. ${clusterIP}`), /192\.0\.2\.7/);
      assert.match(
        await place.exec('client', `nslookup -port=${nodePort} name.test. ${nodes[0]!.address}`),
        /192\.0\.2\.7/,
      );
    } finally {
      server.close();
    }
  });

  test('names of headless and external Services lead where they should', async () => {
    const { domain } = place.cluster.layout;
    const ips = await Promise.all(['a', 'b'].map(async (name) => (await place.pod(name)).status!.podIP!));
    const headless = await place.exec('client', `nslookup headless.services.svc.${domain}`);
    for (const ip of ips) assert.match(headless, new RegExp(`Address[^:]*:\\s+${ip}\\n`));
    assert.match(
      await place.exec('client', `nslookup -type=cname outside.services.svc.${domain}`),
      /canonical name = example\.org/,
    );
    assert.match(
      await place.exec('client', `nslookup shop.services.svc.${domain}`),
      new RegExp(`Address[^:]*:\\s+${(await service('shop')).spec.clusterIP}\\n`),
    );
  });

  test('endpoints written by hand count, and those that go are forgotten', async () => {
    const { podIP } = (await place.pod('b')).status!;
    const endpoints = [{ addresses: [podIP], conditions: { ready: true } }];
    await place.cluster.apply(slice('by-hand', endpoints, { port: 8080, protocol: 'TCP' }));
    const hand = (await service('by-hand')).spec.clusterIP!;
    await eventually('b by hand', async () => (await answers('client', hand, 80, 1)).join() === 'b');
    const { clusterIP = '' } = (await service('shop')).spec;
    await place.kubectl('delete', 'pod', 'b');
    assert.deepEqual(await answers('client', clusterIP, 80), ['a']);
  });
});

/** An EndpointSlice that nobody but the test looks after. */
function slice(service: string, endpoints: object[], port: object) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace: 'services', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [port],
    endpoints,
  };
}

/** One question and its answer; undefined when none comes within a second. */
function askOnce(query: Buffer, address: string, port: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    const finish = (answer?: Buffer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(finish, 1000);
    socket.on('message', (answer) => finish(answer));
    socket.on('error', () => finish());
    socket.send(query, port, address);
  });
}
