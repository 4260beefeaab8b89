/** What kubectl does through a node, with every kubectl that the machine has: they speak different dialects of streams. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { installedKubectls } from '../harness/kubectl.ts';
import { makeKubectlTool } from '../harness/kubectl-tool.ts';
import { container, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('kubectl of every version into pods', function () {
  this.timeout(60_000);
  let place: Place;

  suiteSetup(async () => {
    place = await makePlace('kubectl-versions');
    const web = container('echo begun; mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www');
    const echo = container('while read line; do echo "heard $line"; done', { name: 'echo', stdin: true });
    await place.run('one', { containers: [web, echo] });
    await place.ready('one');
  });

  suiteTeardown(() => place?.remove());

  for (const kubectl of installedKubectls()) {
    test(`${kubectl.version} executes, attaches, copies, forwards and reads logs`, async () => {
      const { layout } = place.cluster;
      const { run, all, start, file, clear } = makeKubectlTool(kubectl, {
        folder: layout.stateDir,
        kubeconfig: layout.kubeconfig,
        namespace: place.namespace,
      });
      const exec = ['exec', 'one', '-c', 'app', '--'];
      assert.equal(await run(...exec, 'echo', 'out'), 'out\n');
      const failed = await all(...exec, 'sh', '-c', 'echo err >&2; exit 7');
      assert.deepEqual([failed.exitCode, failed.stdout], [7, '']);
      assert.match(failed.stderr, /^err\n.*exit code 7/);

      const here = file('cargo', `carried by ${kubectl.version}\n`);
      await run('cp', here, 'one:/www/cargo', '-c', 'app');
      assert.equal(await run(...exec, 'cat', '/www/cargo'), `carried by ${kubectl.version}\n`);
      await run('cp', 'one:/www/cargo', `${here}.back`, '-c', 'app');
      assert.equal(readFileSync(`${here}.back`, 'utf8'), `carried by ${kubectl.version}\n`);

      assert.equal(await run('logs', 'one', '-c', 'app', '--tail=1'), 'begun\n');
      const heard = new RegExp(`heard ${kubectl.version}\\n`);
      const sessions = [start('logs', '-f', 'one', '-c', 'echo'), start('attach', '-i', 'one', '-c', 'echo')];
      const forward = start('port-forward', 'pod/one', ':8080');
      try {
        sessions[1]!.write(`${kubectl.version}\n`);
        for (const session of sessions) await session.see(heard);
        const [, port] = await forward.see(/127\.0\.0\.1:(\d+)/);
        for (let i = 0; i < 3; i++) assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'served\n');
      } finally {
        for (const session of [...sessions, forward]) session.end();
      }
      clear();
    });
  }
});

/** Over a connection of its own, as each forwarded connection is one. */
async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: 'close' } });
  return response.text();
}
