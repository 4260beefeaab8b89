/** `wherry demo`: a two-node cluster with a web application on it, and what to try next. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildImage } from '../node-agent/images/build.ts';
import { makeImages } from '../node-agent/images/images.ts';
import type { Env } from '#lib/env/env.ts';
import { run } from './cluster/run.ts';
import type { ClusterLayout } from './cluster/layout.ts';
import { layoutOf } from './cluster/layout.ts';
import { settleFacts } from './cluster/facts.ts';
import { say, seconds } from './say.ts';
import type { Options } from './options.ts';

const folder = fileURLToPath(new URL('../deploy/demo/', import.meta.url));
const image = 'wherry.local/demo/web:1';
const busybox = '/bin/busybox';
const nodePort = 30080;
const answerWithinMs = 10_000;

/** Starts the cluster, builds the demo's image meanwhile, applies its manifest with kubectl, and asks the web application for its page. */
export async function demo(
  options: Options,
  env: Env,
  start: (options: Options, env: Env) => Promise<ClusterLayout>,
): Promise<void> {
  const nodes = options.nodes ?? 2;
  const facts = await settleFacts(options.name, nodes, options.folders);
  const [cluster] = await Promise.all([
    start({ ...options, nodes }, env),
    buildDemoImage(layoutOf(facts, options.folders), env),
  ]);
  const begin = env.monotonic();
  const kubectl = (...args: string[]) =>
    run('kubectl', [`--kubeconfig=${cluster.kubeconfig}`, ...args], { timeoutMs: 120_000 });
  await kubectl('apply', '-f', `${folder}web.yaml`);
  await kubectl('-n', 'demo', 'rollout', 'status', 'deployment/web', '--timeout=90s');
  const url = `http://${cluster.nodes[0]!.address}:${nodePort}/`;
  const page = await pageFrom(url, env);
  say(`  ${'demo application answers'.padEnd(24)} ${seconds(env.monotonic() - begin)}`);
  say('');
  say(await kubectl('get', 'nodes,pods,services', '-A', '-o', 'wide'));
  say(`The demo answers at ${url}: ${/<h1>(.*)<\/h1>/.exec(page)?.[1] ?? page.trim()}`);
  say(hints(options.userKubeconfig === undefined ? `export KUBECONFIG=${cluster.kubeconfig}` : undefined, url));
}

/** Builds the image from this machine's static busybox: no network is needed. */
async function buildDemoImage(cluster: ClusterLayout, env: Env): Promise<void> {
  const context = mkdtempSync(path.join(os.tmpdir(), 'wherry-demo-'));
  try {
    cpSync(`${folder}image/Dockerfile`, `${context}/Dockerfile`);
    cpSync(busybox, `${context}/busybox`);
    mkdirSync(`${context}/links`);
    const applets = (await run(busybox, ['--list']))
      .split('\n')
      .filter((name) => /^[\w.[-]+$/.test(name) && name !== 'busybox');
    for (const applet of applets) symlinkSync('busybox', `${context}/links/${applet}`);
    await buildImage(makeImages({ dir: cluster.imageDir }, env), { context, tag: image });
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** The page at `url`, asked for again while Services are still being wired. */
async function pageFrom(url: string, env: Env): Promise<string> {
  const deadline = env.monotonic() + answerWithinMs;
  for (;;) {
    try {
      return await get(url);
    } catch (error) {
      if (env.monotonic() > deadline) throw new Error(`The demo does not answer at ${url}`, { cause: error });
      await env.sleep(50);
    }
  }
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { timeout: 1000, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within a second')));
    request.on('error', reject);
  });
}

function hints(first: string | undefined, url: string): string {
  return [
    'Things to try:',
    ...(first === undefined ? [] : [`  ${first}`]),
    '  kubectl get nodes,pods,services -A -o wide',
    `  curl ${url}`,
    '  kubectl -n demo scale deployment web --replicas=10',
    '  kubectl -n demo logs -l app=web -f',
    '  kubectl -n demo exec -it deployment/web -- sh',
    '  kubectl -n demo port-forward service/web 8080:80',
    '  kubectl -n demo describe deployment web',
    '  kubectl -n demo set env deployment/web GREETING=ahoy && kubectl -n demo rollout status deployment/web',
    '  kubectl -n demo rollout undo deployment/web',
    '  kubectl -n demo delete pod -l app=web',
    '  bin/wherry down     # everything stops; the next `bin/wherry up` brings it all back',
    '  bin/wherry delete   # everything goes',
  ].join('\n');
}
