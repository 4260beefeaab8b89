import assert from 'node:assert/strict';
import { decode, encode } from 'dns-packet';
import type { Answer as DecodedAnswer, RecordType } from 'dns-packet';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { sampleService, sampleSlice } from '../testing/samples.ts';
import { makeRespond } from './respond.ts';
import { listen } from './server.ts';
import type { Forward } from './forward.ts';
import { nameServersIn } from './upstream.ts';
import { Zone, zoneService } from './zone.ts';

const options = { domain: 'cluster.local', address: '10.43.0.10' };
const env = makeFakeEnv();
const zone = new Zone();
const httpPort = [{ name: 'http', port: 8080, protocol: 'TCP' as const }];
zone.set(
  zoneService(sampleService('web', { clusterIP: '10.43.0.20' }), [
    sampleSlice('web', { endpoints: [{ address: '10.42.0.5' }] }),
  ]),
);
zone.set(
  zoneService(sampleService('db', { clusterIP: 'None' }), [
    sampleSlice('db', {
      ports: httpPort,
      endpoints: [
        { address: '10.42.0.6', hostname: 'db-0' },
        { address: '10.42.0.7' },
        { address: '10.42.0.8', conditions: { ready: false } },
      ],
    }),
  ]),
);
zone.set(
  zoneService(sampleService('many', { clusterIP: 'None' }), [
    sampleSlice('many', { endpoints: Array.from({ length: 60 }, (_, i) => ({ address: `10.42.9.${i}` })) }),
  ]),
);
zone.set(zoneService(sampleService('out', { type: 'ExternalName', externalName: 'example.test.' }), []));
zone.set(
  zoneService(sampleService('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }), []),
);

async function ask(
  name: string,
  type: RecordType,
  { forward, edns = false, transport = 'udp' }: { forward?: Forward; edns?: boolean; transport?: 'udp' | 'tcp' } = {},
) {
  const additionals = edns
    ? [
        {
          type: 'OPT' as const,
          name: '.' as const,
          udpPayloadSize: 4096,
          flags: 0,
          flag_do: false,
          extendedRcode: 0,
          ednsVersion: 0,
          options: [],
        },
      ]
    : [];
  const query = encode({ type: 'query', id: 42, flags: 0x100, questions: [{ name, type }], additionals });
  const packet = (await makeRespond(zone, options, forward, env)(query, transport))!;
  const { answers = [], authorities = [], additionals: more = [], questions, id } = decode(packet);
  return {
    id,
    questions,
    bytes: packet.length,
    code: packet[3]! & 15,
    authoritative: (packet[2]! & 4) !== 0,
    truncated: (packet[2]! & 2) !== 0,
    texts: answers.map(textOf).toSorted((a, b) => a.localeCompare(b)),
    authorities: authorities.map(({ type }) => type),
    more: more.filter(({ type }) => type !== 'OPT').map(textOf),
    edns: more.some(({ type }) => type === 'OPT'),
  };
}

function textOf(record: DecodedAnswer): string {
  if (record.type === 'SRV') return `${record.name} SRV ${record.data.port} ${record.data.target}`;
  return `${record.name} ${record.type} ${'data' in record ? String(record.data) : ''}`;
}

suite('cluster DNS', () => {
  const suffix = 'default.svc.cluster.local';
  const goldens: [string, RecordType, number, string[]][] = [
    [`web.${suffix}`, 'A', 0, [`web.${suffix} A 10.43.0.20`]],
    [`WeB.${suffix}`, 'A', 0, [`WeB.${suffix} A 10.43.0.20`]],
    [`web.${suffix}`, 'AAAA', 0, []],
    [`_http._tcp.web.${suffix}`, 'SRV', 0, [`_http._tcp.web.${suffix} SRV 80 web.${suffix}`]],
    [`_other._tcp.web.${suffix}`, 'SRV', 3, []],
    [`db.${suffix}`, 'A', 0, [`db.${suffix} A 10.42.0.6`, `db.${suffix} A 10.42.0.7`]],
    [`db-0.db.${suffix}`, 'A', 0, [`db-0.db.${suffix} A 10.42.0.6`]],
    [`10-42-0-7.db.${suffix}`, 'A', 0, [`10-42-0-7.db.${suffix} A 10.42.0.7`]],
    [`db-1.db.${suffix}`, 'A', 3, []],
    [
      `_http._tcp.db.${suffix}`,
      'SRV',
      0,
      [`_http._tcp.db.${suffix} SRV 8080 10-42-0-7.db.${suffix}`, `_http._tcp.db.${suffix} SRV 8080 db-0.db.${suffix}`],
    ],
    ['20.0.43.10.in-addr.arpa', 'PTR', 0, [`20.0.43.10.in-addr.arpa PTR web.${suffix}`]],
    ['6.0.42.10.in-addr.arpa', 'PTR', 0, [`6.0.42.10.in-addr.arpa PTR db-0.db.${suffix}`]],
    ['9.9.42.10.in-addr.arpa', 'A', 0, []],
    ['10-42-0-5.default.pod.cluster.local', 'A', 0, ['10-42-0-5.default.pod.cluster.local A 10.42.0.5']],
    ['nonsense.default.pod.cluster.local', 'A', 3, []],
    [suffix, 'A', 0, []],
    ['absent.svc.cluster.local', 'A', 3, []],
    [`absent.${suffix}`, 'A', 3, []],
    [`out.${suffix}`, 'CNAME', 0, [`out.${suffix} CNAME example.test`]],
    [`out.${suffix}`, 'A', 0, [`out.${suffix} CNAME example.test`]],
    [`alias.${suffix}`, 'A', 0, [`alias.${suffix} CNAME web.${suffix}`, `web.${suffix} A 10.43.0.20`]],
    ['dns-version.cluster.local', 'TXT', 0, ['dns-version.cluster.local TXT 1.1.0']],
    ['ns.dns.cluster.local', 'A', 0, ['ns.dns.cluster.local A 10.43.0.10']],
    ['example.test', 'A', 5, []],
  ];
  for (const [name, type, code, texts] of goldens) {
    test(`answers ${type} of ${name}`, async () => {
      const reply = await ask(name, type);
      assert.deepEqual([reply.id, reply.code, reply.texts], [42, code, texts]);
      assert.equal(reply.authoritative, code !== 5);
      if (code !== 5 && texts.length === 0) assert.deepEqual(reply.authorities, ['SOA']);
    });
  }

  test('gives the addresses of servers along with them', async () => {
    const { more } = await ask(`_http._tcp.db.${suffix}`, 'SRV');
    assert.deepEqual(more, [`db-0.db.${suffix} A 10.42.0.6`, `10-42-0-7.db.${suffix} A 10.42.0.7`]);
  });

  test('says that an answer is too long for UDP, and gives all of it over TCP or to who takes more', async () => {
    const short = await ask(`many.${suffix}`, 'A');
    assert.ok(short.truncated && short.bytes <= 512 && short.texts.length < 60);
    const larger = await ask(`many.${suffix}`, 'A', { edns: true });
    assert.deepEqual([larger.truncated, larger.texts.length, larger.edns], [false, 60, true]);
    assert.equal((await ask(`many.${suffix}`, 'A', { transport: 'tcp' })).texts.length, 60);
  });

  test('asks elsewhere for other names, and for what an ExternalName stands for', async () => {
    const forward: Forward = async (query) => {
      const { id, questions = [] } = decode(query);
      const answers = [{ type: 'A' as const, name: questions[0]!.name, ttl: 60, data: '192.0.2.1' }];
      return encode({ type: 'response', ...(id !== undefined && { id }), questions, answers });
    };
    assert.deepEqual((await ask('example.test', 'A', { forward })).texts, ['example.test A 192.0.2.1']);
    assert.deepEqual((await ask(`out.${suffix}`, 'A', { forward })).texts, [
      'example.test A 192.0.2.1',
      `out.${suffix} CNAME example.test`,
    ]);
    const failing: Forward = () => Promise.reject(new Error('nobody there'));
    assert.equal((await ask('example.test', 'A', { forward: failing })).code, 2);
  });

  test('forgets what is removed, and knows an address under its new name', () => {
    const changing = new Zone();
    const service = (name: string) => zoneService(sampleService(name, { clusterIP: '10.43.0.30' }), []);
    changing.set(service('a'));
    changing.remove('default', 'a');
    changing.set(service('b'));
    assert.deepEqual(changing.namesOf('10.43.0.30'), ['b.default.svc']);
    changing.remove('default', 'b');
    assert.deepEqual([changing.namesOf('10.43.0.30'), changing.hasNamespace('default')], [[], false]);
  });

  test('is not shaken by noise', async () => {
    const respond = makeRespond(zone, options, undefined, env);
    for (let length = 0; length < 40; length++) {
      const noise = Buffer.from(Array.from({ length }, () => Math.floor(env.random() * 256)));
      await respond(noise, 'udp');
    }
    const answerPacket = encode({ type: 'response', id: 1, questions: [{ name: 'a', type: 'A' }] });
    assert.equal(await respond(answerPacket, 'udp'), undefined);
    const cut = encode({ type: 'query', id: 1, questions: [{ name: 'abc.example', type: 'A' }] }).subarray(0, 20);
    assert.equal((await respond(cut, 'udp'))![3]! & 15, 1);
  });

  test('nameServersIn() reads a resolv.conf', () => {
    assert.deepEqual(
      nameServersIn('search a\n# nameserver 1.1.1.1\nnameserver 192.0.2.1\nnameserver ::1\n nameserver 192.0.2.2 \n'),
      ['192.0.2.1', '192.0.2.2'],
    );
  });

  test('listen() answers over TCP in the order of the questions', async () => {
    const { connect, createServer } = await import('node:net');
    const probe = createServer();
    const port = await new Promise<number>((resolve) => {
      probe.listen(0, '127.0.0.1', () => resolve((probe.address() as { port: number }).port));
    });
    await new Promise((resolve) => probe.close(resolve));
    const server = await listen('127.0.0.1', port, makeRespond(zone, options, undefined, env), env);
    const query = (id: number) => {
      const packet = encode({ type: 'query', id, questions: [{ name: `web.${suffix}`, type: 'A' }] });
      return Buffer.concat([Buffer.from([0, packet.length]), packet]);
    };
    const socket = connect(port, '127.0.0.1');
    const bytes = Buffer.concat([query(1), query(2), query(3)]);
    socket.write(bytes.subarray(0, 50));
    socket.write(bytes.subarray(50));
    const ids: number[] = [];
    let received = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      for (
        ;
        received.length >= 2 && received.length >= 2 + received.readUInt16BE(0);
        received = received.subarray(2 + received.readUInt16BE(0))
      )
        ids.push(received.readUInt16BE(2));
      if (ids.length === 3) break;
    }
    await server.stop();
    assert.deepEqual(ids, [1, 2, 3]);
  });
});
