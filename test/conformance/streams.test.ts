/** exec, attach, port-forward and logs, in every dialect that clients have spoken. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { buffer, json, text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { issue } from '#lib/pki/certificates.ts';
import { deadContainer, startPeer } from '../../apiserver/streams/peer.fixture.ts';
import type { Peer } from '../../apiserver/streams/peer.fixture.ts';
import type { TestApi } from '../harness/api.ts';
import { askSpdy, speakSpdy } from '../harness/spdy.ts';
import type { SpdyClient } from '../harness/spdy.ts';
import { openTunnel } from '../harness/websocket-tunnel.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const failed = 'command terminated with non-zero exit code: exit status 7';
const failedStatus = {
  metadata: {},
  status: 'Failure',
  message: failed,
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: '7' }] },
};
const big = randomBytes(10_000_000);

suite('streams', () => {
  let space: Space;
  let api: TestApi;
  let peer: Peer;
  let echo: Server;

  suiteSetup(async () => {
    space = await makeSpace('streams');
    ({ api } = space);
    const authority = { certPem: pem('ca.crt'), keyPem: pem('ca.key') };
    const wanted = { commonName: 'system:node:streamer', dnsNames: ['streamer'], usages: ['server' as const] };
    peer = await startPeer(authority.certPem, await issue(authority, wanted, Date.now()));
    await makeNode('streamer', peer.port);
    await makePod('web', ['main'], 'streamer');
    await makePod('pair', ['one', deadContainer], 'streamer');
    await makePod('waiting', ['main'], '');
    await makeNode('streamer-lost', 1);
    await makePod('lost', ['main'], 'streamer-lost');
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
  });
  suiteTeardown(async () => {
    echo?.close();
    await peer?.stop();
  });

  const pem = (name: string) => readFileSync(join(api.folder, name), 'utf8');
  const tls = () => ({ ca: pem('ca.crt'), cert: pem('admin.crt'), key: pem('admin.key') });
  const must = async (method: string, path: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await api.ask(method, path, { body, headers });
    assert.ok(answer.code < 300, JSON.stringify(answer.body));
  };
  const makeNode = async (name: string, port: number) => {
    await must('POST', '/api/v1/nodes', { metadata: { name } });
    const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
    const status = { addresses, daemonEndpoints: { kubeletEndpoint: { Port: port } } };
    await must('PATCH', `/api/v1/nodes/${name}/status`, { status }, { 'content-type': 'application/merge-patch+json' });
  };
  const makePod = (name: string, containers: string[], nodeName: string) =>
    must('POST', `${space.path}/pods`, {
      metadata: { name },
      spec: {
        containers: containers.map((container) => ({ name: container, image: 'i' })),
        ...(nodeName && { nodeName }),
      },
    });
  const echoPort = () => (echo.address() as AddressInfo).port;
  const query = (command: string[], more: Record<string, string> = {}) =>
    new URLSearchParams([...command.map((word) => ['command', word]), ...Object.entries(more)]).toString();
  const at = (rest: string) => `${space.path}/pods/${rest}`;
  const everything = { stdin: 'true', stdout: 'true', stderr: 'true' };
  const script = query(['sh', '-c', 'head -c 5; echo err >&2; exit 7'], everything);

  const webSocket = async (path: string, protocols: string[]) => {
    const socket = new WebSocket(api.url.replace('https:', 'wss:') + at(path), protocols, tls());
    await once(socket, 'open');
    return socket;
  };

  const dead = `pair/exec?container=${deadContainer}&${query(['true'], { stdout: '1' })}`;
  const deadText = `container not found ("${deadContainer}")`;

  /** What comes on each channel until the server closes. */
  const listenTo = (socket: WebSocket, base64: boolean) => {
    const channels = new Map<number, Buffer[]>();
    socket.on('message', (data: Buffer) => {
      const number = base64 ? data[0]! - 0x30 : data[0]!;
      const bytes = base64 ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1);
      channels.set(number, [...(channels.get(number) ?? []), bytes]);
    });
    return {
      closed: once(socket, 'close').then(([code]) => code as number),
      bytes: (number: number) => Buffer.concat(channels.get(number) ?? []),
      text: (number: number) => Buffer.concat(channels.get(number) ?? []).toString(),
    };
  };

  suite('exec by WebSocket', () => {
    const dialects: [protocol: string, base64: boolean, saysStatus: boolean][] = [
      ['v5.channel.k8s.io', false, true],
      ['v4.channel.k8s.io', false, true],
      ['v4.base64.channel.k8s.io', true, true],
      ['channel.k8s.io', false, false],
      ['base64.channel.k8s.io', true, false],
      ['', false, false],
    ];
    for (const [protocol, base64, saysStatus] of dialects)
      test(`${protocol || 'no sub-protocol'} carries input, output, errors and how it ended`, async () => {
        const socket = await webSocket(`web/exec?${script}`, protocol === '' ? [] : [protocol]);
        assert.equal(socket.protocol, protocol);
        const heard = listenTo(socket, base64);
        const input = Buffer.from('hello');
        socket.send(base64 ? `0${input.toString('base64')}` : Buffer.concat([Buffer.from([0]), input]));
        assert.equal(await heard.closed, 1000);
        assert.deepEqual([heard.text(1), heard.text(2)], ['hello', 'err\n']);
        if (saysStatus) assert.deepEqual(JSON.parse(heard.text(3)), failedStatus);
        else assert.equal(heard.text(3), failed);
      });

    test('the best of what the client offers is chosen, in the client’s order', async () => {
      const path = `web/exec?${query(['true'], { stdout: '1' })}`;
      for (const [offered, chosen] of [
        [['v4.channel.k8s.io', 'v5.channel.k8s.io'], 'v4.channel.k8s.io'],
        [['v9.channel.k8s.io', 'channel.k8s.io'], 'channel.k8s.io'],
      ] as const) {
        const socket = await webSocket(path, [...offered]);
        assert.equal(socket.protocol, chosen);
        await once(socket, 'close');
      }
    });

    test('10 MB go both ways', async () => {
      const socket = await webSocket(`web/exec?${query(['cat'], everything)}`, ['v5.channel.k8s.io']);
      const heard = listenTo(socket, false);
      for (let i = 0; i < big.length; i += 1_000_000)
        socket.send(Buffer.concat([Buffer.from([0]), big.subarray(i, i + 1_000_000)]));
      socket.send(Buffer.from([255, 0]));
      assert.equal(await heard.closed, 1000);
      assert.ok(heard.bytes(1).equals(big), `${heard.bytes(1).length} bytes came back`);
      assert.deepEqual(JSON.parse(heard.text(3)), { metadata: {}, status: 'Success' });
    });

    test('in the fifth version what the node says against it comes in the channel of errors', async () => {
      const socket = await webSocket(dead, ['v5.channel.k8s.io']);
      const heard = listenTo(socket, false);
      await heard.closed;
      const { status, reason, message, code } = JSON.parse(heard.text(3)) as Record<string, unknown>;
      assert.deepEqual([status, reason, code], ['Failure', 'InternalError', 500]);
      assert.equal(message, `Internal error occurred: unable to upgrade connection: ${deadText}`);
    });

    for (const protocols of [['v4.channel.k8s.io'], ['v4.base64.channel.k8s.io'], ['channel.k8s.io'], []])
      test(`with ${protocols[0] ?? 'no sub-protocol'} it is the answer instead of the upgrade`, async () => {
        const socket = new WebSocket(api.url.replace('https:', 'wss:') + at(dead), protocols, tls());
        const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
        assert.deepEqual(
          [answer.statusCode, answer.headers['content-type'], await text(answer)],
          [500, 'text/plain; charset=utf-8', deadText],
        );
      });

    test('a terminal has one output, and its size reaches the node', async () => {
      peer.resizes.length = 0;
      const tty = query(['sh', '-c', 'head -n 1; echo err >&2'], { ...everything, tty: 'true' });
      const socket = await webSocket(`web/exec?${tty}`, ['v5.channel.k8s.io']);
      const heard = listenTo(socket, false);
      for (const size of [
        '{"Width":80,"Height":24}',
        'nonsense',
        '{"Width":0,"Height":5}',
        '{"Width":100,"Height":30}',
      ])
        socket.send(Buffer.concat([Buffer.from([4]), Buffer.from(size)]));
      socket.send(Buffer.from('\0go\n'));
      await heard.closed;
      assert.deepEqual([heard.text(1), heard.text(2)], ['go\nerr\n', '']);
      assert.deepEqual(peer.resizes, [
        { width: 80, height: 24 },
        { width: 100, height: 30 },
      ]);
    });
  });

  suite('exec by SPDY', () => {
    const open = async (path: string, protocols: string[]) => {
      const answer = await askSpdy(api.url, { path: at(path), protocols, ...tls() });
      assert.equal(answer.code, 101, answer.body);
      return { protocol: answer.headers['x-stream-protocol-version'], client: speakSpdy(answer.socket) };
    };
    const run = async (
      path: string,
      protocols: string[],
      input: Buffer,
      wanted = ['error', 'stdin', 'stdout', 'stderr'],
    ) => {
      const { protocol, client } = await open(path, protocols);
      const streams = new Map(wanted.map((streamtype) => [streamtype, client.open({ streamtype })]));
      const outputs = ['stdout', 'stderr', 'error'].map((name) => buffer(streams.get(name)!.output));
      await streams.get('stdin')?.write(input);
      streams.get('stdin')?.end();
      const [stdout, stderr, error] = await Promise.all(outputs);
      await client.over;
      client.close();
      return { protocol, stdout: stdout!, stderr: stderr!.toString(), error: error!.toString() };
    };

    for (const protocol of ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'])
      test(`${protocol} carries input, output, errors and how it ended`, async () => {
        const { stdout, stderr, error, ...rest } = await run(`web/exec?${script}`, [protocol], Buffer.from('hello'));
        assert.deepEqual([rest.protocol, stdout.toString(), stderr], [protocol, 'hello', 'err\n']);
        if (protocol.startsWith('v4')) assert.deepEqual(JSON.parse(error), failedStatus);
        else assert.equal(error, failed);
      });

    test('the best that both know is chosen; with none in common there is no upgrade', async () => {
      const path = `web/exec?${query(['true'], everything)}`;
      const { protocol, client } = await open(path, ['channel.k8s.io', 'v4.channel.k8s.io', 'v9.channel.k8s.io']);
      assert.equal(protocol, 'v4.channel.k8s.io');
      client.close();
      const { code, body } = await askSpdy(api.url, { path: at(path), protocols: ['v9.channel.k8s.io'], ...tls() });
      assert.equal(code, 403);
      assert.match(
        body,
        /unable to upgrade: unable to negotiate protocol: client supports \[v9\.channel\.k8s\.io\], server accepts \[v4\.channel\.k8s\.io v3\.channel\.k8s\.io v2\.channel\.k8s\.io channel\.k8s\.io\]/,
      );
    });

    test('10 MB go both ways, and the end of the input is its end', async () => {
      const { stdout, error } = await run(`web/exec?${query(['cat'], everything)}`, ['v4.channel.k8s.io'], big);
      assert.ok(stdout.equals(big), `${stdout.length} bytes came back`);
      assert.deepEqual(JSON.parse(error), { metadata: {}, status: 'Success' });
    });

    test('what the node says against it is the answer instead of the upgrade', async () => {
      const { code, body } = await askSpdy(api.url, { path: at(dead), protocols: ['v4.channel.k8s.io'], ...tls() });
      assert.deepEqual([code, body], [500, deadText]);
    });

    test('a node that cannot be reached is a Status', async () => {
      const path = at(`lost/exec?${query(['true'], { stdout: '1' })}`);
      const { code, body } = await askSpdy(api.url, { path, protocols: ['v4.channel.k8s.io'], ...tls() });
      const { kind, message, reason } = JSON.parse(body) as Record<string, unknown>;
      const wanted = 'error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused';
      assert.deepEqual([code, kind, message, reason], [500, 'Status', wanted, undefined]);
    });

    test('a command ends with a client that never opens its streams', async () => {
      const { client } = await open(`web/exec?${query(['cat'], everything)}`, ['v4.channel.k8s.io']);
      await until(() => peer.running() === 1);
      client.close();
      await until(() => peer.running() === 0);
    });

    test('attach joins what runs', async () => {
      const { stdout } = await run(`web/attach?${query([], everything)}`, ['v4.channel.k8s.io'], Buffer.from('hi\n'));
      assert.equal(stdout.toString(), 'attached\nhi\n');
    });
  });

  suite('port-forward', () => {
    const direct = async (): Promise<SpdyClient> => {
      const { code, body, headers, socket } = await askSpdy(api.url, {
        path: at('web/portforward'),
        protocols: ['portforward.k8s.io'],
        ...tls(),
      });
      assert.equal(code, 101, body);
      assert.equal(headers['x-stream-protocol-version'], 'portforward.k8s.io');
      return speakSpdy(socket);
    };
    const tunnelled = async (): Promise<SpdyClient> =>
      speakSpdy(await openTunnel(api.url + at('web/portforward'), 'SPDY/3.1+portforward.k8s.io', tls()));
    const forward = (client: SpdyClient, port: number, requestid: number) => {
      const headers = { port: String(port), requestid: String(requestid) };
      const error = client.open({ ...headers, streamtype: 'error' });
      error.end();
      return { error: text(error.output), data: client.open({ ...headers, streamtype: 'data' }) };
    };

    for (const [dialect, connect] of [
      ['SPDY', direct],
      ['SPDY within a WebSocket', tunnelled],
    ] as const)
      suite(`by ${dialect}`, () => {
        let client: SpdyClient;
        setup(async () => {
          client = await connect();
        });
        teardown(() => client.close());

        test('10 MB go both ways, and each side ends by itself', async () => {
          const { data, error } = forward(client, echoPort(), 0);
          const received = buffer(data.output);
          await data.write(big);
          data.end();
          assert.ok((await received).equals(big));
          assert.equal(await error, '');
        });

        test('a hundred connections at once do not mix', async () => {
          const exchanges = Array.from({ length: 100 }, async (_, i) => {
            const { data, error } = forward(client, echoPort(), i);
            const received = buffer(data.output);
            const own = Buffer.from(`connection ${i} `.repeat(1000));
            await data.write(own);
            data.end();
            assert.ok((await received).equals(own), `connection ${i}`);
            assert.equal(await error, '');
          });
          await Promise.all(exchanges);
        });

        test('a port where nobody listens is told on its own pair, and the others go on', async () => {
          const closed = forward(client, 1, 0);
          const open = forward(client, echoPort(), 1);
          closed.data.output.resume();
          assert.match(
            await closed.error,
            /^error forwarding port 1 to pod web, uid [\w-]+: dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
          );
          const received = text(open.data.output);
          await open.data.write(Buffer.from('still here'));
          open.data.end();
          assert.equal(await received, 'still here');
        });
      });

    for (const [protocol, base64] of [
      ['v4.channel.k8s.io', false],
      ['v4.base64.channel.k8s.io', true],
      ['', false],
    ] as const)
      test(`by pairs of channels, ${protocol || 'without a sub-protocol'}, several ports at once`, async () => {
        const ports = `ports=${echoPort()},1&ports=${echoPort()}${`&ports=${echoPort()}`.repeat(4)}`;
        const socket = await webSocket(`web/portforward?${ports}`, protocol === '' ? [] : [protocol]);
        const heard = listenTo(socket, base64);
        const say = (channel: number, words: string) =>
          socket.send(
            base64
              ? `${String.fromCharCode(0x30 + channel)}${Buffer.from(words).toString('base64')}`
              : Buffer.from(`${String.fromCharCode(channel)}${words}`),
          );
        say(0, 'first');
        say(4, 'third');
        say(12, 'seventh');
        await until(
          () =>
            heard.text(0).endsWith('first') &&
            heard.text(4).endsWith('third') &&
            heard.text(12).endsWith('seventh') &&
            heard.bytes(3).length > 2,
        );
        const numbers = Array.from({ length: 14 }, (_, channel) => heard.bytes(channel).readUInt16LE(0));
        const own = [echoPort(), echoPort()];
        assert.deepEqual(numbers, [...own, 1, 1, ...own, ...own, ...own, ...own, ...own]);
        assert.match(heard.bytes(3).toString('utf8', 2), /^error forwarding port 1 to pod web/);
        socket.close();
        await until(() => peer.connections() === 0);
      });

    test('ports that are none, or too many, are told before the connection changes', async () => {
      for (const [ports, message] of [
        ['', 'query parameter "ports" is required'],
        ['ports=80,x', 'query parameter "ports" has an invalid port "x"'],
        ['ports=65536', 'query parameter "ports" has an invalid port "65536"'],
        [`ports=1${',1'.repeat(128)}`, 'query parameter "ports" has more than 128 ports'],
      ]) {
        const url = `${api.url.replace('https:', 'wss:')}${at('web/portforward')}?${ports}`;
        const socket = new WebSocket(url, ['v4.channel.k8s.io'], tls());
        socket.on('error', () => {});
        const [, refused] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
        assert.equal(refused.statusCode, 400);
        assert.equal(((await json(refused)) as { message: string }).message, message);
      }
    });
  });

  test('what cannot be, is told before the connection changes', async () => {
    const exec = query(['true'], { stdout: '1' });
    const cases: [path: string, code: number, message: string | RegExp][] = [
      [`none/exec?${exec}`, 404, 'pods "none" not found'],
      [
        `pair/exec?${exec}`,
        400,
        `a container name must be specified for pod pair, choose one of: [one ${deadContainer}]`,
      ],
      [`web/exec?container=x&${exec}`, 400, 'container x is not valid for pod web'],
      [`waiting/exec?${exec}`, 400, 'pod waiting does not have a host assigned'],
      ['web/exec?stdout=1', 400, 'you must specify at least one command for the container'],
      [
        `web/exec?${query(['true'], { stdout: 'false', stderr: '0' })}`,
        400,
        'you must specify at least 1 of stdin, stdout, stderr',
      ],
      ['web/attach?stdout=false&stderr=false', 400, 'you must specify at least 1 of stdin, stdout, stderr'],
    ];
    for (const [path, code, message] of cases) {
      const answer = await askSpdy(api.url, { path: at(path), protocols: ['v4.channel.k8s.io'], ...tls() });
      const status = JSON.parse(answer.body) as { code: number; message: string };
      assert.deepEqual([answer.code, status.code, status.message], [code, code, message], path);
      const socket = new WebSocket(api.url.replace('https:', 'wss:') + at(path), ['v4.channel.k8s.io'], tls());
      socket.on('error', () => {});
      const [, refused] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      assert.equal(refused.statusCode, code, path);
      socket.terminate();
    }
    const plain = await api.ask('POST', at(`web/exec?${exec}`));
    assert.deepEqual([plain.code, plain.body.message], [400, 'Upgrade request required']);
  });

  suite('logs', () => {
    const ask = (rest: string) => api.ask('GET', at(rest));

    test('options reach the node', async () => {
      const { code, bytes, headers } = await ask(
        'pair/log?container=one&timestamps=true&tailLines=5&limitBytes=100&sinceTime=2026-01-01T00:00:00Z&insecureSkipTLSVerifyBackend=true',
      );
      assert.deepEqual([code, headers['content-type'], bytes.toString()], [200, 'text/plain', 'one\ntwo\n']);
      const { pod, ...options } = peer.logRequests.at(-1)!;
      assert.deepEqual([pod!.name, pod!.namespace], ['pair', space.name]);
      assert.deepEqual(options, {
        container: 'one',
        follow: false,
        previous: false,
        timestamps: true,
        sinceTime: '2026-01-01T00:00:00Z',
        tailLines: 5,
        limitBytes: 100,
      });
    });

    test('what is wrong with a request is said', async () => {
      const invalid = (because: string) => `PodLogOptions "web" is invalid: ${because}`;
      const cases: [rest: string, code: number, message: string][] = [
        ['none/log', 404, 'pods "none" not found'],
        ['pair/log', 400, `a container name must be specified for pod pair, choose one of: [one ${deadContainer}]`],
        ['web/log?container=x', 400, 'container x is not valid for pod web'],
        ['web/log?previous=true', 400, 'previous terminated container "main" in pod "web" not found'],
        ['web/log?tailLines=-1', 422, invalid('tailLines: Invalid value: -1: must be greater than or equal to 0')],
        ['web/log?limitBytes=0', 422, invalid('limitBytes: Invalid value: 0: must be greater than 0')],
        ['web/log?sinceSeconds=0', 422, invalid('sinceSeconds: Invalid value: 0: must be greater than 0')],
        ['web/log?stream=All', 422, invalid('stream: Forbidden: may not be specified')],
        ['web/log?tailLines=many', 400, 'strconv.ParseInt: parsing "many": invalid syntax'],
      ];
      for (const [rest, code, message] of cases) {
        const answer = await ask(rest);
        assert.deepEqual([answer.code, answer.body.message], [code, message], rest);
      }
      assert.equal((await api.ask('POST', at('web/log'))).code, 405);
    });

    test('a pod that has no node yet has an empty log', async () => {
      const { code, bytes } = await ask('waiting/log');
      assert.deepEqual([code, bytes.length], [200, 0]);
    });
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 5)))
    if (Date.now() > deadline) throw new Error(`Still not so: ${holds.toString()}`);
}
