/** exec, attach, run, cp, port-forward and debug: what passes through a connection to a container. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';
import { testSinceKubectl } from '../harness/kubectl.ts';

const bytes = randomBytes(5_000_000);

suite('sessions', function () {
  this.timeout(60_000);
  let place: Place;
  let folder: string;

  suiteSetup(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-sessions-'));
    place = await makePlace('sessions');
    await place.run('talk', {
      shareProcessNamespace: true,
      containers: [
        container(`nc -ll -p 7001 -e cat & nc -ll -p 7002 -e echo seven & ${forever}`),
        {
          ...container('echo ready; while read line; do echo "heard $line"; done; exit 6', { stdin: true }),
          name: 'listener',
        },
      ],
    });
    await place.ready('talk');
  });
  suiteTeardown(async () => {
    await place.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs kubectl with input; resolves with its output, its errors and its exit code. */
  function pipe(
    args: string[],
    input: Buffer | string = '',
  ): Promise<{ out: Buffer; err: string; code: number | null }> {
    return new Promise((resolve) => {
      const child = spawn('kubectl', [`--kubeconfig=${place.cluster.layout.kubeconfig}`, '-n', 'sessions', ...args]);
      const out: Buffer[] = [];
      let err = '';
      child.stdout.on('data', (data: Buffer) => void out.push(data));
      child.stderr.on('data', (data: Buffer) => (err += data.toString()));
      child.on('close', (code) => resolve({ out: Buffer.concat(out), err, code }));
      child.stdin.end(input);
    });
  }

  test('commands get their input, give their output and their exit code', async () => {
    const there = await pipe(['exec', '-i', 'talk', '-c', 'app', '--', 'cat'], bytes);
    assert.ok(there.out.equals(bytes), `${there.out.length} bytes came back, ${there.err}`);
    const [failed, absent, killed, nobody] = await Promise.all([
      pipe(['exec', 'talk', '-c', 'app', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']),
      pipe(['exec', 'talk', '-c', 'app', '--', 'nothing', 'here']),
      pipe(['exec', 'talk', '-c', 'app', '--', 'sh', '-c', 'kill -9 $$']),
      pipe(['exec', 'talk', '-c', 'nobody', '--', 'true']),
    ]);
    assert.deepEqual(
      [failed.out.toString(), failed.err, failed.code],
      ['out\n', 'err\ncommand terminated with exit code 42\n', 42],
    );
    assert.equal(
      absent.err,
      'error: Internal error occurred: failed to exec in container: unable to start container process: exec: "nothing": executable file not found in $PATH\n',
    );
    assert.equal(absent.code, 1);
    assert.deepEqual([killed.err, killed.code], ['command terminated with exit code 137\n', 137]);
    assert.match(nobody.err, /container nobody is not valid for pod talk/);
    const terminal = place.cluster.spawnKubectl(['-n', 'sessions', 'exec', '-it', 'talk', '-c', 'app', '--', 'sh'], {
      tty: true,
    });
    terminal.write('tty; echo $((40 + 2)) $TERM; exit 3\r');
    assert.equal(await terminal.exited, 3);
    assert.match(terminal.output(), /\/dev\/pts\/0\r\n42 xterm/);
  });

  test('attaching speaks with the container’s own process', async () => {
    const attached = place.cluster.spawnKubectl(['-n', 'sessions', 'attach', '-i', 'talk', '-c', 'listener']);
    await eventually('an answer', () => {
      attached.write('ahoy\n');
      return attached.output().includes('heard ahoy');
    });
    await attached.end();
    const ran = await pipe(
      [
        'run',
        'once',
        '-i',
        '--rm',
        '--restart=Never',
        `--image=${testImage}`,
        '--quiet',
        '--',
        'sh',
        '-c',
        'read word; echo "got $word"; exit 4',
      ],
      'word\n',
    );
    assert.match(ran.out.toString(), /got word/);
    assert.equal(ran.code, 4);
    await assert.rejects(place.kubectl('get', 'pod', 'once'), /pods "once" not found/);
    const shell = place.cluster.spawnKubectl(
      ['-n', 'sessions', 'run', 'shell', '-it', '--rm', '--restart=Never', `--image=${testImage}`, '--', 'sh'],
      { tty: true },
    );
    // As with any cluster, what the shell said before kubectl was there to hear is lost.
    await eventually('a prompt', () => {
      shell.write('\r');
      return shell.output().includes('#');
    });
    shell.write('echo $((6 * 7)); exit\r');
    assert.equal(await shell.exited, 0);
    assert.match(shell.output(), /42\r\n/);
    assert.match(shell.output(), /pod "shell" deleted/);
  });

  test('folders are copied both ways', async () => {
    mkdirSync(`${folder}/tree/deep`, { recursive: true });
    writeFileSync(`${folder}/tree/deep/bytes`, bytes);
    writeFileSync(`${folder}/tree/note`, 'note');
    await place.kubectl('cp', '-c', 'app', `${folder}/tree`, 'talk:/copied');
    assert.equal(
      await place.exec('talk', 'cat /copied/note; cd /copied; find . | sort', 'app'),
      'note.\n./deep\n./deep/bytes\n./note\n',
    );
    await place.kubectl('cp', '-c', 'app', 'talk:/copied', `${folder}/back`);
    assert.ok(readFileSync(`${folder}/back/deep/bytes`).equals(bytes));
  });

  test('ports are forwarded, several at once, again and again', async () => {
    const forward = place.cluster.spawnKubectl([
      '-n',
      'sessions',
      'port-forward',
      'pod/talk',
      ':7001',
      ':7002',
      ':7999',
    ]);
    const portOf = (inner: number) => Number(new RegExp(`127.0.0.1:(\\d+) -> ${inner}`).exec(forward.output())?.[1]);
    await eventually('ports', () => portOf(7001) > 0 && portOf(7002) > 0 && portOf(7999) > 0);
    const talk = (port: number, input: Buffer) =>
      new Promise<Buffer>((resolve, reject) => {
        const parts: Buffer[] = [];
        let size = 0;
        const socket = net.connect(port, '127.0.0.1');
        socket.on('data', (data: Buffer) => {
          parts.push(data);
          size += data.length;
          if (size >= input.length && input.length > 0) socket.end();
        });
        socket.on('close', () => resolve(Buffer.concat(parts)));
        socket.on('error', reject);
        socket.write(input);
      });
    const [big, ...small] = await Promise.all([
      talk(portOf(7001), bytes),
      ...Array.from({ length: 8 }, () => talk(portOf(7002), Buffer.alloc(0))),
    ]);
    assert.ok(big.equals(bytes), `${big.length} bytes came back: ${forward.output()}`);
    assert.deepEqual(
      small.map(String),
      Array.from({ length: 8 }, () => 'seven\n'),
    );
    await talk(portOf(7999), Buffer.from('x')).catch(() => undefined);
    await eventually('what was wrong', () => /forwarding 7999|7999 to pod/.test(forward.output()));
    await forward.end();
  });

  testSinceKubectl(
    27,
    'a debugging container sees the processes of the one it is aimed at, and of no other',
    async () => {
      await place.run('apart', {
        containers: [container(`${forever}; : first`), { ...container(`${forever}; : second`), name: 'second' }],
      });
      await place.ready('apart');
      const seen = await pipe(
        [
          'debug',
          'apart',
          '-i',
          '--quiet',
          `--image=${testImage}`,
          '--target=second',
          '-c',
          'doctor',
          '--profile=general',
          '--',
          'sh',
          '-c',
          // A process that has just been forked still has its parent's words.
          'read go; ps -o args | grep -o ": [fs][a-z]*[td]$" | sort -u',
        ],
        'go\n',
      );
      assert.equal(seen.out.toString(), ': second\n', seen.err);
      const doctor = await eventually('its end', async () => {
        const status = await place.status('apart', 'doctor');
        return status?.state?.terminated && status;
      });
      assert.deepEqual([doctor.state?.terminated?.exitCode, doctor.ready, doctor.restartCount], [0, false, 0]);
      assert.match(await place.kubectl('describe', 'pod', 'apart'), /Ephemeral Containers:\n\s+doctor:/);
    },
  );
});
