/** Faults and warnings as clients are told of them: Statuses with their causes, and headers. What makes a fault is tested beside each kind. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const container = { name: 'c', image: 'x' };
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

suite('validation', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('validation');
    ({ api } = space);
  });

  const post = (path: string, body: unknown) => {
    const [group, plural] = /^(.*)\/(\w+)$/.exec(path)!.slice(1) as [string, string];
    const root = group === 'v1' ? '/api/v1' : `/apis/${group}`;
    return api.ask('POST', `${root}/namespaces/validation/${plural}`, { body });
  };
  const causesOf = ({ body }: Answer) =>
    body.details?.causes?.map((cause: Record<string, string>) => [cause['reason'], cause['field'], cause['message']]);

  test('a fault', async () => {
    const { code, body } = await post('apps/v1/deployments', {
      metadata: { name: 'a' },
      spec: { selector: { matchLabels: { a: 'b' } }, template: { spec: { containers: [container] } } },
    });
    const message = 'Invalid value: map[string]string(nil): `selector` does not match template `labels`';
    assert.deepEqual(
      [code, body],
      [
        422,
        {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: `Deployment.apps "a" is invalid: spec.template.metadata.labels: ${message}`,
          reason: 'Invalid',
          details: {
            name: 'a',
            group: 'apps',
            kind: 'Deployment',
            causes: [{ reason: 'FieldValueInvalid', message, field: 'spec.template.metadata.labels' }],
          },
          code: 422,
        },
      ],
    );
  });

  test('several faults, each told once', async () => {
    const answer = await post('v1/pods', {
      metadata: { name: 'Bad' },
      spec: {
        containers: [{ name: 'A', imagePullPolicy: 'Often' }],
        restartPolicy: 'Maybe',
        hostAliases: [{ ip: 'x' }],
      },
    });
    assert.equal(answer.code, 422);
    const told = causesOf(answer);
    assert.deepEqual(
      told.map(([reason, field]: string[]) => [reason, field]),
      [
        ['FieldValueInvalid', 'metadata.name'],
        ['FieldValueInvalid', 'spec.containers[0].name'],
        ['FieldValueRequired', 'spec.containers[0].image'],
        ['FieldValueNotSupported', 'spec.containers[0].imagePullPolicy'],
        ['FieldValueNotSupported', 'spec.restartPolicy'],
        ['FieldValueInvalid', 'spec.hostAliases[0].ip'],
      ],
    );
    assert.match(answer.body.message, /^Pod "Bad" is invalid: \[metadata\.name: Invalid value: "Bad": .*\]$/);
  });

  test('a change of what may not change', async () => {
    const path = `${space.path}/secrets/kept`;
    await post('v1/secrets', { metadata: { name: 'kept' }, immutable: true });
    const answer = await space.patch(path, { immutable: false, type: 'other' });
    assert.equal(
      answer.body.message,
      'Secret "kept" is invalid: [type: Invalid value: "other": field is immutable, immutable: Forbidden: field is immutable when `immutable` is set]',
    );
    assert.deepEqual(causesOf(answer), [
      ['FieldValueInvalid', 'type', 'Invalid value: "other": field is immutable'],
      ['FieldValueForbidden', 'immutable', 'Forbidden: field is immutable when `immutable` is set'],
    ]);
  });

  test("a change of a running pod's spec", async () => {
    await post('v1/pods', { metadata: { name: 'fixed' }, spec: { nodeName: 'n', containers: [container] } });
    const answer = await space.patch(`${space.path}/pods/fixed`, { spec: { restartPolicy: 'Never' } });
    assert.equal(answer.code, 422);
    const [[reason, field, message]] = causesOf(answer);
    assert.deepEqual([reason, field], ['FieldValueForbidden', 'spec']);
    const fields = ['spec.containers[*].image', 'spec.initContainers[*].image', 'spec.activeDeadlineSeconds'];
    assert.equal(
      message.slice(0, message.indexOf('\n')),
      `Forbidden: pod updates may not change fields other than ${fields.map((name) => `\`${name}\``).join(',')},\`spec.tolerations\` (only additions to existing tolerations),\`spec.terminationGracePeriodSeconds\` (allow it to be set to 1 if it was previously negative)`,
    );
    assert.match(message, /\n- \tRestartPolicy: "Always",\n\+ \tRestartPolicy: "Never",\n/);
  });

  test('causes of every sort', async () => {
    const sorts: [path: string, body: object, ...causes: string[][]][] = [
      [
        'v1/services',
        {
          spec: {
            type: 'Other',
            ports: [
              { port: 1, name: 'a' },
              { port: 2, name: 'a' },
            ],
          },
        },
        ['FieldValueDuplicate', 'spec.ports[1].name', 'Duplicate value: "a"'],
        [
          'FieldValueNotSupported',
          'spec.type',
          'Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ],
      ],
      [
        'v1/configmaps',
        { data: { a: 'x'.repeat(1024 * 1024 + 1) } },
        ['FieldValueTooLong', '[]', 'Too long: may not be more than 1048576 bytes'],
      ],
      [
        'v1/limitranges',
        { spec: { limits: [{ type: 'PersistentVolumeClaim' }] } },
        [
          'FieldValueRequired',
          'spec.limits[0].limits',
          'Required value: either minimum or maximum storage value is required, but neither was provided',
        ],
      ],
      [
        'discovery.k8s.io/v1/endpointslices',
        { addressType: 'IPv4', endpoints: [{ addresses: Array.from({ length: 101 }, (_, i) => `10.0.0.${i + 1}`) }] },
        ['FieldValueTooMany', 'endpoints[0].addresses', 'Too many: 101: must have at most 100 items'],
      ],
      [
        'v1/pods',
        { spec: { containers: [{ ...container, name: 'a'.repeat(64) }] } },
        [
          'FieldValueInvalid',
          'spec.containers[0].name',
          `Invalid value: "${'a'.repeat(64)}": must be no more than 63 characters`,
        ],
      ],
      [
        'autoscaling/v1/horizontalpodautoscalers',
        { spec: { maxReplicas: 0, scaleTargetRef: { kind: 'A', name: 'b' } } },
        ['FieldValueInvalid', 'spec.maxReplicas', 'Invalid value: 0: must be greater than 0'],
        ['FieldValueInvalid', 'spec.maxReplicas', 'Invalid value: 0: must be greater than or equal to `minReplicas`'],
      ],
    ];
    for (const [path, body, ...causes] of sorts) {
      const answer = await post(path, { metadata: { name: 'sort' }, ...body });
      assert.deepEqual([answer.code, causesOf(answer)], [422, causes]);
    }
  });

  test('a fault of what has no name yet', async () => {
    const { body } = await post('v1/services', { metadata: { generateName: 'a-' }, spec: {} });
    assert.match(body.message, /^Service "a-\w{5}" is invalid: spec\.ports: Required value$/);
  });

  test('a status that counts below nothing', async () => {
    await post('policy/v1/poddisruptionbudgets', { metadata: { name: 'low' }, spec: {} });
    const path = '/apis/policy/v1/namespaces/validation/poddisruptionbudgets/low/status';
    const answer = await space.patch(path, { status: { disruptionsAllowed: -1 } });
    assert.deepEqual(causesOf(answer), [
      ['FieldValueInvalid', 'status.disruptionsAllowed', 'Invalid value: -1: must be greater than or equal to 0'],
    ]);
  });

  test('a scale below nothing', async () => {
    const spec = {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
    };
    await post('apps/v1/replicasets', { metadata: { name: 'low' }, spec });
    const path = '/apis/apps/v1/namespaces/validation/replicasets/low/scale';
    const answer = await space.patch(path, { spec: { replicas: -1 } });
    assert.equal(answer.code, 422);
    assert.equal(
      answer.body.message,
      'Scale.autoscaling "low" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
  });

  test('warnings of what is taken', async () => {
    const { code, headers } = await post('v1/pods', {
      metadata: { name: 'odd.name' },
      spec: {
        containers: [
          {
            ...container,
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '2' },
            ],
            resources: { limits: { memory: '100m' } },
          },
        ],
      },
    });
    assert.equal(code, 201);
    const memory = 'fractional byte value \\"100m\\" is invalid, must be an integer';
    const warnings = [
      `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${label}]`,
      `spec.containers[0].resources.limits[memory]: ${memory}`,
      `spec.containers[0].resources.requests[memory]: ${memory}`,
      'spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be dropped when using apply',
    ];
    assert.equal(headers['warning'], warnings.map((text) => `299 - "${text}"`).join(', '));
  });

  test('no warnings of what is refused', async () => {
    const { code, headers } = await post('v1/pods', { metadata: { name: 'odd.name' }, spec: { containers: [] } });
    assert.deepEqual([code, headers['warning']], [422, undefined]);
  });

  test('annotations of AppArmor become fields, and are warned of', async () => {
    const key = 'container.apparmor.security.beta.kubernetes.io/c';
    const { body, headers } = await post('v1/pods', {
      metadata: { name: 'armed', annotations: { [key]: 'runtime/default' } },
      spec: { containers: [container] },
    });
    assert.deepEqual(body.spec.containers[0].securityContext, { appArmorProfile: { type: 'RuntimeDefault' } });
    assert.equal(
      headers['warning'],
      `299 - "metadata.annotations[${key}]: deprecated since v1.30; use the \\"appArmorProfile\\" field instead"`,
    );
  });

  test('evictions that ask for the impossible', async () => {
    await post('v1/pods', { metadata: { name: 'stays' }, spec: { containers: [container] } });
    const answer = await api.ask('POST', `${space.path}/pods/stays/eviction`, {
      body: { metadata: { name: 'stays' }, deleteOptions: { propagationPolicy: 'Some', dryRun: ['None'] } },
    });
    assert.equal(answer.code, 422);
    assert.deepEqual(causesOf(answer), [
      [
        'FieldValueNotSupported',
        'propagationPolicy',
        'Unsupported value: "Some": supported values: "Foreground", "Background", "Orphan", "nil"',
      ],
      ['FieldValueNotSupported', 'dryRun', 'Unsupported value: []string{"None"}: supported values: "All"'],
    ]);
  });

  test('dry runs are held to the same', async () => {
    const { code, body } = await api.ask('POST', '/api/v1/namespaces?dryRun=All', {
      body: { metadata: { name: 'a.b' } },
    });
    assert.equal(code, 422);
    assert.equal(body.message, `Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": ${label}`);
  });
});
