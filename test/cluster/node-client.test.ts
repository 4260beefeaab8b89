/** @kubernetes/client-node, as published, into pods: exec, attach, port-forward, copies, logs. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { Attach, Cp, Exec, KubeConfig, Log, PortForward } from '@kubernetes/client-node';
import type { V1Status } from '@kubernetes/client-node';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

/** Keeps all that is written to it. */
function keeper(): Writable & { text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString() });
}

suite('@kubernetes/client-node into pods', function () {
  this.timeout(60_000);
  const namespace = 'node-client';
  let place: Place;
  let config: KubeConfig;
  /** Goes with the suite: the client still sees to a file's owner and times when its content is there. */
  let folder: string;

  suiteSetup(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-cp-'));
    place = await makePlace(namespace);
    config = new KubeConfig();
    config.loadFromFile(place.cluster.layout.kubeconfig);
    const web = container('echo begun; mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www');
    const echo = container('while read line && [ $line != quit ]; do echo "heard $line"; done', {
      name: 'echo',
      stdin: true,
    });
    await place.run('one', { restartPolicy: 'Never', containers: [web, echo, container(forever, { name: 'idle' })] });
    await place.ready('one');
  });

  suiteTeardown(async () => {
    if (folder) rmSync(folder, { recursive: true, force: true });
    await place?.remove();
  });

  /** Runs a script; resolves with what it wrote and the status that ended it. */
  const exec = async (script: string, input?: string) => {
    const [out, err] = [keeper(), keeper()];
    const stdin = input === undefined ? null : new PassThrough().end(input);
    const { promise, resolve } = Promise.withResolvers<V1Status>();
    await new Exec(config).exec(namespace, 'one', 'app', ['sh', '-c', script], out, err, stdin, false, resolve);
    const status = await promise;
    return { out: out.text(), err: err.text(), status };
  };

  test('exec gives output, complaints and success', async () => {
    const { out, err, status } = await exec('echo out; echo err >&2');
    assert.deepEqual([out, err, status.status], ['out\n', 'err\n', 'Success']);
  });

  test('exec gives the exit code of what failed', async () => {
    const { status } = await exec('exit 7');
    assert.deepEqual(
      [status.status, status.reason, status.details?.causes],
      ['Failure', 'NonZeroExitCode', [{ reason: 'ExitCode', message: '7' }]],
    );
  });

  test('exec passes input on, and its end', async () => {
    const { out } = await exec('cat; echo over', 'to the end\n');
    assert.equal(out, 'to the end\nover\n');
  });

  test('attach speaks with the process that runs', async () => {
    const out = keeper();
    const stdin = new PassThrough();
    const socket = await new Attach(config).attach(namespace, 'one', 'echo', out, null, stdin, false);
    stdin.write('me\n');
    await eventually('its answer', () => out.text().includes('heard me\n'));
    socket.close();
  });

  test('port-forward carries a request and its answer', async () => {
    const out = keeper();
    const input = new PassThrough();
    const made = await new PortForward(config).portForward(namespace, 'one', [8080], out, null, input);
    input.write('GET / HTTP/1.0\r\n\r\n');
    await eventually('the answer', () => /200 OK[^]*served\n$/.test(out.text()));
    (typeof made === 'function' ? made() : made)?.close();
  });

  test('copies go in and come out', async () => {
    const cp = new Cp(config);
    mkdirSync(`${folder}/cargo`);
    writeFileSync(`${folder}/cargo/file`, 'carried\n');
    await cp.cpToPod(namespace, 'one', 'app', `${folder}/cargo`, '/www');
    await eventually('the file in the pod', async () => (await exec('cat /www/file')).out === 'carried\n');
    await exec('echo back > /www/landed');
    await cp.cpFromPod(namespace, 'one', 'app', 'landed', folder, '/www');
    await eventually('the file here', () => readFileSync(`${folder}/landed`, 'utf8') === 'back\n');
  });

  test('logs come to their end, and are followed', async () => {
    const all = keeper();
    await new Log(config).log(namespace, 'one', 'app', all, { tailLines: 5 });
    await eventually('the line', () => all.text() === 'begun\n');
    // To stop following would be an error that this client leaves uncaught, so the container ends instead.
    const followed = keeper();
    await new Log(config).log(namespace, 'one', 'echo', followed, { follow: true });
    const stdin = new PassThrough();
    const socket = await new Attach(config).attach(namespace, 'one', 'echo', keeper(), null, stdin, false);
    stdin.write('again\n');
    await eventually('the new line', () => followed.text().includes('heard again\n'));
    stdin.write('quit\n');
    await eventually('the end', () => followed.writableFinished);
    socket.close();
  });
});
