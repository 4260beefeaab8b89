import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { issue } from '#lib/pki/certificates.ts';
import { startTestApi } from '../../test/harness/api.ts';
import type { TestApi } from '../../test/harness/api.ts';
import { deadContainer, startPeer } from './peer.fixture.ts';
import type { Peer } from './peer.fixture.ts';

const patienceMs = 10_000;

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

suite('pod-streams', () => {
  let api: TestApi;
  let peer: Peer;
  let echo: Server;
  let kubeconfig: string;

  suiteSetup(async () => {
    api = await startTestApi();
    const pem = (name: string) => readFileSync(join(api.folder, name), 'utf8');
    const authority = { certPem: pem('ca.crt'), keyPem: pem('ca.key') };
    const own = await issue(
      authority,
      { commonName: 'system:node:n1', dnsNames: ['n1'], ipAddresses: ['127.0.0.1'], usages: ['server'] },
      Date.now(),
    );
    peer = await startPeer(authority.certPem, own);
    await addNode('n1', peer.port);
    await addNode('impostor', peer.port);
    await addNode('away', 1);
    await addPod('web', ['main'], 'n1');
    await addPod('pair', ['one', deadContainer], 'n1');
    await addPod('waiting', ['main'], '');
    await addPod('misplaced', ['main'], 'impostor');
    await addPod('lost', ['main'], 'away');
    kubeconfig = join(api.folder, 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(api)));
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
    await api?.stop();
  });

  const create = async (path: string, body: object) => {
    const { code, body: answer } = await api.ask('POST', path, { body });
    assert.equal(code, 201, JSON.stringify(answer));
  };
  const addNode = async (name: string, port: number) => {
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    };
    await create('/api/v1/nodes', { metadata: { name }, status });
    const path = `/api/v1/nodes/${name}/status`;
    const headers = { 'content-type': 'application/merge-patch+json' };
    assert.equal((await api.ask('PATCH', path, { body: { status }, headers })).code, 200);
  };
  const addPod = async (name: string, containers: string[], nodeName: string) => {
    const account = { code: 0 };
    for (const deadline = Date.now() + patienceMs; account.code !== 200 && Date.now() < deadline;) {
      const path = '/api/v1/namespaces/default/serviceaccounts';
      await api.ask('POST', path, { body: { metadata: { name: 'default' } } });
      account.code = (await api.ask('GET', `${path}/default`)).code;
    }
    const spec = {
      containers: containers.map((container) => ({ name: container, image: 'x' })),
      ...(nodeName && { nodeName }),
    };
    await create('/api/v1/namespaces/default/pods', { metadata: { name }, spec });
    const headers = { 'content-type': 'application/merge-patch+json' };
    const running = { status: { phase: 'Running' } };
    await api.ask('PATCH', `/api/v1/namespaces/default/pods/${name}/status`, { body: running, headers });
  };

  const kubectl = async (
    args: string[],
    { env = {}, input }: { env?: object; input?: string | Buffer } = {},
  ): Promise<Result> => {
    const child = startKubectl(args, env);
    const output = collect(child);
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number];
    return { code, ...output() };
  };
  const startKubectl = (args: string[], env: object = {}): ChildProcessWithoutNullStreams =>
    spawn('kubectl', [`--kubeconfig=${kubeconfig}`, ...args], { env: { ...process.env, ...env } });

  const dialects = {
    WebSocket: {},
    SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
  };

  for (const [dialect, env] of Object.entries(dialects)) {
    suite(`kubectl over ${dialect}`, () => {
      test('exec gives output, errors and exit code', async () => {
        const result = await kubectl(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'], { env });
        assert.deepEqual(result, {
          code: 7,
          stdout: 'out\n',
          stderr: 'err\ncommand terminated with exit code 7\n',
        });
      });

      test('exec -i carries input to its end, and large output whole', async () => {
        const input = randomBytes(3_000_000).toString('base64');
        const { code, stdout, stderr } = await kubectl(['exec', '-i', 'web', '--', 'cat'], { env, input });
        assert.equal(stderr, '');
        assert.equal(code, 0);
        assert.ok(stdout === input, `${stdout.length} of ${input.length} bytes`);
      });

      test('exec -it in a terminal has one output, and tells its size', async () => {
        const command = `stty rows 33 cols 77; kubectl --kubeconfig=${kubeconfig} exec -it web -- sh -c 'echo out; echo err >&2; sleep 0.1'`;
        const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, ...env } });
        const output = collect(child);
        const [code] = (await once(child, 'close')) as [number];
        assert.equal(code, 0);
        assert.deepEqual(output().stdout.split(/\r?\n/).filter(Boolean), ['out', 'err']);
        assert.equal(peer.starts.at(-1)?.stderr, false);
        assert.deepEqual(peer.resizes.at(-1), { width: 77, height: 33 });
      });

      test('exec of what cannot run says why', async () => {
        const { code, stderr } = await kubectl(['exec', 'web', '--', '/no/such/program'], { env });
        assert.equal(code, 1);
        assert.match(stderr, /Internal error occurred: .*ENOENT/);
      });

      test('exec in a container that does not run says so', async () => {
        const { code, stderr } = await kubectl(['exec', 'pair', '-c', deadContainer, '--', 'true'], { env });
        assert.equal(code, 1);
        assert.match(stderr, /unable to upgrade connection: container not found \("dead"\)/);
      });

      test('exec ends the command when kubectl is killed', async () => {
        const child = startKubectl(['exec', '-i', 'web', '--', 'sh', '-c', 'echo started; cat'], env);
        const output = collect(child);
        await until(() => output().stdout.includes('started'));
        assert.equal(peer.running(), 1);
        child.kill('SIGKILL');
        await until(() => peer.running() === 0);
      });

      test('attach joins a running container', async () => {
        const { stdout, code } = await kubectl(['attach', '-i', 'web'], { env, input: 'hello\n' });
        assert.equal(code, 0);
        assert.match(stdout, /attached\nhello\n/);
      });

      test('port-forward carries many connections, both ways, with half-closed ends', async () => {
        const { port } = echo.address() as AddressInfo;
        const child = startKubectl(['port-forward', 'web', `:${port}`], env);
        const output = collect(child);
        try {
          const local = await until(() => /127\.0\.0\.1:(\d+) ->/.exec(output().stdout)?.[1]);
          const exchange = async (text: Buffer) => {
            const socket = connect({ port: Number(local), host: '127.0.0.1', allowHalfOpen: true });
            const chunks: Buffer[] = [];
            socket.on('data', (chunk: Buffer) => chunks.push(chunk));
            socket.end(text);
            await once(socket, 'end');
            return Buffer.concat(chunks);
          };
          const sent = Array.from({ length: 8 }, (_, index) => randomBytes(50_000 * (index + 1)));
          const received = await Promise.all(sent.map(exchange));
          received.forEach((bytes, index) =>
            assert.ok(bytes.equals(sent[index]!), `connection ${index}: ${bytes.length}`),
          );
          assert.equal(output().stderr, '');
          await until(() => peer.connections() === 0);
        } finally {
          child.kill('SIGKILL');
        }
      });

      test('port-forward to a closed port says so', async () => {
        const child = startKubectl(['port-forward', 'web', ':1'], env);
        const output = collect(child);
        try {
          const local = await until(() => /127\.0\.0\.1:(\d+) ->/.exec(output().stdout)?.[1]);
          const socket = connect(Number(local), '127.0.0.1');
          socket.on('error', () => {});
          socket.write('x');
          await until(() =>
            /error forwarding port 1 to pod web, uid [\w-]+: dial tcp 127\.0\.0\.1:1: connect: connection refused/.test(
              output().stderr,
            ),
          );
          socket.destroy();
        } finally {
          child.kill('SIGKILL');
        }
      });
    });
  }

  suite('kubectl logs', () => {
    test('prints the log', async () => {
      const { stdout, code } = await kubectl(['logs', 'web', '--tail=5', '--timestamps', '--limit-bytes=100']);
      assert.equal(code, 0);
      assert.equal(stdout, 'one\ntwo\n');
      const { container, tailLines, limitBytes, timestamps } = peer.logRequests.at(-1)!;
      assert.deepEqual([container, tailLines, limitBytes, timestamps], ['main', 5, 100, true]);
    });

    test('--follow goes on until kubectl is ended, and then stops on the node', async () => {
      const child = startKubectl(['logs', '-f', 'web']);
      const output = collect(child);
      await until(() => output().stdout.split('more').length > 3);
      child.kill('SIGKILL');
      await until(() => peer.running() === 0);
    });

    test('--since counts from now', async () => {
      await kubectl(['logs', 'web', '--since=1h']);
      const ageMs = Date.now() - Date.parse(peer.logRequests.at(-1)!.sinceTime);
      assert.ok(ageMs >= 3_600_000 && ageMs < 3_700_000);
    });

    test('refusals of the node reach the user', async () => {
      const { code, stderr } = await kubectl(['logs', '-p', 'web']);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /Error from server \(BadRequest\): previous terminated container "main" in pod "web" not found/,
      );
    });
  });

  suite('REST', () => {
    const ask = (path: string) => api.ask('GET', `/api/v1/namespaces/default/pods/${path}`);

    for (const [path, code, message] of [
      ['none/log', 404, 'pods "none" not found'],
      ['pair/log', 400, 'a container name must be specified for pod pair, choose one of: [one dead]'],
      ['web/log?container=x', 400, 'container x is not valid for pod web'],
      [
        'lost/log?tailLines=1&previous=true&follow=false',
        500,
        'Get "https://127.0.0.1:1/containerLogs/default/lost/main?previous=true&tailLines=1": dial tcp 127.0.0.1:1: connect: connection refused',
      ],
      ['misplaced/log', 500, /^Get "https:\/\/[0-9.:]+\/containerLogs\/default\/misplaced\/main": /],
      ['web/exec?command=true', 400, 'Upgrade request required'],
    ] as const)
      test(`GET ${path} is refused`, async () => {
        const answer = await ask(path);
        assert.equal(answer.code, code);
        if (typeof message === 'string') assert.equal(answer.body.message, message);
        else assert.match(answer.body.message, message);
      });

    test('the log of a pod without a node is empty', async () => {
      const { code, bytes, headers } = await ask('waiting/log');
      assert.deepEqual([code, bytes.length, headers['content-type']], [200, 0, 'text/plain']);
    });

    test('logs come over HTTP/2 as well', async () => {
      const session = api.http2();
      const stream = session.request({ ':path': '/api/v1/namespaces/default/pods/web/log' });
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(stream, 'end');
      assert.equal(Buffer.concat(chunks).toString(), 'one\ntwo\n');
    });
  });

  suite('WebSocket', () => {
    const open = (path: string, protocols: string[] = []) => {
      const tls = (name: string) => readFileSync(join(api.folder, name));
      const url = `${api.url.replace('https', 'wss')}/api/v1/namespaces/default/pods/${path}`;
      return new WebSocket(url, protocols, { ca: tls('ca.crt'), cert: tls('admin.crt'), key: tls('admin.key') });
    };
    const run = async (path: string, protocols: string[], onOpen: (socket: WebSocket) => void = () => {}) => {
      const socket = open(path, protocols);
      const frames: (Buffer | string)[] = [];
      socket.on('message', (data: Buffer, isBinary) => frames.push(isBinary ? data : data.toString()));
      socket.on('open', () => onOpen(socket));
      const [code] = (await once(socket, 'close')) as [number];
      return { code, frames, protocol: socket.protocol };
    };
    const channel = (frames: (Buffer | string)[], number: number) =>
      Buffer.concat(
        frames.filter((frame): frame is Buffer => frame[0] === number).map((frame) => frame.subarray(1)),
      ).toString();
    test('carries logs, as bytes or as text', async () => {
      const bytes = await run('web/log', ['binary.k8s.io']);
      assert.deepEqual([bytes.protocol, bytes.code], ['binary.k8s.io', 1000]);
      assert.equal(Buffer.concat(bytes.frames as Buffer[]).toString(), 'one\ntwo\n');
      const text = await run('web/log', ['base64.binary.k8s.io']);
      assert.equal(text.frames.map((frame) => Buffer.from(String(frame), 'base64').toString()).join(''), 'one\ntwo\n');
    });

    const words = (...command: string[]) => command.map((word) => `command=${encodeURIComponent(word)}`).join('&');

    test('v4 ends with a Status and a normal close', async () => {
      const { code, frames, protocol } = await run(
        `web/exec?stdout=true&stderr=true&${words('sh', '-c', 'echo hi; exit 3')}`,
        ['v4.channel.k8s.io'],
      );
      assert.deepEqual([code, protocol, channel(frames, 1)], [1000, 'v4.channel.k8s.io', 'hi\n']);
      assert.deepEqual(JSON.parse(channel(frames, 3)), {
        metadata: {},
        status: 'Failure',
        message: 'command terminated with non-zero exit code: exit status 3',
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: '3' }] },
      });
    });

    test('v5 closes stdin by its number', async () => {
      const { frames } = await run(
        `web/exec?stdin=true&stdout=true&${words('cat')}`,
        ['v5.channel.k8s.io', 'v4.channel.k8s.io'],
        (socket) => {
          socket.send(Buffer.from('\0some input'));
          socket.send(Buffer.from([255, 0]));
        },
      );
      assert.equal(channel(frames, 1), 'some input');
      assert.deepEqual(JSON.parse(channel(frames, 3)), { metadata: {}, status: 'Success' });
    });

    test('base64 channels carry text', async () => {
      const { frames } = await run(
        `web/exec?stdin=true&stdout=true&${words('head', '-c', '3')}`,
        ['base64.channel.k8s.io'],
        (socket) => {
          socket.send(`0${Buffer.from('abc').toString('base64')}`);
        },
      );
      assert.deepEqual(frames, ['1', `1${Buffer.from('abc').toString('base64')}`]);
    });

    test('without a sub-protocol the channels are binary and success needs no words', async () => {
      const { frames, protocol } = await run(`web/exec?stdout=1&stderr=1&${words('echo', 'hi')}`, []);
      assert.deepEqual([protocol, channel(frames, 1), channel(frames, 3)], ['', 'hi\n', '']);
    });

    test('resizes reach the node', async () => {
      await run(
        `web/exec?tty=true&stdin=true&stdout=true&${words('head', '-n', '1')}`,
        ['v4.channel.k8s.io'],
        (socket) => {
          socket.send(Buffer.from('\x04{"Width":80,"Height":25}'));
          socket.send(Buffer.from('\0go\n'));
        },
      );
      assert.deepEqual(peer.resizes.at(-1), { width: 80, height: 25 });
    });

    test('a client that does not read stops the command, not the server', async () => {
      const socket = open(`web/exec?stdout=true&${words('sh', '-c', 'yes | head -c 50000000')}`, ['v4.channel.k8s.io']);
      await once(socket, 'open');
      socket.pause();
      await until(() => peer.unsentBytes() > 0);
      const before = process.memoryUsage().rss;
      await sleep(300);
      assert.equal(peer.running(), 1);
      assert.ok(process.memoryUsage().rss - before < 30_000_000);
      let received = 0;
      socket.on('message', (data: Buffer) => (received += data.length - 1));
      socket.resume();
      await once(socket, 'close');
      assert.ok(received > 50_000_000);
    });

    test('port-forward by pairs of channels', async () => {
      const { port } = echo.address() as AddressInfo;
      const socket = open(`web/portforward?ports=${port}`, ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
      const frames: Buffer[] = [];
      socket.on('message', (data: Buffer) => frames.push(data));
      await once(socket, 'open');
      assert.equal(socket.protocol, 'v4.channel.k8s.io');
      socket.send(Buffer.from('\0hello'));
      await until(() => channel(frames, 0).endsWith('hello'));
      const number = Buffer.alloc(2);
      number.writeUInt16LE(port);
      assert.deepEqual(frames.slice(0, 2), [
        Buffer.concat([Buffer.from([0]), number]),
        Buffer.concat([Buffer.from([1]), number]),
      ]);
      socket.close();
      await until(() => peer.connections() === 0);
    });

    for (const [path, protocols, code] of [
      ['none/exec?command=x', ['v4.channel.k8s.io'], 404],
      ['waiting/exec?command=x', ['v4.channel.k8s.io'], 400],
      ['web/exec?command=x', ['v9.channel.k8s.io'], 403],
      ['web/exec', ['v4.channel.k8s.io'], 400],
      ['web/exec?command=x&stdout=false&stderr=false', ['v4.channel.k8s.io'], 400],
      ['web/portforward', ['v4.channel.k8s.io'], 400],
    ] as const)
      test(`${path} by ${protocols[0]} is refused with ${code}`, async () => {
        const socket = open(path, [...protocols]);
        const [, response] = await once(socket, 'unexpected-response');
        assert.equal(response.statusCode, code);
        socket.on('error', () => {});
        socket.terminate();
      });
  });
});

function collect(child: ChildProcessWithoutNullStreams): () => { stdout: string; stderr: string } {
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (data: Buffer) => parts.stdout.push(data));
  child.stderr.on('data', (data: Buffer) => parts.stderr.push(data));
  return () => ({ stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() });
}

async function until<T>(check: () => T): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + patienceMs; ;) {
    const found = check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`Still not so after ${patienceMs} ms: ${check.toString()}`);
    await sleep(10);
  }
}

function kubeconfigOf({ url, folder }: TestApi): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [
      {
        name: 'test',
        user: { 'client-certificate': join(folder, 'admin.crt'), 'client-key': join(folder, 'admin.key') },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
}
