/** Real rules and real traffic: a node with two pods on a bridge, and a client beyond it, each a network namespace. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'dns-packet';
import type { RecordType } from 'dns-packet';
import type { Resource } from '#lib/meta/object.ts';
import { demandCommand } from '#lib/env/command.ts';
import { sampleService, sampleSlice } from './testing/samples.ts';
import type { ProxyConfig } from './start.ts';

const id = `wp${process.pid % 10_000}`;
const [node, podA, podB, outside] = ['n', 'a', 'b', 'o'].map((letter) => `${id}${letter}`) as [
  string,
  string,
  string,
  string,
];
const addressA = '10.42.0.5';
const addressB = '10.42.0.6';
const nodeAddress = '172.30.0.2';
const config: Omit<ProxyConfig, 'server'> = {
  nodeName: 'node-1',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  nodeAddresses: [nodeAddress],
  dns: { address: '10.43.0.10', domain: 'cluster.local', upstream: [] },
};
const local = { nodeName: 'node-1' };

/** Answers every connection or datagram with the server's letter and the client's address. */
const serverProgram = `
const [letter] = process.argv.slice(1);
const strip = (address) => address.replace('::ffff:', '');
require('node:net').createServer((socket) => socket.on('error', () => {}).end(letter + ' ' + strip(socket.remoteAddress))).listen(8080, '0.0.0.0');
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (_, from) => udp.send(letter + ' ' + from.address, from.port, from.address));
udp.bind(8080, () => console.log('ready'));`;

/** Asks over TCP or UDP \`count\` times, and prints one line each. */
const clientProgram = `
const [protocol, host, port, count, sourcePort] = process.argv.slice(1);
const tcp = () => new Promise((resolve) => {
  let text = '';
  const socket = require('node:net').connect({ host, port: Number(port), timeout: 700 });
  socket.on('data', (data) => (text += data)).on('end', () => resolve(text)).on('error', (error) => resolve(error.code)).on('timeout', () => { socket.destroy(); resolve('silence'); });
});
const udp = () => new Promise((resolve) => {
  const socket = require('node:dgram').createSocket('udp4');
  const done = (text) => { clearTimeout(timer); socket.close(); resolve(text); };
  const timer = setTimeout(() => done('silence'), 700);
  socket.on('message', (data) => done(String(data))).on('error', (error) => done(error.code));
  socket.bind(Number(sourcePort ?? 0), () => socket.connect(Number(port), host, () => socket.send('?')));
});
(async () => { for (let i = 0, last = ''; i < Number(count ?? 1) && last !== 'silence'; i++) console.log((last = await (protocol === 'tcp' ? tcp() : udp()))); })();`;

const children = new Set<ChildProcess>();

function spawnIn(netns: string, ...args: string[]): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

/** Resolves when the child says \`ready\`. */
async function ready(child: ChildProcess): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (line === 'ready') return;
  throw new Error('The child ended before it was ready');
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function ask(
  netns: string,
  protocol: 'tcp' | 'udp',
  host: string,
  port: number,
  count = 1,
  sourcePort = 0,
): Promise<string[]> {
  const args = ['-e', clientProgram, protocol, host, String(port), String(count), String(sourcePort)];
  const text = await run('ip', ['netns', 'exec', netns, process.execPath, ...args]);
  return text.trim().split('\n');
}

/** Asks until the answer is as wanted. */
async function until(wanted: (answers: string[]) => boolean, asking: () => Promise<string[]>): Promise<string[]> {
  const deadline = Date.now() + 8000;
  for (;;) {
    const answers = await asking();
    if (wanted(answers)) return answers;
    assert.ok(Date.now() < deadline, `Last answers: ${answers.join(', ')}`);
  }
}

const letters = (answers: string[]) => [...new Set(answers.map((text) => text[0] ?? ''))].toSorted().join('');

async function dig(name: string, type: RecordType, transport: 'udp' | 'tcp' = 'udp') {
  const query = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ name, type }] }).toString('hex');
  const program = `
const query = Buffer.from('${query}', 'hex');
const show = (answer) => { console.log(answer.toString('hex')); process.exit(); };
if ('${transport}' === 'udp') { const socket = require('node:dgram').createSocket('udp4'); socket.on('message', show); socket.send(query, 53, '10.43.0.10'); }
else { const socket = require('node:net').connect(53, '10.43.0.10'); socket.write(Buffer.concat([Buffer.from([0, query.length]), query])); socket.on('data', (data) => show(data.subarray(2))); }`;
  const text = await run('ip', ['netns', 'exec', podA, process.execPath, '-e', program]);
  const packet = Buffer.from(text.trim(), 'hex');
  return { ...decode(packet), rcode: packet[3]! & 15, authoritative: (packet[2]! & 4) !== 0 };
}

const run = (command: string, args: readonly string[], input?: string) =>
  demandCommand(`run ${command}`, command, args, input);

suite('proxy: real traffic', function () {
  this.timeout(60_000);
  let proxy: ChildProcess;

  const put = (...objects: (Resource | { remove: Resource })[]) => {
    for (const object of objects) proxy.stdin!.write(`${JSON.stringify(object)}\n`);
  };
  const startProxy = async () => {
    proxy = spawnIn(node, fileURLToPath(new URL('./testing/in-netns.ts', import.meta.url)), JSON.stringify(config));
    await ready(proxy);
  };
  const table = () => run('ip', ['netns', 'exec', node, 'nft', 'list', 'table', 'ip', 'wherry_proxy']);

  suiteSetup(async () => {
    const lines: string[] = [];
    for (const netns of [node, podA, podB, outside]) lines.push(`netns add ${netns}`);
    await run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    const inNode = [
      'link set lo up',
      'link add br0 type bridge',
      'addr add 10.42.0.1/32 dev br0',
      'link set br0 up',
      'route add 10.42.0.0/24 dev br0',
    ];
    for (const [netns, name] of [
      [podA, 'a'],
      [podB, 'b'],
    ] as const) {
      inNode.push(`link add v${name} type veth peer name eth0 netns ${netns}`, `link set v${name} master br0 up`);
      inNode.push(`link set v${name} type bridge_slave isolated on hairpin on`);
    }
    inNode.push(
      `link add out type veth peer name eth0 netns ${outside}`,
      `addr add ${nodeAddress}/24 dev out`,
      'link set out up',
    );
    await run('ip', ['-n', node, '-batch', '-'], `${inNode.join('\n')}\n`);
    await run('ip', [
      'netns',
      'exec',
      node,
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.bridge.bridge-nf-call-iptables=0',
      // Redirects would use up what the node may send of ICMP to a pod.
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.br0.send_redirects=0',
    ]);
    const pod = (netns: string, address: string) =>
      run(
        'ip',
        ['-n', netns, '-batch', '-'],
        `link set lo up\naddr add ${address}/32 dev eth0\nlink set eth0 up\nroute add 10.42.0.1 dev eth0\nroute add default via 10.42.0.1\n`,
      );
    await pod(podA, addressA);
    await pod(podB, addressB);
    await run(
      'ip',
      ['-n', outside, '-batch', '-'],
      `link set lo up\naddr add 172.30.0.9/24 dev eth0\nlink set eth0 up\nroute add default via ${nodeAddress}\n`,
    );
    await Promise.all([ready(spawnIn(podA, '-e', serverProgram, 'A')), ready(spawnIn(podB, '-e', serverProgram, 'B'))]);
    await startProxy();
  });

  suiteTeardown(async () => {
    await Promise.all([...children].map(kill));
    for (const netns of [node, podA, podB, outside]) await run('ip', ['netns', 'del', netns]);
  });

  const both = {
    endpoints: [
      { address: addressA, ...local },
      { address: addressB, ...local },
    ],
  };
  const udpPort = [{ name: 'dns', port: 80, protocol: 'UDP' as const }];
  const udpSlicePort = [{ name: 'dns', port: 8080, protocol: 'UDP' as const }];

  test('a cluster address leads node, pods and outside to all backends, over TCP and UDP', async () => {
    put(sampleService('web', { clusterIP: '10.43.0.20' }), sampleSlice('web', both));
    put(
      sampleService('talk', { clusterIP: '10.43.0.21', ports: udpPort }),
      sampleSlice('talk', { ...both, ports: udpSlicePort }),
    );
    for (const from of [node, podA, outside]) {
      await until(
        (answers) => letters(answers) === 'AB',
        () => ask(from, 'tcp', '10.43.0.20', 80, 12),
      );
      await until(
        (answers) => letters(answers) === 'AB',
        () => ask(from, 'udp', '10.43.0.21', 80, 12),
      );
    }
  });

  test('a pod reaches itself, seen as the node; another pod is seen as itself, and outside as the node', async () => {
    put(sampleSlice('web', { endpoints: [{ address: addressA, ...local }] }));
    await until(
      (answers) => letters(answers) === 'A',
      () => ask(podA, 'tcp', '10.43.0.20', 80, 6),
    );
    assert.deepEqual(await ask(podA, 'tcp', '10.43.0.20', 80), ['A 10.42.0.1']);
    assert.deepEqual(await ask(podB, 'tcp', '10.43.0.20', 80), [`A ${addressB}`]);
    assert.deepEqual(await ask(outside, 'tcp', '10.43.0.20', 80), ['A 10.42.0.1']);
  });

  test('a node port is open on the node address; with externalTrafficPolicy Local the client is seen as itself', async () => {
    const ports = [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' as const }];
    put(sampleService('open', { type: 'NodePort', clusterIP: '10.43.0.22', ports }), sampleSlice('open', both));
    await until(
      (answers) => letters(answers) === 'AB',
      () => ask(outside, 'tcp', nodeAddress, 30_080, 12),
    );
    await until(
      (answers) => letters(answers) === 'AB',
      () => ask(node, 'tcp', nodeAddress, 30_080, 12),
    );
    assert.match((await ask(outside, 'tcp', nodeAddress, 30_080))[0]!, / 10\.42\.0\.1$/);
    put(sampleService('open', { type: 'NodePort', clusterIP: '10.43.0.22', ports, externalTrafficPolicy: 'Local' }));
    put(
      sampleSlice('open', {
        endpoints: [
          { address: addressA, nodeName: 'elsewhere' },
          { address: addressB, ...local },
        ],
      }),
    );
    await until(
      (answers) => answers[0] === 'B 172.30.0.9',
      () => ask(outside, 'tcp', nodeAddress, 30_080),
    );
    assert.equal(letters(await ask(outside, 'tcp', nodeAddress, 30_080, 8)), 'B');
    await until(
      (answers) => letters(answers) === 'AB',
      () => ask(podB, 'tcp', nodeAddress, 30_080, 12),
    );
    put(sampleSlice('open', { endpoints: [{ address: addressA, nodeName: 'elsewhere' }] }));
    await until(
      (answers) => answers[0] === 'silence',
      () => ask(outside, 'tcp', nodeAddress, 30_080),
    );
  });

  test('an external address and internalTrafficPolicy Local are honoured', async () => {
    put(sampleService('ext', { clusterIP: '10.43.0.23', externalIPs: ['192.0.2.7'], internalTrafficPolicy: 'Local' }));
    put(
      sampleSlice('ext', {
        endpoints: [
          { address: addressA, nodeName: 'elsewhere' },
          { address: addressB, ...local },
        ],
      }),
    );
    await until(
      (answers) => letters(answers) === 'AB',
      () => ask(outside, 'tcp', '192.0.2.7', 80, 12),
    );
    assert.equal(letters(await ask(podA, 'tcp', '10.43.0.23', 80, 8)), 'B');
  });

  test('a Service without endpoints refuses at once, over TCP and UDP, as does an address nobody has', async () => {
    put(
      sampleService('empty', { clusterIP: '10.43.0.24' }),
      sampleService('mute', { clusterIP: '10.43.0.25', ports: udpPort }),
    );
    for (const from of [node, podA, outside]) {
      assert.deepEqual(await ask(from, 'tcp', '10.43.0.24', 80), ['ECONNREFUSED']);
      // The kernel sends one peer no more than an unreachable message a second, so UDP may have to ask again.
      await until(
        (answers) => answers[0] === 'ECONNREFUSED',
        () => ask(from, 'udp', '10.43.0.25', 80),
      );
      assert.deepEqual(await ask(from, 'tcp', '10.43.77.77', 80), ['ECONNREFUSED']);
    }
  });

  test('with affinity a client stays with its backend, until that is gone', async () => {
    put(sampleService('sticky', { clusterIP: '10.43.0.26', sessionAffinity: 'ClientIP' }), sampleSlice('sticky', both));
    await until(
      (answers) => letters(answers).length === 1 && /^[AB] /.test(answers[0]!),
      () => ask(podA, 'tcp', '10.43.0.26', 80),
    );
    const first = letters(await ask(podA, 'tcp', '10.43.0.26', 80, 10));
    assert.equal(first.length, 1);
    const [rest, other] = first === 'A' ? [addressB, 'B'] : [addressA, 'A'];
    put(sampleSlice('sticky', { endpoints: [{ address: rest, ...local }] }));
    await until(
      (answers) => letters(answers) === other,
      () => ask(podA, 'tcp', '10.43.0.26', 80),
    );
  });

  test('a UDP client with a fixed port follows when its backend goes', async () => {
    put(sampleSlice('talk', { ports: udpSlicePort, endpoints: [{ address: addressA, ...local }] }));
    await until(
      (answers) => letters(answers) === 'A',
      () => ask(outside, 'udp', '10.43.0.21', 80, 1, 40_000),
    );
    put(sampleSlice('talk', { ports: udpSlicePort, endpoints: [{ address: addressB, ...local }] }));
    await until(
      (answers) => letters(answers) === 'B',
      () => ask(outside, 'udp', '10.43.0.21', 80, 1, 40_000),
    );
  });

  test('DNS answers on the cluster address over UDP and TCP, and refuses other names without upstream', async () => {
    put(
      sampleService('heads', { clusterIP: 'None' }),
      sampleSlice('heads', { endpoints: [{ address: addressA, hostname: 'one', ...local }] }),
    );
    await until(
      (answers) => answers.length === 1,
      async () => ((await dig('heads.default.svc.cluster.local', 'A')).answers ?? []).map(({ name }) => name),
    );
    for (const transport of ['udp', 'tcp'] as const) {
      const { answers, rcode, authoritative } = await dig('web.default.svc.cluster.local', 'A', transport);
      assert.deepEqual(
        [rcode, authoritative, answers?.map((record) => 'data' in record && record.data)],
        [0, true, ['10.43.0.20']],
      );
    }
    assert.equal((await dig('absent.default.svc.cluster.local', 'A')).rcode, 3);
    assert.equal((await dig('example.test', 'A')).rcode, 5);
  });

  test('changes leave the same table as a full load after kill -9, and traffic goes on meanwhile', async () => {
    put({ remove: sampleService('sticky', {}) }, { remove: sampleService('ext', {}) });
    await until(
      (answers) => answers[0] === 'ECONNREFUSED',
      () => ask(podA, 'tcp', '10.43.0.26', 80),
    );
    const objects = [
      sampleService('web', { clusterIP: '10.43.0.20' }),
      sampleSlice('web', { endpoints: [{ address: addressA, ...local }] }),
      sampleService('talk', { clusterIP: '10.43.0.21', ports: udpPort }),
      sampleSlice('talk', { ports: udpSlicePort, endpoints: [{ address: addressB, ...local }] }),
    ];
    for (const name of ['open', 'empty', 'mute', 'heads']) put({ remove: sampleService(name, {}) });
    put(...objects);
    await until(
      (answers) => answers[0]!.startsWith('0 of'),
      async () => {
        const text = await table();
        return [
          `${text.split('\n').filter((line) => /default\/(open|empty|mute)/.test(line)).length} of ${text.length}`,
        ];
      },
    );
    const changed = canonical(await table());
    await kill(proxy);
    assert.equal(letters(await ask(podB, 'tcp', '10.43.0.20', 80)), 'A');
    await run('ip', [
      'netns',
      'exec',
      node,
      'nft',
      'add',
      'element',
      'ip',
      'wherry_proxy',
      'hairpin',
      '{ 10.42.9.9 . 10.42.9.9 }',
    ]);
    await startProxy();
    put(...objects);
    await until(
      (answers) => answers[0] === changed,
      async () => [canonical(await table())],
    );
  });

  test('tearDown() leaves neither table nor route', async () => {
    const ended = new Promise((resolve) => proxy.once('exit', resolve));
    proxy.stdin!.write('"tear down"\n');
    assert.equal(await ended, 0);
    assert.equal(await run('ip', ['netns', 'exec', node, 'nft', 'list', 'tables']), '');
    assert.ok(!(await run('ip', ['-n', node, 'route', 'show', 'table', 'local'])).includes('10.43.'));
  });
});

/** The table's text with chains and elements in an order of their own. */
function canonical(text: string): string {
  return text
    .replaceAll(
      /elements = \{([^}]*)\}/g,
      (_, list: string) =>
        `elements = { ${list
          .split(',')
          .map((item) => item.trim())
          .toSorted()
          .join(', ')} }`,
    )
    .split('\n\n')
    .map((block) =>
      block
        .replace(/^table.*\n/, '')
        .replace(/\n\}\n$/, '')
        .trim(),
    )
    .toSorted()
    .join('\n');
}
