/** `kubectl logs` with each of its options. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';
import { testSinceKubectl } from '../harness/kubectl.ts';

suite('logs', function () {
  this.timeout(60_000);
  let place: Place;
  const logs = (...args: string[]) => place.kubectl('logs', ...args);

  suiteSetup(async () => {
    place = await makePlace('logs');
    await place.run(
      'talker',
      {
        initContainers: [{ ...container('echo prepared'), name: 'before' }],
        containers: [
          container(`for i in 1 2 3; do echo out $i; echo err $i >&2; done; sleep 1.5; echo late; ${forever}`),
          { ...container(`echo beside; printf unfinished; ${forever}`), name: 'beside' },
        ],
      },
      { labels: { group: 'talkers' } },
    );
    await place.run(
      'second',
      { containers: [container(`echo from second; ${forever}`)] },
      { labels: { group: 'talkers' } },
    );
    await place.run('ends', {
      restartPolicy: 'Never',
      containers: [container('for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done; seq 1 20000')],
    });
    await place.run('again', {
      containers: [
        container('test -e /data/n && echo second time && exec sleep 1000; echo first time; touch /data/n; exit 1', {
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    // Each line takes some hundred bytes of the log, which is put aside from ten million on; the node looks every ten seconds.
    await place.run('plenty', {
      restartPolicy: 'Never',
      containers: [
        container(
          `yes ${'x'.repeat(60)} | head -n 110000 | cat -n; until test -e /go; do sleep 0.1; done; echo more; until test -e /end; do sleep 0.1; done`,
        ),
      ],
    });
    await place.ready('talker');
  });
  suiteTeardown(() => place.remove());

  testSinceKubectl(21, 'lines are chosen by number, size, time and container', async () => {
    await eventually('the late line', async () => (await logs('talker')).includes('late'));
    const all = await logs('talker');
    assert.deepEqual(all.split('\n').sort(), ['', 'err 1', 'err 2', 'err 3', 'late', 'out 1', 'out 2', 'out 3']);
    assert.equal(await logs('talker', '--tail=1'), 'late\n');
    assert.equal(await logs('talker', '--tail=0'), '');
    assert.equal((await logs('talker', '--limit-bytes=7')).length, 7);
    assert.equal(await logs('talker', '-c', 'before'), 'prepared\n');
    assert.equal(await logs('talker', '-c', 'beside'), 'beside\nunfinished');
    const stamped = (await logs('talker', '--timestamps', '--tail=1')).split(' ');
    assert.match(stamped[0]!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)$/);
    assert.equal(stamped[1], 'late\n');
    // The API takes whole seconds of this.
    const first = (await logs('talker', '--timestamps')).split(' ')[0]!;
    const between = new Date(Date.parse(first) + 1000).toISOString().replace(/\.\d+Z/, 'Z');
    assert.equal(await logs('talker', `--since-time=${between}`), 'late\n');
    assert.equal(await logs('talker', '--since=1h'), all);
    const together = await logs('talker', '--all-containers', '--prefix');
    for (const line of ['[pod/talker/before] prepared', '[pod/talker/app] late', '[pod/talker/beside] beside']) {
      assert.ok(together.includes(line), together);
    }
    const bySelector = await logs('-l', 'group=talkers', '--prefix', '--tail=1');
    assert.match(bySelector, /\[pod\/talker\/app\] late/);
    assert.match(bySelector, /\[pod\/second\/app\] from second/);
  });

  test('following shows what is written as it is written, to the end and no further', async () => {
    const follower = place.cluster.spawnKubectl(['-n', 'logs', 'logs', '-f', 'ends']);
    assert.equal(await follower.exited, 0);
    const expected = [1, 2, 3, 4, 5]
      .map((i) => `line ${i}`)
      .concat(Array.from({ length: 20_000 }, (_, i) => String(i + 1)));
    await place.phase('ends', 'Succeeded');
    assert.equal(follower.output(), `${expected.join('\n')}\n`);
    assert.equal(await logs('ends'), `${expected.join('\n')}\n`);
    assert.equal(await logs('ends', '--tail=3'), '19998\n19999\n20000\n');
  });

  test('logs are whole over a rotation, for those who look back and those who follow', async () => {
    const { nodeName, uid } = await place.pod('plenty').then(({ spec, metadata }) => ({ ...spec, ...metadata }));
    const { logDir } = place.cluster.layout.nodes.find(({ name }) => name === nodeName)!;
    const folder = `${logDir}/logs_plenty_${uid}`;
    const follower = place.cluster.spawnKubectl(['-n', 'logs', 'logs', '-f', 'plenty']);
    await eventually('a rotation', () => readdirSync(`${folder}/app`).length === 2);
    await place.exec('plenty', 'touch /go');
    await eventually('more', async () => (await logs('plenty', '--tail=1')) === 'more\n');
    assert.match(await logs('plenty', '--tail=3'), /^ *109999\tx+\n *110000\tx+\nmore\n$/);
    const all = await logs('plenty');
    assert.equal(all.split('\n').length, 110_002);
    await place.exec('plenty', 'touch /end');
    assert.equal(await follower.exited, 0);
    assert.ok(follower.output() === all);
    // What was logged stays for a while when the pod has gone.
    await place.kubectl('delete', 'pod', 'plenty', '--wait');
    assert.equal(readdirSync(`${folder}/app`).length, 2);
  });

  test('the run before is kept', async () => {
    await eventually('a second run', async () => (await logs('again')) === 'second time\n');
    assert.equal(await logs('again', '--previous'), 'first time\n');
    await assert.rejects(
      logs('talker', '-c', 'app', '-p'),
      /previous terminated container "app" in pod "talker" not found/,
    );
    await assert.rejects(logs('talker', '-c', 'nobody'), /container nobody is not valid for pod talker/);
    await place.run('unpulled', {
      containers: [{ ...container(forever), image: 'wherry.local/none:2', imagePullPolicy: 'Never' }],
    });
    await eventually(
      'the reason',
      async () => (await place.status('unpulled'))?.state?.waiting?.reason === 'ErrImageNeverPull',
    );
    await assert.rejects(logs('unpulled'), /container "app" in pod "unpulled" is waiting to start: ErrImageNeverPull/);
  });
});
