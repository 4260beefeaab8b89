import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { createServer, connect as connectTo } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import { text as textOf } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import path from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/grpc-js';
import { fromServiceError } from '#lib/client/grpc-status.ts';
import type { Client as ApiClient } from '#lib/client/types.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { TokenReview } from '#lib/kinds/gen/authentication-v1.ts';
import type { SubjectAccessReview } from '#lib/kinds/gen/authorization-v1.ts';
import type { Resource } from '#lib/meta/object.ts';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import { nodeService } from '#protos/gen/node.ts';
import type { ExecInput, ExecOutput, LogsRequest, StatsReply } from '#protos/gen/node.ts';
import { podLogDir } from '../lifecycle/log-files.ts';
import { makeContainer, makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import { makeProbeMeter } from '../probes/meter.ts';
import { makeMemoryRuntime } from '../runtime/memory.ts';
import type { CgroupUsage, StreamSession, StreamSink } from '../runtime/types.ts';
import { tellKubeletConfiguration } from '../settings/kubelet-configuration.ts';
import { startServer } from './server.ts';
import type { NodeServer } from './server.ts';
import type { Summary } from './summary-types.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });
const pod = makePod({ containers: [makeContainer('app'), makeContainer('waits')] });
const ref = { namespace: 'default', name: 'web', uid: 'uid-1' };

type PageOptions = RequestOptions & { session?: Buffer | undefined };

/** A session that gives back what it is given, and ends with 7 when its input does. */
function echo(sink: StreamSink): StreamSession {
  const end = Promise.withResolvers<number>();
  return {
    write: (data) => sink.stdout(data),
    closeStdin: () => end.resolve(7),
    resize: (width, height) => sink.stderr(Buffer.from(`${width}x${height}`)),
    exited: end.promise,
    kill: () => end.resolve(137),
  };
}

suite('node-agent/server', () => {
  let root: string;
  let server: NodeServer;
  let client: Client;
  let authority: KeyPair;
  let destination: number;
  const meter = makeProbeMeter();
  const listener = createServer((socket) => socket.pipe(socket));

  const clientWith = ({ certPem, keyPem }: KeyPair) => {
    const identity = credentials.createSsl(Buffer.from(authority.certPem), Buffer.from(keyPem), Buffer.from(certPem));
    return new Client(`127.0.0.1:${server.port}`, identity, { 'grpc.ssl_target_name_override': 'n1' });
  };
  const clientAs = async (commonName: string, organizations: string[] = []) =>
    clientWith(await issue(authority, { commonName, organizations, usages: ['client'] }, Date.now()));
  const getPage = async (page: string, wanted: PageOptions, onSession?: (session: Buffer) => void) => {
    const options = { ca: authority.certPem, servername: 'n1', agent: false as const, ...wanted };
    const sending = request(`https://127.0.0.1:${server.port}${page}`, options).end();
    sending.on('socket', (socket) => socket.on('session', (session: Buffer) => onSession?.(session)));
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    assert.equal((sending.socket as TLSSocket).isSessionReused(), wanted.session !== undefined);
    return { code: answer.statusCode, type: answer.headers['content-type'], text: await textOf(answer) };
  };
  const unary = <Req, Res>(to: Client, method: MethodDefinition<Req, Res>, request: Req) =>
    new Promise<Res>((resolve, reject) => {
      const { path: name, requestSerialize, responseDeserialize } = method;
      to.makeUnaryRequest(name, requestSerialize, responseDeserialize, request, (error, answer) =>
        error ? reject(fromServiceError(error)) : resolve(answer!),
      );
    });
  const logs = (request: Partial<LogsRequest> = {}) =>
    new Promise<string>((resolve, reject) => {
      const { path: name, requestSerialize, responseDeserialize } = nodeService.logs;
      const whole = { ...everything, pod: ref, container: 'app', ...request };
      const call = client.makeServerStreamRequest(name, requestSerialize, responseDeserialize, whole);
      let text = '';
      call.on('data', ({ data }: { data: Buffer }) => (text += data.toString()));
      call.on('end', () => resolve(text));
      call.on('error', (error) => reject(fromServiceError(error as Parameters<typeof fromServiceError>[0])));
    });

  /** An API server that knows one token, and lets its owner read metrics. */
  let asked = 0;
  const answerTo = ({ spec }: TokenReview | SubjectAccessReview) => {
    asked += 1;
    if ('token' in spec) {
      const authenticated = spec.token === 'of-scraper';
      return { authenticated, ...(authenticated && { user: { username: 'scraper', groups: ['watchers'] } }) };
    }
    const { user, groups, resourceAttributes } = spec as SubjectAccessReview['spec'];
    const { verb, resource, subresource, name } = resourceAttributes!;
    const isMetrics = `${verb} ${resource}/${subresource} ${name}` === 'get nodes/metrics n1';
    return { allowed: user === 'scraper' && groups?.join() === 'watchers' && isMetrics };
  };
  const create: ApiClient['create'] = <T extends Resource>(_kind: Kind<T>, draft: unknown) =>
    Promise.resolve({ ...(draft as T), status: answerTo(draft as TokenReview) });

  suiteSetup(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-node-server-'));
    authority = await makeAuthority('test', Date.now());
    const own = await issue(
      authority,
      { commonName: 'system:node:n1', dnsNames: ['n1'], usages: ['server'] },
      Date.now(),
    );
    const files = { 'ca.crt': authority.certPem, 'n1.crt': own.certPem, 'n1.key': own.keyPem };
    for (const [name, text] of Object.entries(files)) writeFileSync(`${root}/${name}`, text);
    const folder = `${podLogDir(`${root}/logs`, pod)}/app`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/0.log`, '2026-01-01T00:00:00Z stdout F first run\n');
    writeFileSync(`${folder}/1.log`, '2026-01-01T00:00:01Z stdout F one\n2026-01-01T00:00:02Z stdout F two\n');
    // A container that is being started has a log before it has a run.
    mkdirSync(`${podLogDir(`${root}/logs`, pod)}/waits`);
    writeFileSync(`${podLogDir(`${root}/logs`, pod)}/waits/0.log`, '');
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    destination = (listener.address() as AddressInfo).port;
    const seen = makeSeen(pod, [makeRun('app', { attempt: 1 })]);
    const waited = { total: 3_000_000, avg10: 1, avg60: 0, avg300: 0 };
    const usage: CgroupUsage = {
      cpuNanoseconds: 5,
      memoryBytes: 100,
      workingSetBytes: 60,
      rssBytes: 40,
      cacheBytes: 50,
      swapBytes: 7,
      swapLimitBytes: 10,
      memoryLimitBytes: 200,
      pageFaults: 8,
      majorPageFaults: 2,
      pids: 1,
      throttling: { periods: 4, throttledPeriods: 3, throttledNanoseconds: 2_000_000_000 },
      pressure: { cpu: { some: waited, full: { ...waited, total: 1_000_000 } } },
    };
    const packets = { rxPackets: 1, rxErrors: 0, rxDropped: 4, txPackets: 2, txErrors: 3, txDropped: 0 };
    const containers = [{ id: makeRun('app', { attempt: 1 }).id, name: 'app', ...usage }];
    const interfaces = [{ name: 'eth0', rxBytes: 11, txBytes: 22, ...packets }];
    mkdirSync(`${root}/layer`);
    writeFileSync(`${root}/layer/data`, Buffer.alloc(100_000, 1));
    server = await startServer(
      {
        nodeName: 'n1',
        listen: { host: '127.0.0.1', port: 0 },
        tls: { caFile: `${root}/ca.crt`, certFile: `${root}/n1.crt`, keyFile: `${root}/n1.key` },
        logDir: `${root}/logs`,
        nodeLogDir: `${root}/logs`,
        maxPods: 7,
        stateDir: root,
        imageDir: root,
      },
      {
        machine: { machineId: 'm', systemUuid: 's', bootId: 'b' },
        deviceMetrics: { render: () => '' },
        probeMetrics: meter,
        env,
        client: { create },
        runtime: {
          ...makeMemoryRuntime(env),
          exec: (_id, _command, _options, sink) => Promise.resolve(echo(sink)),
          attach: (_id, _options, sink) => Promise.resolve(echo(sink)),
          openPort: () => Promise.resolve(connectTo(destination, '127.0.0.1')),
          stats: () => Promise.resolve(containers),
          podUsage: () => Promise.resolve({ cgroup: '/w/poduid-1', whole: usage, containers, interfaces }),
          podsUsage: () => Promise.resolve({ cgroup: '/w', whole: usage }),
          layers: () => Promise.resolve([{ id: containers[0]!.id, name: 'app', folder: `${root}/layer` }]),
        },
        images: {
          find: () => Promise.resolve(undefined),
          pull: () => Promise.reject(new Error('no')),
          noteUse: () => Promise.resolve(),
          list: () => Promise.resolve([{ id: 'sha256:i', tags: ['i:1'], digests: [], sizeBytes: 3, lastUsedAt: 0 }]),
          remove: () => Promise.resolve(),
          importTar: () => Promise.resolve([]),
          dropStale: () => Promise.resolve(),
        },
        pods: { seen: (uid) => (uid === ref.uid ? seen : undefined), all: () => [seen], onRunChange: () => () => {} },
      },
    );
    client = await clientAs('kube-apiserver');
  });
  suiteTeardown(async () => {
    client.close();
    await server.stop();
    await new Promise((resolve) => listener.close(resolve));
    rmSync(root, { recursive: true, force: true });
  });

  test('startServer() answers the API server and administrators, and nobody else', async () => {
    const answer = await unary(client, nodeService.listImages, {});
    assert.deepEqual(answer.images, [{ id: 'sha256:i', tags: ['i:1'], digests: [], sizeBytes: 3 }]);
    const admin = await clientAs('someone', ['system:masters']);
    await unary(admin, nodeService.listImages, {});
    admin.close();
    const other = await clientAs('system:node:n2', ['system:nodes']);
    await assert.rejects(unary(other, nodeService.listImages, {}), { reason: 'Forbidden' });
    other.close();
  });

  test('logs come of the latest run or the one before, and refusals in upstream words', async () => {
    assert.equal(await logs(), 'one\ntwo\n');
    assert.equal(await logs({ tailLines: 1 }), 'two\n');
    assert.equal(await logs({ previous: true }), 'first run\n');
    await assert.rejects(logs({ container: 'waits' }), { message: 'container "waits" in pod "web" is not available' });
    await assert.rejects(logs({ container: 'no' }), { message: 'container no is not valid for pod web' });
    await assert.rejects(logs({ pod: { ...ref, uid: 'other' } }), { reason: 'NotFound' });
  });

  test('over plain HTTP the agent tells what a kubelet does, and only who may call it', async () => {
    const known = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
    const get = (page: string, method = 'GET') => getPage(page, { cert: known.certPem, key: known.keyPem, method });
    assert.deepEqual(await get('/healthz'), { code: 200, type: 'text/plain; charset=utf-8', text: 'ok' });
    const { items } = JSON.parse((await get('/pods')).text) as { items: { metadata: { name: string } }[] };
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['web'],
    );
    const summary = JSON.parse((await get('/stats/summary')).text) as { node: { nodeName: string } };
    assert.equal(summary.node.nodeName, 'n1');
    const ofAgent = (await get('/metrics')).text;
    for (const line of [
      'kubelet_node_name{node="n1"} 1',
      'kubelet_running_pods 1',
      'kubelet_running_containers{container_state="running"} 1',
    ])
      assert.ok(ofAgent.split('\n').includes(line), ofAgent);
    assert.match(ofAgent, /^process_resident_memory_bytes [\d.e+]+$/m);
    const metrics = (await get('/metrics/resource')).text;
    assert.match(
      metrics,
      /^# TYPE pod_memory_working_set_bytes gauge\npod_memory_working_set_bytes\{namespace="default",pod="web"\} 60 \d+$/m,
    );
    assert.match(
      metrics,
      /^container_cpu_usage_seconds_total\{container="app",namespace="default",pod="web"\} 5e-9 \d+$/m,
    );
    assert.equal((await get('/containerLogs/default/web/app')).text, 'one\ntwo\n');
    assert.equal(
      (await get('/containerLogs/default/web/app?tailLines=1&timestamps=true')).text,
      '2026-01-01T00:00:02Z two\n',
    );
    const waits = await get('/containerLogs/default/web/waits');
    assert.deepEqual([waits.code, waits.text], [400, 'container "waits" in pod "web" is not available']);
    assert.equal((await get('/containerLogs/default/none/app')).code, 404);
    assert.equal((await get('/containerLogs/default/web/app?tailLines=x')).code, 400);
    assert.equal((await get('/nothing')).code, 404);
    assert.equal((await get('/containerLogs/%zz/web/app')).code, 400);
    assert.equal((await get('/healthz', 'DELETE')).code, 405);
  });

  test('over plain HTTP the agent tells how it is configured, what runs, and all logs', async () => {
    const known = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
    const get = (page: string, method = 'GET') => getPage(page, { cert: known.certPem, key: known.keyPem, method });
    const { kubeletconfig } = JSON.parse((await get('/configz')).text) as { kubeletconfig: Record<string, unknown> };
    assert.deepEqual(kubeletconfig, tellKubeletConfiguration({ maxPods: 7 }));
    assert.equal(kubeletconfig['maxPods'], 7);
    const running = JSON.parse((await get('/runningpods/')).text) as { items: { spec: object }[] };
    assert.deepEqual(
      running.items.map(({ spec }) => spec),
      [{ containers: [{ name: 'app', image: 'app:1', resources: {} }] }],
    );
    const folder = path.basename(podLogDir('', pod));
    assert.deepEqual(await get(`/logs/${folder}/app/0.log`), {
      code: 200,
      type: 'text/plain; charset=utf-8',
      text: '2026-01-01T00:00:00Z stdout F first run\n',
    });
    assert.ok((await get('/logs/')).text.includes(`<a href="${folder}/">`));
    assert.equal((await get(`/logs/${folder}`)).code, 301);
    assert.equal((await get('/logs/%zz')).code, 400);
    assert.equal((await get('/logs/', 'DELETE')).code, 405);
    for (const page of ['/logs/../n1.key', '/logs/..%2fn1.key', '/logs/%2e%2e%2fn1.key', '/logs/..%5cn1.key'])
      assert.equal((await get(page)).code, 404, page);
  });

  test('/metrics/cadvisor tells of machine, cgroups, pods and containers', async () => {
    const known = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
    const get = async () => (await getPage('/metrics/cadvisor', { cert: known.certPem, key: known.keyPem })).text;
    const text = await get();
    const { id } = makeRun('app', { attempt: 1 });
    const ofPod = 'id="/w/poduid-1",image="",name="",namespace="default",pod="web"';
    const ofContainer = `container="app",id="/w/poduid-1/${id}",image="app:1",name="${id}",namespace="default",pod="web"`;
    const lines = text.split('\n').map((line) => line.replace(/ \d{13}$/, ''));
    for (const line of [
      `container_cpu_usage_seconds_total{${ofContainer},cpu="total"} 5e-09`,
      `container_cpu_cfs_throttled_seconds_total{${ofContainer}} 2`,
      `container_memory_working_set_bytes{container="",${ofPod}} 60`,
      `container_memory_rss{${ofContainer}} 40`,
      `container_memory_failures_total{${ofContainer},failure_type="pgmajfault",scope="hierarchy"} 2`,
      `container_spec_memory_limit_bytes{${ofContainer}} 200`,
      `container_pressure_cpu_waiting_seconds_total{${ofContainer}} 3`,
      `container_pressure_cpu_stalled_seconds_total{${ofContainer}} 1`,
      `container_network_receive_bytes_total{container="",${ofPod},interface="eth0"} 11`,
      `container_network_transmit_errors_total{container="",${ofPod},interface="eth0"} 3`,
      `container_memory_cache{container="",id="/w",image="",name="",namespace="",pod=""} 50`,
      `machine_cpu_cores{boot_id="b",machine_id="m",system_uuid="s"} ${os.cpus().length}`,
      'container_scrape_error 0',
    ])
      assert.ok(lines.includes(line), `${line} is not in\n${text}`);
    assert.match(text, /^container_memory_usage_bytes\{container="",id="\/",.*\} [\d.e+]+ \d{13}$/m);
    // The disk is measured beside the scrapes.
    const layer = new RegExp(`^container_fs_usage_bytes\\{${ofContainer},device=""\\} (\\d+)`, 'm');
    for (const deadline = Date.now() + 20_000; !layer.test(await get());) assert.ok(Date.now() < deadline);
    assert.ok(Number(layer.exec(await get())![1]) >= 100_000);
  });

  test('/stats/summary is complete', async () => {
    const known = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
    const get = async () =>
      JSON.parse((await getPage('/stats/summary', { cert: known.certPem, key: known.keyPem })).text) as Summary;
    let summary = await get();
    for (const deadline = Date.now() + 20_000; summary.pods[0]!.containers[0]!.rootfs.usedBytes === undefined;) {
      assert.ok(Date.now() < deadline);
      summary = await get();
    }
    const { node, pods } = summary;
    const [web] = pods;
    assert.deepEqual(web!.podRef, { name: 'web', namespace: 'default', uid: 'uid-1' });
    const { time, ...memory } = web!.containers[0]!.memory;
    assert.ok(!Number.isNaN(Date.parse(time)));
    assert.deepEqual(memory, {
      availableBytes: 140,
      usageBytes: 100,
      workingSetBytes: 60,
      rssBytes: 40,
      pageFaults: 8,
      majorPageFaults: 2,
    });
    assert.equal(web!.cpu.psi?.some.total, 3_000_000);
    assert.deepEqual([web!.swap.swapUsageBytes, web!.swap.swapAvailableBytes], [7, 3]);
    assert.deepEqual([web!.network?.name, web!.network?.rxBytes, web!.network?.txErrors], ['eth0', 11, 3]);
    assert.deepEqual(web!.process_stats, { process_count: 1 });
    const { rootfs, logs } = web!.containers[0]!;
    assert.ok(rootfs.usedBytes! >= 100_000 && logs.usedBytes! > 0 && rootfs.capacityBytes > 0);
    assert.equal(web!['ephemeral-storage'].usedBytes, rootfs.usedBytes! + logs.usedBytes!);
    assert.deepEqual(
      node.systemContainers.map(({ name }) => name),
      ['pods'],
    );
    assert.ok(node.fs.capacityBytes > 0 && node.runtime.imageFs.usedBytes! > 0 && node.rlimit.curproc > 1);
    assert.ok(node.memory.availableBytes! > 0 && node.memory.rssBytes > 0 && node.swap.swapAvailableBytes! >= 0);
  });

  test('/metrics/probes counts tries of the pods that are probed', async () => {
    const known = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
    const get = async () => (await getPage('/metrics/probes', { cert: known.certPem, key: known.keyPem })).text;
    for (const result of ['success', 'success', 'failure'] as const)
      meter.observe({ pod, container: 'app', probe: 'Readiness', result, seconds: 0.02 });
    const text = await get();
    const who = 'container="app",namespace="default",pod="web"';
    for (const line of [
      `prober_probe_total{${who},pod_uid="uid-1",probe_type="Readiness",result="successful"} 2`,
      `prober_probe_total{${who},pod_uid="uid-1",probe_type="Readiness",result="failed"} 1`,
      `prober_probe_duration_seconds_bucket{${who},probe_type="Readiness",le="0.01"} 0`,
      `prober_probe_duration_seconds_bucket{${who},probe_type="Readiness",le="0.025"} 3`,
      `prober_probe_duration_seconds_count{${who},probe_type="Readiness"} 3`,
    ])
      assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
    meter.forget('uid-1');
    assert.equal(await get(), '');
  });

  test('whoever else comes over HTTP gets what the API server lets them', async () => {
    const stranger = await issue(
      authority,
      { commonName: 'scraper', organizations: ['watchers'], usages: ['client'] },
      Date.now(),
    );
    const identity = { cert: stranger.certPem, key: stranger.keyPem };
    const token = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
    for (const options of [identity, token('of-scraper')]) {
      assert.equal((await getPage('/metrics', options)).code, 200);
      assert.equal((await getPage('/metrics/resource', options)).code, 200);
      for (const page of ['/pods', '/healthz', '/containerLogs/default/web/app', '/nothing'])
        assert.deepEqual(await getPage(page, options), {
          code: 403,
          type: 'text/plain; charset=utf-8',
          text: 'Forbidden (user=scraper, verb=get, resource=nodes, subresource=proxy)',
        });
      for (const [page, part] of Object.entries({
        '/stats/summary': 'stats',
        '/logs': 'log',
        '/logs/': 'log',
        '/logs/..%2fmetrics': 'log',
        '/metrics/../logs/x': 'log',
        '/configz': 'proxy',
        '/runningpods/': 'proxy',
        '/logs%2f': 'proxy',
      })) {
        const { text } = await getPage(page, options);
        assert.equal(text, `Forbidden (user=scraper, verb=get, resource=nodes, subresource=${part})`, page);
      }
    }
    // Prometheus and curl would rather have HTTP/2.
    const both = { ...token('of-scraper'), ALPNProtocols: ['h2', 'http/1.1'] };
    assert.equal((await getPage('/metrics', both)).code, 200);
    const before = asked;
    await getPage('/metrics', token('of-scraper'));
    assert.equal(asked, before, 'an answer holds for a while');
    for (const options of [{}, token('of-nobody'), { headers: { authorization: 'Basic YTpi' } }])
      assert.deepEqual(await getPage('/metrics', options), {
        code: 401,
        type: 'text/plain; charset=utf-8',
        text: 'Unauthorized',
      });
  });

  test('a certificate that the authority did not sign counts as none, on any connection', async () => {
    const another = await makeAuthority('another', Date.now());
    const wanted = { commonName: 'kube-apiserver', organizations: ['system:masters'], usages: ['client' as const] };
    const forged = await issue(another, wanted, Date.now());
    const expired = await issue(authority, wanted, Date.now() - 400 * 24 * 60 * 60 * 1000);
    const server = await issue(authority, { ...wanted, usages: ['server'] }, Date.now());
    for (const { certPem, keyPem } of [forged, expired, server]) {
      const identity = { cert: certPem, key: keyPem };
      let session: Buffer | undefined;
      const first = await getPage('/pods', identity, (of) => (session = of));
      assert.equal(first.code, 401);
      assert.ok(session);
      assert.equal((await getPage('/pods', { ...identity, session })).code, 401, 'nor on one that is taken up again');
      const grpc = clientWith({ certPem, keyPem });
      await assert.rejects(unary(grpc, nodeService.listImages, {}), { reason: 'ServiceUnavailable' });
      grpc.close();
    }
  });

  test('exec carries input, output, size and exit code', async () => {
    const outputs = await session([
      { start: { pod: ref, container: 'app', command: ['x'], stdin: true, stdout: true, stderr: true, tty: true } },
      { resize: { width: 80, height: 24 } },
      { stdin: Buffer.from('hello') },
      { stdinClosed: true },
    ]);
    const text = (side: 'stdout' | 'stderr') => outputs.map((output) => output[side]?.toString() ?? '').join('');
    assert.deepEqual([text('stdout'), text('stderr'), outputs.at(-1)?.exit?.code], ['hello', '80x24', 7]);
  });

  test('exec tells that it begins, before there is any output', async () => {
    const { path: name, requestSerialize, responseDeserialize } = nodeService.exec;
    const call = client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
    const silent = { pod: ref, container: 'app', command: ['x'], stdin: true, stdout: true, stderr: true, tty: false };
    call.write({ start: silent });
    await once(call, 'metadata');
    call.on('error', () => {});
    call.cancel();
  });

  test('exec into a container that does not run is refused', async () => {
    const start = {
      pod: ref,
      container: 'waits',
      command: ['x'],
      stdin: false,
      stdout: true,
      stderr: true,
      tty: false,
    };
    await assert.rejects(session([{ start }]), { message: 'container not found ("waits")' });
  });

  test('port-forward carries bytes both ways, more than any buffer holds', async () => {
    const { path: name, requestSerialize, responseDeserialize } = nodeService.portForward;
    const call = client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
    const size = 8 * 1024 * 1024;
    let received = 0;
    const done = new Promise<void>((resolve, reject) => {
      call.on('data', ({ data }: { data: Buffer }) => {
        received += data.length;
        if (received === size) call.write({ closed: true });
      });
      call.on('end', resolve);
      call.on('error', reject);
    });
    call.write({ start: { pod: ref, port: 80 } });
    for (let sent = 0; sent < size; sent += 65_536) call.write({ data: Buffer.alloc(65_536) });
    await done;
    assert.equal(received, size);
  });

  test('stats describe the node and its pods', async () => {
    const { summary }: StatsReply = await unary(client, nodeService.stats, {});
    const { node, pods } = JSON.parse(summary.toString()) as {
      node: { nodeName: string; memory: { workingSetBytes: number } };
      pods: { podRef: { name: string }; containers: { name: string; memory: { workingSetBytes: number } }[] }[];
    };
    assert.equal(node.nodeName, 'n1');
    assert.ok(node.memory.workingSetBytes > 0);
    assert.deepEqual(
      pods.map(({ podRef, containers }) => [podRef.name, containers[0]!.name, containers[0]!.memory.workingSetBytes]),
      [['web', 'app', 60]],
    );
  });

  test('a certificate that is renewed counts for the next connection', async () => {
    const served = async () => {
      const known = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
      const socket = connectTls({
        port: server.port,
        host: '127.0.0.1',
        ca: authority.certPem,
        cert: known.certPem,
        key: known.keyPem,
        servername: 'n1',
      });
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const before = await served();
    const wanted = { commonName: 'system:node:n1', dnsNames: ['n1'], usages: ['server' as const] };
    const renewed = await issue(authority, wanted, Date.now());
    writeFileSync(`${root}/n1.crt`, renewed.certPem);
    writeFileSync(`${root}/n1.key`, renewed.keyPem);
    for (const deadline = Date.now() + 10_000; (await served()) === before;)
      assert.ok(Date.now() < deadline, 'the old certificate is still served');
    const { images } = await unary(client, nodeService.listImages, {});
    assert.equal(images.length, 1, 'what is open goes on');
  });

  function session(inputs: ExecInput[]): Promise<ExecOutput[]> {
    return new Promise((resolve, reject) => {
      const { path: name, requestSerialize, responseDeserialize } = nodeService.exec;
      const call = client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
      const outputs: ExecOutput[] = [];
      call.on('data', (output: ExecOutput) => outputs.push(output));
      call.on('end', () => resolve(outputs));
      call.on('error', (error) => reject(fromServiceError(error as Parameters<typeof fromServiceError>[0])));
      for (const input of inputs) call.write(input);
    });
  }
});

const everything: LogsRequest = {
  container: '',
  follow: false,
  previous: false,
  timestamps: false,
  sinceTime: '',
  tailLines: -1,
  limitBytes: 0,
};
