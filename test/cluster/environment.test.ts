/** What a container is told: variables from everywhere, command and arguments, working directory. */
import assert from 'node:assert/strict';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, makePlace } from './place.ts';
import type { Place } from './place.ts';

const print = 'env | sort';
const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const amount = (name: string, resource: string, divisor?: string) => ({
  name,
  valueFrom: { resourceFieldRef: { resource, ...(divisor !== undefined && { divisor }) } },
});

suite('the environment of containers', function () {
  this.timeout(60_000);
  let place: Place;
  const variablesOf = async (name: string) => {
    await place.phase(name, 'Succeeded');
    const lines = (await place.kubectl('logs', name)).split('\n').filter((line) => line.includes('='));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  };

  suiteSetup(async () => {
    place = await makePlace('environment');
    const { kubectl } = place;
    await Promise.all([
      kubectl(
        'create',
        'configmap',
        'settings',
        '--from-literal=color=blue',
        '--from-literal=bad=key=x',
        '--from-literal=LEVEL=3',
      ),
      kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=word=hush'),
      kubectl('create', 'service', 'clusterip', 'shop-front', '--tcp=80:8080'),
    ]);
  });
  suiteTeardown(() => place.remove());

  test('variables come from values, fields, amounts, ConfigMaps and Secrets', async () => {
    await place.run(
      'variables',
      {
        restartPolicy: 'Never',
        containers: [
          container(print, {
            resources: { requests: { cpu: '100m', memory: '8Mi' }, limits: { cpu: '1500m', memory: '48Mi' } },
            envFrom: [
              { prefix: 'CM_', configMapRef: { name: 'settings' } },
              { secretRef: { name: 'hidden' } },
              { secretRef: { name: 'absent', optional: true } },
            ],
            env: [
              { name: 'PLAIN', value: 'one' },
              { name: 'EMPTY', value: '' },
              { name: 'COMPOSED', value: '$(PLAIN)-$(CM_color)-$(LATER)-$$(PLAIN)-$(word)' },
              { name: 'LATER', value: 'two' },
              { name: 'CM_LEVEL', value: 'overridden' },
              field('NAME', 'metadata.name'),
              field('NAMESPACE', 'metadata.namespace'),
              field('UID', 'metadata.uid'),
              field('LABEL', "metadata.labels['app']"),
              field('ANNOTATION', "metadata.annotations['example.org/note']"),
              field('NODE', 'spec.nodeName'),
              field('ACCOUNT', 'spec.serviceAccountName'),
              field('HOST_IP', 'status.hostIP'),
              field('HOST_IPS', 'status.hostIPs'),
              field('POD_IP', 'status.podIP'),
              field('POD_IPS', 'status.podIPs'),
              amount('CPU_LIMIT', 'limits.cpu'),
              amount('CPU_LIMIT_MILLI', 'limits.cpu', '1m'),
              amount('CPU_REQUEST', 'requests.cpu', '1m'),
              amount('MEMORY_LIMIT', 'limits.memory'),
              amount('MEMORY_LIMIT_MI', 'limits.memory', '1Mi'),
              amount('MEMORY_REQUEST_KI', 'requests.memory', '1Ki'),
              amount('DISK_LIMIT', 'limits.ephemeral-storage', '1Gi'),
              { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
              { name: 'NO_KEY', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } },
              { name: 'NO_MAP', valueFrom: { configMapKeyRef: { name: 'absent', key: 'none', optional: true } } },
              { name: 'WORD', valueFrom: { secretKeyRef: { name: 'hidden', key: 'word' } } },
              { name: 'NO_SECRET', valueFrom: { secretKeyRef: { name: 'absent', key: 'none', optional: true } } },
            ],
          }),
        ],
      },
      { annotations: { 'example.org/note': 'well, "noted"' } },
    );
    const seen = await variablesOf('variables');
    const { metadata, spec, status } = await place.pod('variables');
    const services = place.cluster.layout.serviceCidr.split('.').slice(0, 2).join('.');
    assert.match(seen['KUBERNETES_SERVICE_HOST'] ?? '', new RegExp(`^${services}\\.`));
    assert.match(seen['SHOP_FRONT_PORT_80_TCP'] ?? '', new RegExp(`^tcp://${services}\\..*:80$`));
    assert.ok(Number(seen['DISK_LIMIT']) > 0);
    const expected = {
      PATH: '/bin',
      HOSTNAME: 'variables',
      PLAIN: 'one',
      EMPTY: '',
      COMPOSED: 'one-blue-$(LATER)-$(PLAIN)-hush',
      LATER: 'two',
      CM_color: 'blue',
      CM_LEVEL: 'overridden',
      word: 'hush',
      NAME: 'variables',
      NAMESPACE: 'environment',
      UID: metadata.uid,
      LABEL: 'variables',
      ANNOTATION: 'well, "noted"',
      NODE: spec.nodeName,
      ACCOUNT: 'default',
      HOST_IP: status?.hostIP,
      HOST_IPS: status?.hostIP,
      POD_IP: status?.podIP,
      POD_IPS: status?.podIP,
      CPU_LIMIT: '2',
      CPU_LIMIT_MILLI: '1500',
      CPU_REQUEST: '100',
      MEMORY_LIMIT: String(48 * 1024 * 1024),
      MEMORY_LIMIT_MI: '48',
      MEMORY_REQUEST_KI: '8192',
      COLOR: 'blue',
      WORD: 'hush',
      SHOP_FRONT_SERVICE_PORT: '80',
    };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, seen[key]])), expected);
    for (const absent of ['NO_KEY', 'NO_MAP', 'NO_SECRET']) assert.equal(seen[absent], undefined);
  });

  test('commands, arguments and the working directory are the container’s, and variables are put in', async () => {
    const show = 'for word; do echo "<$word>"; done; pwd';
    await place.run('words', {
      restartPolicy: 'Never',
      enableServiceLinks: false,
      containers: [
        {
          name: 'both',
          image: testImage,
          workingDir: '/tmp/made for it',
          env: [{ name: 'WHO', value: 'you' }],
          command: ['sh', '-c', show, '$(WHO)'],
          args: ['$(WHO)', '$$(WHO)', '$(NOBODY)', '$$$(WHO)', ''],
        },
        { name: 'args', image: testImage, args: ['sh', '-c', 'pwd; env'] },
      ],
    });
    await place.phase('words', 'Succeeded');
    assert.equal(
      await place.kubectl('logs', 'words', '-c', 'both'),
      '<you>\n<$(WHO)>\n<$(NOBODY)>\n<$you>\n<>\n/tmp/made for it\n',
    );
    const bare = await place.kubectl('logs', 'words', '-c', 'args');
    assert.match(bare, /^\/\n/);
    assert.match(bare, /KUBERNETES_SERVICE_PORT=443/);
    assert.doesNotMatch(bare, /SHOP_FRONT/);
  });

  test('a container whose variables name what is missing says what', async () => {
    const env = (valueFrom: object) => ({ env: [{ name: 'X', valueFrom }] });
    const wrong = {
      'no-map-key': env({ configMapKeyRef: { name: 'settings', key: 'none' } }),
      'no-secret': env({ secretKeyRef: { name: 'absent', key: 'x' } }),
      'no-secret-key': env({ secretKeyRef: { name: 'hidden', key: 'none' } }),
      'no-map-from': { envFrom: [{ configMapRef: { name: 'absent' } }] },
    };
    await place.run('missing', {
      containers: Object.entries(wrong).map(([name, more]) => ({ ...container(print, more), name })),
    });
    const messages = await eventually('all reasons', async () => {
      const all = (await place.pod('missing')).status?.containerStatuses?.map(({ name, state }) => [
        name,
        state?.waiting,
      ]);
      return all?.length === 4 && all.every(([, waiting]) => typeof waiting === 'object' && waiting.message) && all;
    });
    const reason = 'CreateContainerConfigError';
    assert.deepEqual(messages, [
      ['no-map-from', { reason, message: 'configmap "absent" not found' }],
      ['no-map-key', { reason, message: "couldn't find key none in ConfigMap environment/settings" }],
      ['no-secret', { reason, message: 'secret "absent" not found' }],
      ['no-secret-key', { reason, message: "couldn't find key none in Secret environment/hidden" }],
    ]);
    assert.match(await place.kubectl('get', 'pod', 'missing'), /missing\s+0\/4\s+CreateContainerConfigError\s+0/);
    assert.ok((await place.events('missing')).includes('Failed: Error: secret "absent" not found'));
  });
});
