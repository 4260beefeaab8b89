/** HTTP through the API server to pods and Services. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { Node, PodList } from '#lib/kinds/gen/core-v1.ts';
import { readKubeletConfiguration } from '../../node-agent/settings/kubelet-configuration.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('the proxy of the API server', function () {
  this.timeout(60_000);
  let place: Place;
  const raw = (path: string) => place.cluster.kubectl('get', '--raw', `/api/v1/namespaces/proxy/${path}`);

  suiteSetup(async () => {
    place = await makePlace('proxy');
    const echo = `cat > /serve <<'END'
read line
size=0
while read header && test "$header" != "$(printf '\\r')"; do
  case "$header" in Content-Length:*|content-length:*) size=$(echo "$header" | tr -dc 0-9);; *[Aa]uthorization*) echo leaked;; esac
done
printf 'HTTP/1.1 201 Made\\r\\nConnection: close\\r\\nX-Own: yes\\r\\n\\r\\n%s ' "$line"
head -c $size
END
nc -ll -p 9090 -e sh /serve`;
    await place.run('web', {
      containers: [
        container(
          'mkdir -p /www/folder; echo hello > /www/x; echo index > /www/folder/index.html; exec httpd -f -p 8080 -h /www',
          {
            ports: [{ name: 'web', containerPort: 8080 }],
          },
        ),
        { ...container(echo), name: 'echo' },
      ],
    });
    await place.cluster.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop', namespace: 'proxy' },
      spec: {
        selector: { app: 'web' },
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'echo', port: 90, targetPort: 9090 },
        ],
      },
    });
    await place.ready('web');
  });
  suiteTeardown(() => place.remove());

  test('files come from pods and Services, by number, name and scheme', async () => {
    await eventually('an endpoint', () => raw('services/shop:http/proxy/x'));
    for (const path of [
      'pods/web/proxy/x',
      'pods/web:8080/proxy/x',
      'pods/http:web:8080/proxy/x',
      'services/shop:80/proxy/x',
      'services/http:shop:http/proxy/x',
    ])
      assert.equal(await raw(path), 'hello\n', path);
    await assert.rejects(raw('pods/web/proxy/absent'), /the server could not find the requested resource/);
    await assert.rejects(raw('pods/none/proxy/x'), /pods "none" not found/);
    await assert.rejects(raw('services/shop:nothing/proxy/x'), /no endpoints available for service "shop"/);
    await assert.rejects(
      raw('pods/web:7777/proxy/x'),
      /error trying to reach service: dial tcp .*:7777: connect: connection refused/,
    );
  });

  test('bodies, headers and redirects pass', async () => {
    const proxy = place.cluster.spawnKubectl(['proxy', '--port=0']);
    const port = await eventually('its port', () => /127\.0\.0\.1:(\d+)/.exec(proxy.output())?.[1]);
    const base = `http://127.0.0.1:${port}/api/v1/namespaces/proxy`;
    const big = 'x'.repeat(200_000);
    const made = await fetch(`${base}/pods/web:9090/proxy/a%20b?c=d`, { method: 'PUT', body: big });
    assert.deepEqual([made.status, made.headers.get('x-own')], [201, 'yes']);
    assert.equal(await made.text(), `PUT /a%20b?c=d HTTP/1.1\r ${big}`);
    const bare = await fetch(`${base}/services/shop:http/proxy?q=1`, { redirect: 'manual' });
    assert.equal(bare.status, 301);
    assert.equal(bare.headers.get('location'), '/api/v1/namespaces/proxy/services/shop:http/proxy/?q=1');
    const folder = await fetch(`${base}/pods/web/proxy/folder`);
    assert.equal(await folder.text(), 'index\n');
    assert.match(folder.url, /\/pods\/web\/proxy\/folder\/$/);
    await proxy.end();
  });

  test('a node’s agent tells what a kubelet does', async () => {
    const [first, second] = place.cluster.layout.nodes;
    const node = (rest: string, name = first!.name) =>
      place.cluster.kubectl('get', '--raw', `/api/v1/nodes/${name}/proxy${rest}`);
    assert.equal(await node('/healthz'), 'ok');
    assert.equal(await node('/healthz', `https:${second!.name}:`), 'ok');
    const { nodeName } = (await place.pod('web')).spec;
    const { items } = JSON.parse(await node('/pods', nodeName)) as {
      items: { metadata: { name: string; namespace: string } }[];
    };
    assert.ok(items.some(({ metadata }) => metadata.name === 'web' && metadata.namespace === 'proxy'));
    const summary = JSON.parse(await node('/stats/summary', nodeName)) as { pods: { podRef: { name: string } }[] };
    assert.ok(summary.pods.some(({ podRef }) => podRef.name === 'web'));
    assert.match(
      await node('/metrics/resource', nodeName),
      /^pod_memory_working_set_bytes\{namespace="proxy",pod="web"\} \d+ \d+$/m,
    );
    assert.match(
      await node('/metrics/cadvisor', nodeName),
      /^container_network_receive_bytes_total\{container="",id="[^"]+",image="",name="",namespace="proxy",pod="web",interface="eth0"\} [1-9]/m,
    );
    assert.match(await node('/metrics/probes', nodeName), /^(# HELP prober_probe_duration_seconds|$)/);
    const { kubeletconfig } = JSON.parse(await node('/configz', nodeName)) as { kubeletconfig: object };
    const { faults } = readKubeletConfiguration(kubeletconfig);
    assert.deepEqual([faults, (kubeletconfig as { maxPods: number }).maxPods], [[], 110]);
    const running = JSON.parse(await node('/runningpods/', nodeName)) as PodList;
    const web = running.items.find(({ metadata }) => metadata.name === 'web' && metadata.namespace === 'proxy');
    assert.deepEqual(web?.spec.containers.map(({ name, image }) => `${name} ${image}`).sort(), [
      `app ${testImage}`,
      `echo ${testImage}`,
    ]);
    await assert.rejects(
      node('/containerLogs/proxy/none/app', nodeName),
      /the server could not find the requested resource|pod does not exist/,
    );
  });

  test('a node’s agent gives the logs of its machine and its pods, and nothing else', async () => {
    await place.run('says', { containers: [container(`echo something said; ${forever}`)] });
    await place.ready('says');
    const { spec, metadata } = await place.pod('says');
    const logs = (path: string) =>
      place.cluster.kubectl('get', '--raw', `/api/v1/nodes/${spec.nodeName}/proxy/logs${path}`);
    const folder = `proxy_says_${metadata.uid}`;
    // kubectl follows the redirect to the slash.
    for (const path of ['', '/']) assert.match(await logs(path), /<a href="pods\/">pods\/<\/a>/);
    assert.ok((await logs('/pods/')).includes(`<a href="${folder}/">${folder}/</a>\n`));
    assert.match(await logs(`/pods/${folder}/app/0.log`), / stdout F something said\n/);
    const link = /says_proxy_app-[0-9a-f]{64}\.log/.exec(await logs('/containers/'))?.[0];
    assert.match(await logs(`/containers/${link}`), / stdout F something said\n/);
    // A pod may write there when it is given the folder, as those do that gather logs.
    const script = 'ln -sfn / /logs/proxy-links && ln -sfn pods /logs/proxy-links-within';
    try {
      await place.run('links', {
        nodeName: spec.nodeName!,
        restartPolicy: 'Never',
        containers: [container(script, { volumeMounts: [{ name: 'logs', mountPath: '/logs' }] })],
        volumes: [{ name: 'logs', hostPath: { path: '/var/log' } }],
      });
      await place.phase('links', 'Succeeded');
      assert.ok((await logs('/proxy-links-within/')).includes(folder));
      for (const path of ['/proxy-links/', '/proxy-links/etc/passwd', '/..%2f..%2fetc%2fpasswd', '/none'])
        await assert.rejects(logs(path), /the server could not find the requested resource/, path);
    } finally {
      for (const name of ['proxy-links', 'proxy-links-within']) rmSync(`/var/log/${name}`, { force: true });
    }
  });

  test('who may read a node’s metrics gets them of the node itself', async () => {
    const { cluster, kubectl } = place;
    const { name } = cluster.layout.nodes[0]!;
    const { status } = await cluster.get<Node>('node', name);
    const { address: host } = status!.addresses!.find(({ type }) => type === 'InternalIP')!;
    const port = status!.daemonEndpoints!.kubeletEndpoint!.Port;
    const authority = await kubectl('get', 'configmap', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}');
    const page = async (path: string, token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const sending = request({ host, port, path, headers, ca: authority, servername: name, agent: false }).end();
      const [answer] = (await once(sending, 'response')) as [IncomingMessage];
      return `${answer.statusCode} ${await text(answer)}`;
    };
    const refusal = (account: string, part: string) =>
      `403 Forbidden (user=system:serviceaccount:proxy:${account}, verb=get, resource=nodes, subresource=${part})`;
    const other = (await kubectl('create', 'token', 'default')).trim();
    assert.equal(await page('/metrics', other), refusal('default', 'metrics'));
    await kubectl('create', 'serviceaccount', 'scraper');
    const token = (await kubectl('create', 'token', 'scraper')).trim();
    await cluster.kubectl('create', 'clusterrole', 'proxy-scraper', '--verb=get', '--resource=nodes/metrics');
    const toScraper = ['--clusterrole=proxy-scraper', '--serviceaccount=proxy:scraper'];
    await cluster.kubectl('create', 'clusterrolebinding', 'proxy-scraper', ...toScraper);
    await eventually('the right counts', async () =>
      /^200 [^]*^kubelet_running_pods \d/m.test(await page('/metrics', token)),
    );
    assert.equal(await page('/pods', token), refusal('scraper', 'proxy'));
    assert.equal(await page('/logs/', token), refusal('scraper', 'log'));
    assert.equal(await page('/metrics', 'none'), '401 Unauthorized');
    await cluster.kubectl('delete', 'clusterrole,clusterrolebinding', 'proxy-scraper');
  });
});
