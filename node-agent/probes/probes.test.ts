import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Container, HTTPGetAction, Probe } from '#lib/kinds/gen/core-v1.ts';
import { makeContainer, makePod, makeRun, makeSeen, startMs } from '../lifecycle/pods.fixture.ts';
import type { Seen } from '../lifecycle/types.ts';
import { tryProbe } from './actions.ts';
import { healthAfter, judge, noTally, probesFor } from './judge.ts';
import { makeProbeMeter } from './meter.ts';
import { makeProber } from './prober.ts';
import { httpTarget, portOf } from './target.ts';

const realEnv = makeRealEnv({ service: 'probes', level: 'error' });
const noExec = { execSync: () => Promise.resolve({ exitCode: 0, output: '', timedOut: false }) };
const attempt = (probe: Probe, container: Container = { name: 'app' }) =>
  tryProbe({ timeoutSeconds: 1, ...probe }, { id: 'x', container, podIp: '127.0.0.1' }, noExec, realEnv);

suite('node-agent/probes', () => {
  test('judge() turns only after as many results in a row as the threshold says', () => {
    const probe = { failureThreshold: 2, successThreshold: 3 };
    const after = (results: ('success' | 'failure')[]) =>
      results.reduce((tally, result) => judge(tally, result, probe), noTally).verdict;
    assert.equal(after(['failure']), 'unknown');
    assert.equal(after(['failure', 'failure']), 'failure');
    assert.equal(after(['failure', 'success', 'failure']), 'unknown');
    assert.equal(after(['success', 'success', 'success', 'failure']), 'success');
  });

  test('judge() always has the verdict of the last row long enough', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 4 }), (results, threshold) => {
        const probe = { failureThreshold: threshold, successThreshold: threshold };
        const tally = results.reduce((now, ok) => judge(now, ok ? 'success' : 'failure', probe), noTally);
        let expected = 'unknown';
        for (let i = threshold; i <= results.length; i++) {
          const row = results.slice(i - threshold, i);
          if (row.every((ok) => ok === row[0])) expected = row[0] ? 'success' : 'failure';
        }
        assert.equal(tally.verdict, expected);
      }),
    );
  });

  test('probesFor() lets nothing run before the startup probe has succeeded', () => {
    const probe = { exec: { command: ['true'] } };
    const container = { name: 'app', startupProbe: probe, livenessProbe: probe, readinessProbe: probe };
    const pod = makePod();
    const health = { id: 'x', started: false, ready: false };
    assert.deepEqual(probesFor(container, health, false), ['startup']);
    const started = healthAfter(health, pod, container, 'startup', { verdict: 'success', last: 'success', row: 1 });
    assert.deepEqual(probesFor(container, started, false), ['readiness', 'liveness']);
    assert.deepEqual(probesFor(container, started, true), ['readiness']);
    const doomed = healthAfter(started, pod, container, 'liveness', { verdict: 'failure', last: 'failure', row: 3 });
    assert.equal(doomed.doomed?.message, 'Container app failed liveness probe, will be restarted');
    assert.deepEqual(probesFor(container, doomed, false), []);
  });

  test('healthAfter() promises another run only where there will be one, and names sidecars as upstream', () => {
    const container = makeContainer('app', { livenessProbe: { terminationGracePeriodSeconds: 7 } });
    const health = { id: 'x', started: true, ready: true };
    const failed = { verdict: 'failure', last: 'failure', row: 3 } as const;
    const after = (spec: object) => healthAfter(health, makePod(spec), container, 'liveness', failed);
    assert.deepEqual(after({ restartPolicy: 'Never' }), {
      id: 'x',
      started: true,
      ready: false,
      doomed: { message: 'Container app failed liveness probe', graceSeconds: 7 },
    });
    const promised = 'Container app failed liveness probe, will be restarted';
    assert.deepEqual(after({ restartPolicy: 'OnFailure' }).doomed, {
      message: promised,
      graceSeconds: 7,
      replaced: true,
    });
    const sidecar = { containers: [makeContainer('main')], initContainers: [container] };
    assert.equal(after(sidecar).doomed?.message, 'Init container app failed liveness probe');
  });

  test('portOf() knows ports by number and by name', () => {
    const container = { name: 'app', ports: [{ name: 'web', containerPort: 8080 }] };
    assert.equal(portOf('web', container), 8080);
    assert.equal(portOf('81', container), 81);
    assert.throws(() => portOf('no', container), /couldn't find port "no"/);
  });

  test('tryProbe() asks over HTTP, follows redirects on the same host, and gives up in time', async () => {
    const server = http.createServer((request, response) => {
      if (request.url === '/slow') return;
      if (request.url === '/loop') return void response.writeHead(302, { location: '/loop' }).end();
      const status = Number(request.url!.slice(1, 4));
      const location = request.url!.slice(4);
      response.writeHead(status, location ? { location } : {}).end(request.headers['user-agent']);
    });
    const port = await listen(server);
    try {
      const get = (path: string) => attempt({ httpGet: { path, port } });
      assert.deepEqual(await get('/200'), { result: 'success', output: 'kube-probe/1.32' });
      assert.deepEqual(await get('/500'), { result: 'failure', output: 'HTTP probe failed with statuscode: 500' });
      assert.equal((await get('/302/404')).result, 'failure');
      assert.deepEqual(await get('/302http://elsewhere.example/'), {
        result: 'success',
        output: 'Probe terminated redirects, Response body: kube-probe/1.32',
        doubtful: true,
      });
      assert.deepEqual(await get('/loop'), {
        result: 'failure',
        output: `Get "http://127.0.0.1:${port}/loop": stopped after 10 redirects.`,
      });
      assert.match((await get('/slow')).output, /context deadline exceeded/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    assert.match((await attempt({ httpGet: { port } })).output, /connect: connection refused$/);
  });

  test('tryProbe() asks over TLS, whoever has signed, under the name that is given', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-probes-'));
    const made = { key: `${folder}/key`, cert: `${folder}/cert` };
    const ask = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=nobody';
    execFileSync('openssl', [...ask.split(' '), '-keyout', made.key, '-out', made.cert], { stdio: 'ignore' });
    const identity = { key: readFileSync(made.key), cert: readFileSync(made.cert) };
    rmSync(folder, { recursive: true });
    const server = https.createServer(identity, (request, response) => response.end(request.headers.host));
    const port = await listen(server);
    try {
      const httpHeaders = [{ name: 'Host', value: 'name.example' }];
      const answer = await attempt({ httpGet: { port, scheme: 'HTTPS', httpHeaders } });
      assert.deepEqual(answer, { result: 'success', output: 'name.example' });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('httpTarget() sends headers as given, several of a name too', () => {
    const header = (name: string, value: string) => ({ name, value });
    const httpHeaders = [
      header('X-A', '1'),
      header('x-a', '2'),
      header('Host', 'name.example'),
      header('accept', ''),
      header('Authorization', 'Basic eA=='),
    ];
    const target = (action: Partial<HTTPGetAction>) =>
      httpTarget(
        { port: 'web', ...action },
        { name: 'app', ports: [{ name: 'web', containerPort: 81 }] },
        '10.0.0.1',
        'me',
      );
    assert.deepEqual(target({ httpHeaders, scheme: 'HTTPS', host: 'there', path: 'a?b=c' }), {
      secure: true,
      host: 'there',
      port: 81,
      path: '/a?b=c',
      headers: { 'User-Agent': 'me', 'X-A': ['1', '2'], Host: 'name.example', Authorization: 'Basic eA==' },
    });
    assert.deepEqual(target({}).headers, { 'User-Agent': 'me', Accept: '*/*' });
  });

  test('makeProber() waits for a slow probe, then tries at once, and ends with its run', async () => {
    const env = makeFakeEnv({ startMs });
    const tries: number[] = [];
    let finish: ((exitCode: number) => void) | undefined;
    const execSync = () =>
      new Promise<{ exitCode: number; output: string; timedOut: boolean }>((resolve) => {
        tries.push((env.now() - startMs) / 1000);
        finish = (exitCode) => resolve({ exitCode, output: 'poorly', timedOut: false });
      });
    const said: string[] = [];
    const prober = makeProber({
      env,
      events: { record: ({ reason, message }) => void said.push(`${reason}: ${message}`), stop: () => {} },
      executor: { execSync },
    });
    const readinessProbe = { exec: { command: ['x'] }, initialDelaySeconds: 5, periodSeconds: 2 };
    const pod = makePod({ containers: [makeContainer('app', { readinessProbe })] });
    const tallies: string[] = [];
    const follow = (seen: Seen | undefined) =>
      prober.follow('uid-1', seen, (_, __, kind, { last, row }) => void tallies.push(`${kind} ${last} ${row}`));
    const seen = makeSeen(pod, [makeRun('app')]);
    follow(seen);
    await env.advance(4_900);
    assert.deepEqual(tries, []);
    await env.advance(9_100);
    // It has hung for nine seconds: four tries fell due meanwhile, and none was begun.
    assert.deepEqual(tries, [5]);
    follow(seen);
    finish!(1);
    await env.advance(0);
    assert.deepEqual(tries, [5, 14]);
    finish!(0);
    await env.advance(2_000);
    assert.deepEqual(tries, [5, 14, 16]);
    assert.deepEqual(said, ['Unhealthy: Readiness probe failed: poorly']);
    assert.deepEqual(tallies, ['readiness failure 1', 'readiness success 1']);
    follow(undefined);
    finish!(1);
    await env.advance(60_000);
    assert.deepEqual([tries.length, tallies.length, said.length, env.pending()], [3, 2, 1, 0]);
  });

  test('makeProber() says that it could not try, thrice at once, and holds it against nobody', async () => {
    const env = makeFakeEnv({ startMs });
    const tries: number[] = [];
    let missing = true;
    const execSync = () => {
      tries.push((env.now() - startMs) / 1000);
      if (missing) return Promise.reject(new Error('exec: "x": not found'));
      return Promise.resolve({ exitCode: 1, output: 'poorly', timedOut: false });
    };
    const said: string[] = [];
    const events = { record: ({ message }: { message: string }) => void said.push(message), stop: () => {} };
    const meter = makeProbeMeter();
    const prober = makeProber({ env, events, executor: { execSync }, meter });
    const livenessProbe = { exec: { command: ['x'] }, periodSeconds: 2, failureThreshold: 2 };
    const pod = makePod({ containers: [makeContainer('app', { livenessProbe })] });
    const tallies: string[] = [];
    prober.follow('uid-1', makeSeen(pod, [makeRun('app')]), (_, __, kind, { last, row }) => {
      tallies.push(`${kind} ${last} ${row}`);
    });
    await env.advance(2_500);
    assert.deepEqual(tries, [0, 0, 0, 2, 2, 2]);
    assert.deepEqual([tallies, meter.render()], [[], '']);
    missing = false;
    await env.advance(2_000);
    assert.deepEqual(tallies, ['liveness failure 1']);
    assert.deepEqual(said, [
      'Liveness probe errored: exec: "x": not found',
      'Liveness probe errored: exec: "x": not found',
      'Liveness probe failed: poorly',
    ]);
    prober.follow('uid-1', undefined, () => {});
    assert.equal(env.pending(), 0);
  });

  test('tryProbe() does not know of what it cannot try', async () => {
    const unknown = (output: string) => ({ result: 'unknown', output });
    const noPort = unknown('couldn\'t find port "web" in container "app"');
    assert.deepEqual(await attempt({ httpGet: { port: 'web' } }), noPort);
    assert.deepEqual(await attempt({ tcpSocket: { port: 'web' } }), noPort);
    assert.deepEqual(await attempt({}), unknown('missing probe handler for app'));
  });

  test('tryProbe() knocks at TCP ports', async () => {
    const server = net.createServer((socket) => socket.end());
    const port = await listen(server);
    assert.equal((await attempt({ tcpSocket: { port } })).result, 'success');
    server.close();
    assert.equal((await attempt({ tcpSocket: { port } })).result, 'failure');
  });

  test('tryProbe() asks grpc.health.v1', async () => {
    const answers: Record<string, number> = { '': 1, sick: 2 };
    const server = new Server();
    const check = {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false as const,
      responseStream: false as const,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    server.addService(
      { check },
      {
        check: (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) =>
          callback(null, Buffer.from([0x08, answers[call.request.subarray(2).toString()] ?? 3])),
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    try {
      assert.equal((await attempt({ grpc: { port } })).result, 'success');
      const sick = await attempt({ grpc: { port, service: 'sick' } });
      assert.deepEqual(sick, { result: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' });
    } finally {
      server.forceShutdown();
    }
    assert.deepEqual(await attempt({ grpc: { port } }), {
      result: 'failure',
      output: `timeout: failed to connect service "127.0.0.1:${port}" within 1s: context deadline exceeded`,
    });
  });
});

function listen(server: http.Server | net.Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}
