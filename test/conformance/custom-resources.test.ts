/** Custom resources: definitions, and what they define, over HTTP. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';
import { eventually } from '../harness/eventually.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const applyType = 'application/apply-patch+yaml';
const mergeType = 'application/merge-patch+json';

const widgetSchema = {
  type: 'object',
  description: 'A thing with a size.',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10 },
        colour: { type: 'string', enum: ['red', 'blue'], default: 'red' },
        note: { type: 'string', pattern: '^[a-z]+$', maxLength: 5 },
        replicas: { type: 'integer' },
        port: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, count: { type: 'integer', default: 1 } },
          },
        },
        maybe: { type: 'string', nullable: true },
      },
    },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, selector: { type: 'string' }, phase: { type: 'string' } },
    },
  },
};

interface Names {
  group?: string;
  plural?: string;
  kind?: string;
  shortNames?: string[];
}

function definition(
  { group = 'things.example.com', plural = 'widgets', kind = 'Widget', shortNames }: Names = {},
  version: object = {},
  spec: object = {},
) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, ...(shortNames && { shortNames }) },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: widgetSchema }, ...version }],
      ...spec,
    },
  };
}

suite('custom resources', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('customs');
    ({ api } = space);
    await define(
      definition(
        { shortNames: ['wd'] },
        {
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: [
            { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
            { name: 'Colour', type: 'string', jsonPath: '.spec.colour', priority: 1 },
          ],
          selectableFields: [{ jsonPath: '.spec.colour' }],
        },
      ),
    );
  });
  suiteTeardown(async () => {
    const { body } = await api.ask('GET', definitions);
    for (const { metadata } of body.items) await api.ask('DELETE', `${definitions}/${metadata.name}`);
    await eventually('definitions are gone', async () => (await api.ask('GET', definitions)).body.items.length === 0);
  });

  async function define(body: object & { metadata: { name: string } }): Promise<void> {
    const { code, body: answer } = await api.ask('POST', definitions, { body });
    assert.equal(code, 201, answer.message);
    await established(body.metadata.name);
  }
  const condition = async (name: string, type: string) => {
    const { body } = await api.ask('GET', `${definitions}/${name}`);
    return body.status?.conditions?.find((item: { type: string }) => item.type === type);
  };
  const established = (name: string) =>
    eventually(`${name} is established`, async () => (await condition(name, 'Established'))?.status === 'True');

  const group = '/apis/things.example.com/v1';
  const widgets = (rest = '') => `${group}/namespaces/customs/widgets${rest}`;
  const widget = (name: string, spec: object = { size: 1 }, more: object = {}) => ({
    apiVersion: 'things.example.com/v1',
    kind: 'Widget',
    metadata: { name },
    spec,
    ...more,
  });
  const post = (body: object, query = '') => api.ask('POST', widgets() + query, { body });
  const causes = ({ body }: Answer) =>
    body.details?.causes?.map(({ field, message }: { field: string; message: string }) => `${field}: ${message}`);
  const ok = ({ code, body }: Answer) => {
    assert.ok(code < 300, body.message);
    return body;
  };

  suite('definitions', () => {
    test('are completed, given their names, and established', async () => {
      const { body } = await api.ask('GET', `${definitions}/widgets.things.example.com`);
      assert.deepEqual(body.spec.names, {
        plural: 'widgets',
        singular: 'widget',
        shortNames: ['wd'],
        kind: 'Widget',
        listKind: 'WidgetList',
      });
      assert.deepEqual(body.spec.conversion, { strategy: 'None' });
      assert.deepEqual(body.status.storedVersions, ['v1']);
      assert.deepEqual(body.status.acceptedNames, body.spec.names);
      assert.deepEqual(
        body.status.conditions.map(({ type, status, reason, message }: Record<string, string>) => [
          type,
          status,
          reason,
          message,
        ]),
        [
          ['NamesAccepted', 'True', 'NoConflicts', 'no conflicts found'],
          ['Established', 'True', 'InitialNamesAccepted', 'the initial names have been accepted'],
        ],
      );
    });

    test('that ask for names of others wait for them', async () => {
      const other = definition({ plural: 'wides', kind: 'Wide', shortNames: ['wd'] });
      assert.equal((await api.ask('POST', definitions, { body: other })).code, 201);
      await eventually('refused', async () => {
        const accepted = await condition('wides.things.example.com', 'NamesAccepted');
        return accepted?.reason === 'ShortNamesConflict' && accepted.message === '"wd" is already in use';
      });
      assert.equal((await api.ask('GET', `${group}/wides`)).code, 404);
      const spec = { names: { plural: 'wides', kind: 'Wide', shortNames: ['wi'] } };
      await api.ask('PATCH', `${definitions}/wides.things.example.com`, {
        body: { spec },
        headers: { 'content-type': mergeType },
      });
      await established('wides.things.example.com');
      assert.equal((await api.ask('GET', `${group}/wides`)).code, 200);
    });

    const refused: [what: string, body: object, ...faults: string[]][] = [
      [
        'of another name',
        { ...definition({ plural: 'x1' }), metadata: { name: 'other' } },
        'metadata.name: Invalid value: "other": must be spec.names.plural+"."+spec.group',
      ],
      [
        'of a group without a domain',
        definition({ group: 'lonely' }),
        'spec.group: Invalid value: "lonely": should be a domain with at least one dot',
      ],
      [
        'without a schema',
        definition({ plural: 'x2' }, { schema: null }),
        'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
      ],
      [
        'with fields of no type',
        definition({ plural: 'x3' }, { schema: { openAPIV3Schema: { type: 'object', properties: { a: {} } } } }),
        'spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
      ],
      [
        'with a list of nothing',
        definition(
          { plural: 'x4' },
          { schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'array' } } } } },
        ),
        'spec.versions[0].schema.openAPIV3Schema.properties[a].items: Required value: must be specified',
      ],
      [
        'with two versions to store',
        definition(
          { plural: 'x5' },
          {},
          {
            versions: ['v1', 'v2'].map((name) => ({
              ...{ name, served: true, storage: true },
              schema: { openAPIV3Schema: widgetSchema },
            })),
          },
        ),
        'spec.versions: Invalid value: ["v1","v2"]: must have exactly one version marked as storage version',
      ],
      [
        'with a default that does not fit',
        definition(
          { plural: 'x6' },
          { schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string', default: 7 } } } } },
        ),
        'spec.versions[0].schema.openAPIV3Schema.properties[a].default: Invalid value: "integer": spec.versions[0].schema.openAPIV3Schema.properties[a].default in body must be of type string: "integer"',
      ],
      [
        'with a pattern that is none',
        definition(
          { plural: 'x7' },
          { schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string', pattern: '(' } } } } },
        ),
        'spec.versions[0].schema.openAPIV3Schema.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
      ],
    ];
    test('in groups of the Kubernetes community name where that was agreed on', async () => {
      const protectedBy = (value?: string) => ({
        ...definition({ group: 'things.k8s.io' }),
        metadata: {
          name: 'widgets.things.k8s.io',
          ...(value !== undefined && { annotations: { 'api-approved.kubernetes.io': value } }),
        },
      });
      const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
      const rule = 'protected groups must have approval annotation "api-approved.kubernetes.io"';
      assert.deepEqual(causes(await api.ask('POST', definitions, { body: protectedBy() })), [
        `metadata.annotations[api-approved.kubernetes.io]: Required value: ${rule}, ${see}`,
      ]);
      assert.deepEqual(causes(await api.ask('POST', definitions, { body: protectedBy('nobody') })), [
        `metadata.annotations[api-approved.kubernetes.io]: Invalid value: "nobody": ${rule} with either a URL or a reason starting with "unapproved", ${see}`,
      ]);
      await define(protectedBy('https://example.com/agreed'));
      const told = await condition('widgets.things.k8s.io', 'KubernetesAPIApprovalPolicyConformant');
      assert.deepEqual([told.status, told.message], ['True', 'approved in https://example.com/agreed']);
    });

    for (const [what, body, ...faults] of refused) {
      test(`${what} are refused`, async () => {
        const answer = await api.ask('POST', definitions, { body });
        assert.equal(answer.code, 422, answer.body.message);
        assert.deepEqual(causes(answer), faults);
      });
    }
  });

  suite('objects', () => {
    test('are created, read, listed, changed and deleted, with defaults and generations', async () => {
      const made = ok(await post(widget('a', { size: 3, parts: [{ name: 'x' }] })));
      assert.deepEqual(made.spec, { size: 3, colour: 'red', parts: [{ name: 'x', count: 1 }] });
      assert.equal(made.metadata.generation, 1);
      assert.deepEqual(Object.keys(made), ['apiVersion', 'kind', 'metadata', 'spec']);
      const { body } = await api.ask('GET', widgets('/a'));
      assert.deepEqual(body, made);
      const changed = ok(await api.ask('PUT', widgets('/a'), { body: { ...body, spec: { size: 4 } } }));
      assert.equal(changed.metadata.generation, 2);
      assert.deepEqual(changed.spec, { size: 4, colour: 'red' });
      const list = ok(await api.ask('GET', widgets()));
      assert.equal(list.kind, 'WidgetList');
      assert.equal(list.apiVersion, 'things.example.com/v1');
      assert.ok(list.items.some((item: { metadata: { name: string } }) => item.metadata.name === 'a'));
      const gone = ok(await api.ask('DELETE', widgets('/a')));
      assert.deepEqual(
        [gone.kind, gone.status, gone.details.group, gone.details.kind],
        ['Status', 'Success', 'things.example.com', 'widgets'],
      );
      assert.equal((await api.ask('GET', widgets('/a'))).body.message, 'widgets.things.example.com "a" not found');
    });

    test('are checked by their schema, in upstream’s words', async () => {
      const answer = await post(
        widget('bad', {
          size: 11,
          colour: 'green',
          note: 'ABCDEF',
          port: true,
          parts: [{ name: 'x' }, { name: 'x' }, {}],
          labels: { a: 1 },
        }),
      );
      assert.equal(answer.code, 422);
      assert.equal(answer.body.details.kind, 'Widget');
      assert.deepEqual(
        new Set(causes(answer)),
        new Set([
          'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10',
          'spec.colour: Unsupported value: "green": supported values: "red", "blue"',
          'spec.note: Too long: may not be more than 5 bytes',
          'spec.note: Invalid value: "ABCDEF": spec.note in body should match \'^[a-z]+$\'',
          'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
          'spec.parts[1]: Duplicate value: map[string]interface {}{"name":"x"}',
          'spec.parts[2].name: Required value',
          'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"',
        ]),
      );
      assert.deepEqual(causes(await post(widget('bad', {}))), ['spec.size: Required value']);
      assert.deepEqual(causes(await post({ ...widget('bad'), spec: undefined })), ['spec: Required value']);
    });

    test('lose what their schema does not know, unless it says to keep it; who asks is told', async () => {
      const spec = { size: 1, odd: 1, free: { kept: { deep: 1 } }, parts: [{ name: 'x', odd: 2 }] };
      const warned = await post(widget('pruned', spec));
      assert.deepEqual(ok(warned).spec, {
        size: 1,
        free: { kept: { deep: 1 } },
        parts: [{ name: 'x', count: 1 }],
        colour: 'red',
      });
      assert.deepEqual(String(warned.headers['warning']).match(/unknown field \\"[^"]*\\"/g), [
        'unknown field \\"spec.odd\\"',
        'unknown field \\"spec.parts[0].odd\\"',
      ]);
      const strict = await post(widget('strict', spec), '?fieldValidation=Strict');
      assert.equal(strict.code, 400);
      assert.match(
        strict.body.message,
        /strict decoding error: unknown field "spec.odd", unknown field "spec.parts\[0\].odd"$/,
      );
    });

    test('have nulls where these may be, and defaults where they may not', async () => {
      const made = ok(await post(widget('nulls', { size: 1, maybe: null, colour: null, note: null })));
      assert.deepEqual(made.spec, { size: 1, maybe: null, colour: 'red' });
    });

    test('have a status of their own, and replicas to scale', async () => {
      ok(await post(widget('scaled', { size: 1, replicas: 2 }, { status: { phase: 'x' } })));
      const { body } = await api.ask('GET', widgets('/scaled'));
      assert.equal(body.status, undefined);
      const told = ok(
        await api.ask('PUT', widgets('/scaled/status'), {
          body: { ...body, spec: { size: 9 }, status: { replicas: 2, selector: 'app=x' } },
        }),
      );
      assert.deepEqual([told.spec.size, told.status.replicas, told.metadata.generation], [1, 2, 1]);
      const scale = ok(await api.ask('GET', widgets('/scaled/scale')));
      assert.deepEqual(
        [scale.kind, scale.spec, scale.status],
        ['Scale', { replicas: 2 }, { replicas: 2, selector: 'app=x' }],
      );
      ok(await space.patch(widgets('/scaled/scale'), { spec: { replicas: 5 } }, mergeType));
      assert.equal((await api.ask('GET', widgets('/scaled'))).body.spec.replicas, 5);
    });

    test('are patched by merges and JSON patches, not by strategic ones', async () => {
      ok(await post(widget('patched')));
      assert.equal(ok(await space.patch(widgets('/patched'), { spec: { size: 2 } }, mergeType)).spec.size, 2);
      const operations = [{ op: 'replace', path: '/spec/size', value: 3 }];
      const json = await space.patch(widgets('/patched'), operations, 'application/json-patch+json');
      assert.equal(ok(json).spec.size, 3);
      const strategic = await space.patch(widgets('/patched'), {}, 'application/strategic-merge-patch+json');
      assert.equal(strategic.code, 415);
      assert.equal(
        strategic.body.message,
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
      );
    });

    test('are applied with owners by field, lists by their keys', async () => {
      const apply = (spec: object, manager: string, query = '') =>
        space.patch(`${widgets('/applied')}?fieldManager=${manager}${query}`, widget('applied', spec), applyType);
      assert.equal((await apply({ size: 1, parts: [{ name: 'x', count: 2 }] }, 'one')).code, 201);
      const both = ok(await apply({ size: 1, parts: [{ name: 'y' }] }, 'two'));
      assert.deepEqual(both.spec.parts, [
        { name: 'x', count: 2 },
        { name: 'y', count: 1 },
      ]);
      const refused = await apply({ size: 2 }, 'two');
      assert.equal(refused.code, 409);
      assert.match(refused.body.message, /conflict with "one": .spec.size/);
      assert.deepEqual(ok(await apply({ size: 2 }, 'two', '&force=true')).spec.parts, [{ name: 'x', count: 2 }]);
    });

    test('are watched, selected by the fields their definition names, and shown in its columns', async () => {
      const watch = await api.watch(`${widgets()}?watch=true&fieldSelector=spec.colour=blue`);
      ok(await post(widget('red', { size: 1, colour: 'red' })));
      ok(await post(widget('blue', { size: 2, colour: 'blue' })));
      const event = (await watch.next()) as { type: string; object: { metadata: { name: string } } };
      assert.deepEqual([event.type, event.object.metadata.name], ['ADDED', 'blue']);
      watch.close();
      const list = ok(await api.ask('GET', `${widgets()}?fieldSelector=spec.colour%3Dblue`));
      assert.equal(list.items.length, 1);
      const other = await api.ask('GET', `${widgets()}?fieldSelector=spec.size%3D1`);
      assert.equal(other.body.message, 'field label not supported: spec.size');
      const table = ok(
        await api.ask('GET', widgets('/blue'), {
          headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
        }),
      );
      assert.deepEqual(
        table.columnDefinitions.map(({ name, type, priority }: Record<string, unknown>) => [name, type, priority]),
        [
          ['Name', 'string', 0],
          ['Size', 'integer', 0],
          ['Colour', 'string', 1],
        ],
      );
      assert.deepEqual(table.rows[0].cells, ['blue', 2, 'blue']);
    });

    test('come as JSON and YAML, not as protobuf', async () => {
      ok(await post(widget('formats')));
      const protobuf = 'application/vnd.kubernetes.protobuf';
      const both = await api.ask('GET', widgets('/formats'), { headers: { accept: `${protobuf},application/json` } });
      assert.equal(both.headers['content-type'], 'application/json');
      const only = await api.ask('GET', widgets('/formats'), { headers: { accept: protobuf } });
      assert.equal(only.code, 406);
      const yaml = await api.ask('GET', widgets('/formats'), { headers: { accept: 'application/yaml' } });
      assert.match(yaml.bytes.toString(), /^ {2}size: 1$/m);
      const sent = await api.ask('POST', widgets(), {
        body: Buffer.from('k8s\0'),
        headers: { 'content-type': protobuf },
      });
      assert.equal(sent.code, 415);
    });
  });

  suite('rules', () => {
    const rule = (text: string, more: object = {}) => ({ rule: text, ...more });
    const ruled = (rules: object[], properties: object = {}, inner: object = {}) => ({
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              'x-kubernetes-validations': rules,
              properties: {
                least: { type: 'integer' },
                most: { type: 'integer' },
                fixed: {
                  type: 'string',
                  'x-kubernetes-validations': [rule('self == oldSelf', { message: 'is fixed' })],
                },
                'a-b': { type: 'string' },
                amounts: { type: 'array', items: { type: 'string' } },
                ...properties,
              },
              ...inner,
            },
          },
        },
      },
    });
    const at = (rest = '') => `${group}/namespaces/customs/ruled${rest}`;
    const create = (name: string, spec: object) =>
      api.ask('POST', at(), { body: { ...widget(name, spec), kind: 'Ruled' } });
    suiteSetup(() =>
      define(
        definition(
          { plural: 'ruled', kind: 'Ruled' },
          ruled([
            rule('!has(self.least) || self.least <= self.most', {
              message: 'least must not be more than most',
              reason: 'FieldValueForbidden',
              fieldPath: '.least',
            }),
            rule('!has(self.a__dash__b) || self.a__dash__b.startsWith("x")', {
              messageExpression: '"a-b is " + self.a__dash__b',
            }),
            rule(
              '!has(self.amounts) || self.amounts.all(a, quantity(a).isGreaterThan(quantity("1Ki"))) && self.amounts.isSorted()',
            ),
          ]),
        ),
      ),
    );

    test('are judged, and told in the words that they name', async () => {
      ok(await create('good', { least: 1, most: 2, 'a-b': 'xy', amounts: ['1Mi', '2Mi'] }));
      assert.deepEqual(causes(await create('bad', { least: 3, most: 2 })), [
        'spec.least: Forbidden: least must not be more than most',
      ]);
      assert.deepEqual(causes(await create('bad', { 'a-b': 'no' })), ['spec: Invalid value: "object": a-b is no']);
      assert.deepEqual(causes(await create('bad', { amounts: ['1'] })), [
        'spec: Invalid value: "object": failed rule: !has(self.amounts) || self.amounts.all(a, quantity(a).isGreaterThan(quantity("1Ki"))) && self.amounts.isSorted()',
      ]);
      assert.deepEqual(causes(await create('bad', { least: 1 })), [
        'spec.least: Invalid value: "object": no such key: most evaluating rule: least must not be more than most',
      ]);
    });

    test('of change hold of changes alone', async () => {
      ok(await create('changing', { fixed: 'a' }));
      ok(await space.patch(at('/changing'), { spec: { most: 1 } }, mergeType));
      const refused = await space.patch(at('/changing'), { spec: { fixed: 'b' } }, mergeType);
      assert.deepEqual(causes(refused), ['spec.fixed: Invalid value: "string": is fixed']);
      ok(await space.patch(at('/changing'), { spec: { fixed: null } }, mergeType));
    });

    test('are not judged of what does not fit the schema', async () => {
      assert.deepEqual(causes(await create('bad', { least: 'x' })), [
        'spec.least: Invalid value: "string": spec.least in body must be of type integer: "string"',
        '<nil>: Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
      ]);
    });

    test('that are no rules are refused with their definition', async () => {
      const answer = await api.ask('POST', definitions, {
        body: definition(
          { plural: 'unruly', kind: 'Unruly' },
          ruled([rule('self.least <'), rule('1 + 1'), rule('nobody == 1')]),
        ),
      });
      assert.equal(answer.code, 422);
      const place = 'spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations';
      const told: string[] = causes(answer);
      assert.match(
        told[0]!,
        /^spec\.versions\[0\].*validations\[0\]\.rule: Invalid value: "self.least <": compilation failed: /,
      );
      assert.equal(told[1], `${place}[1].rule: Invalid value: "1 + 1": must evaluate to a bool`);
      assert.match(told[2]!, /validations\[2\]\.rule: Invalid value: "nobody == 1": compilation failed: .*nobody/);
    });

    test('that take without end are given up', async () => {
      const all = Array.from({ length: 6 }, (_, i) => `self.amounts.all(v${i}, `).join('');
      await define(
        definition({ plural: 'slow', kind: 'Slow' }, ruled([rule(`!has(self.amounts) || ${all}true))))))`)])),
      );
      const body = { ...widget('x', { amounts: Array.from({ length: 200 }, () => '1') }), kind: 'Slow' };
      const answer = await api.ask('POST', `${group}/namespaces/customs/slow`, { body });
      assert.equal(answer.code, 422);
      assert.match(answer.body.message, /running out of cost budget/);
    }).timeout(30_000);
  });

  test('discovery and OpenAPI tell of them', async () => {
    const resources = ok(await api.ask('GET', group)).resources;
    assert.deepEqual(
      resources.map(({ name }: { name: string }) => name).filter((name: string) => name.startsWith('widgets')),
      ['widgets', 'widgets/scale', 'widgets/status'],
    );
    const groups = ok(await api.ask('GET', '/apis')).groups.map(({ name }: { name: string }) => name);
    assert.ok(groups.includes('things.example.com'));
    const index = ok(await api.ask('GET', '/openapi/v3')).paths;
    const document = ok(await api.ask('GET', index['apis/things.example.com/v1'].serverRelativeURL));
    const schema = document.components.schemas['com.example.things.v1.Widget'];
    assert.equal(schema.properties.spec.properties.colour.default, 'red');
    assert.deepEqual(schema['x-kubernetes-group-version-kind'], [
      { group: 'things.example.com', version: 'v1', kind: 'Widget' },
    ]);
    const swagger = ok(await api.ask('GET', '/openapi/v2'));
    assert.ok(swagger.definitions['com.example.things.v1.Widget'].properties.spec);
  });

  test('versions differ in their names; one is stored, and each is served', async () => {
    const schema = { openAPIV3Schema: widgetSchema };
    const body = definition(
      { plural: 'gadgets', kind: 'Gadget' },
      {},
      {
        versions: [
          { name: 'v1', served: true, storage: false, schema, deprecated: true },
          { name: 'v2', served: true, storage: true, schema },
          { name: 'v3', served: false, storage: false, schema },
        ],
      },
    );
    await define(body);
    const at = (version: string, rest = '') => `/apis/things.example.com/${version}/namespaces/customs/gadgets${rest}`;
    const made = await api.ask('POST', at('v1'), {
      body: { ...widget('g'), kind: 'Gadget', apiVersion: 'things.example.com/v1' },
    });
    assert.equal(ok(made).apiVersion, 'things.example.com/v1');
    assert.match(String(made.headers['warning']), /things.example.com\/v1 Gadget is deprecated/);
    assert.equal(ok(await api.ask('GET', at('v2', '/g'))).apiVersion, 'things.example.com/v2');
    assert.equal(ok(await api.ask('GET', at('v1'))).items[0].apiVersion, 'things.example.com/v1');
    assert.equal((await api.ask('GET', at('v3'))).code, 404);
    // Another version comes to be the stored one; what is stored stays readable.
    const { body: now } = await api.ask('GET', `${definitions}/gadgets.things.example.com`);
    for (const version of now.spec.versions) version.storage = version.name === 'v1';
    const changed = ok(await api.ask('PUT', `${definitions}/gadgets.things.example.com`, { body: now }));
    assert.deepEqual(changed.status.storedVersions, ['v2', 'v1']);
    assert.equal(ok(await api.ask('GET', at('v1', '/g'))).apiVersion, 'things.example.com/v1');
    changed.spec.versions = changed.spec.versions.filter(({ name }: { name: string }) => name !== 'v2');
    const dropped = await api.ask('PUT', `${definitions}/gadgets.things.example.com`, { body: changed });
    assert.deepEqual(causes(dropped), ['status.storedVersions[0]: Invalid value: "v2": must appear in spec.versions']);
  });

  test('versions that a webhook would have to convert are not served but for the stored one', async () => {
    const schema = { openAPIV3Schema: widgetSchema };
    const webhook = { clientConfig: { url: 'https://localhost/convert' }, conversionReviewVersions: ['v1'] };
    const versions = [
      { name: 'v1', served: true, storage: false, schema },
      { name: 'v2', served: true, storage: true, schema },
    ];
    const conversion = { strategy: 'Webhook', webhook };
    await define(definition({ plural: 'converts', kind: 'Convert' }, {}, { versions, conversion }));
    const at = (version: string) => `/apis/things.example.com/${version}/namespaces/customs/converts`;
    assert.equal((await api.ask('GET', at('v2'))).code, 200);
    assert.equal((await api.ask('GET', at('v1'))).code, 404);
  });

  test('a stricter schema leaves objects writable as they are, and new defaults show at once', async () => {
    await define(definition({ plural: 'gizmos', kind: 'Gizmo' }));
    const at = (rest = '') => `${group}/namespaces/customs/gizmos${rest}`;
    ok(await api.ask('POST', at(), { body: { ...widget('old', { size: 9, note: 'abc' }), kind: 'Gizmo' } }));
    const { body } = await api.ask('GET', `${definitions}/gizmos.things.example.com`);
    const { properties } = body.spec.versions[0].schema.openAPIV3Schema.properties.spec;
    properties.size.maximum = 5;
    properties.added = { type: 'string', default: 'new' };
    ok(await api.ask('PUT', `${definitions}/gizmos.things.example.com`, { body }));
    const now = ok(await api.ask('GET', at('/old')));
    assert.equal(now.spec.added, 'new');
    ok(await space.patch(at('/old'), { metadata: { labels: { a: 'b' } } }, mergeType));
    const worse = await space.patch(at('/old'), { spec: { size: 8 } }, mergeType);
    assert.deepEqual(causes(worse), [
      'spec.size: Invalid value: 8: spec.size in body should be less than or equal to 5',
    ]);
  });

  test('with its definition its objects go, though no version is served any more', async () => {
    await define(definition({ plural: 'hiders', kind: 'Hider' }));
    const at = `${group}/namespaces/customs/hiders`;
    const name = 'hiders.things.example.com';
    ok(await api.ask('POST', at, { body: { ...widget('hidden'), kind: 'Hider' } }));
    const { body } = await api.ask('GET', `${definitions}/${name}`);
    body.spec.versions[0].served = false;
    ok(await api.ask('PUT', `${definitions}/${name}`, { body }));
    assert.equal((await api.ask('GET', at)).code, 404);
    ok(await api.ask('DELETE', `${definitions}/${name}`));
    await eventually('it is gone', async () => (await api.ask('GET', `${definitions}/${name}`)).code === 404);
    await define(definition({ plural: 'hiders', kind: 'Hider' }));
    assert.deepEqual((await api.ask('GET', at)).body.items, []);
  });

  test('with its definition its objects go, those with finalizers last, and nothing is created meanwhile', async () => {
    await define(definition({ plural: 'leavers', kind: 'Leaver' }));
    const at = (rest = '') => `${group}/namespaces/customs/leavers${rest}`;
    const leaver = (name: string, finalizers: string[]) => ({
      ...widget(name),
      kind: 'Leaver',
      metadata: { name, finalizers },
    });
    ok(await api.ask('POST', at(), { body: leaver('plain', []) }));
    ok(await api.ask('POST', at(), { body: leaver('held', ['example.com/hold']) }));
    const name = 'leavers.things.example.com';
    const going = ok(await api.ask('DELETE', `${definitions}/${name}`));
    assert.deepEqual(going.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io']);
    await eventually('one is left', async () => (await api.ask('GET', at())).body.items?.length === 1);
    assert.equal((await api.ask('POST', at(), { body: leaver('late', []) })).code, 405);
    assert.equal((await condition(name, 'Terminating')).reason, 'InstanceDeletionInProgress');
    ok(await space.patch(at('/held'), { metadata: { finalizers: null } }, mergeType));
    await eventually('it is gone', async () => (await api.ask('GET', `${definitions}/${name}`)).code === 404);
    assert.equal((await api.ask('GET', at())).code, 404);
  });
});
