/** The OpenAPI documents as clients fetch them: the index, what may be kept, what is packed, and the older version in both its forms. */
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { kinds } from '#lib/kinds/index.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { operationId?: string; 'x-kubernetes-action'?: string }>>;
  components: { schemas: Record<string, Record<string, unknown>> };
}

suite('OpenAPI', () => {
  let space: Space;
  let index: Record<string, { serverRelativeURL: string }>;

  suiteSetup(async () => {
    space = await makeSpace('openapi');
    index = (await space.api.ask('GET', '/openapi/v3')).body.paths;
  });

  const linkTo = (key: string) => {
    const link = index[key]?.serverRelativeURL;
    assert.ok(link, key);
    return link;
  };
  const document = async (key: string) => (await space.api.ask('GET', linkTo(key))).body as OpenApi;

  test('the index names a document for every group version, every group, and what lies beside them', () => {
    const versions = kinds.map(({ group, version }) => (group ? `apis/${group}/${version}` : `api/${version}`));
    const groups = kinds.map(({ group }) => (group ? `apis/${group}` : 'api'));
    const others = ['apis', 'version', '.well-known/openid-configuration', 'openid/v1/jwks'];
    assert.deepEqual(Object.keys(index).sort(), [...new Set([...versions, ...groups, ...others])].sort());
  });

  test('what is asked for by its hash may be kept for good; an older hash leads to the newer', async () => {
    const link = linkTo('apis/apps/v1');
    const [path, hash] = link.split('?hash=') as [string, string];
    const { code, headers } = await space.api.ask('GET', link);
    assert.equal(code, 200);
    assert.equal(headers['etag'], `"${hash}"`);
    assert.equal(headers['cache-control'], 'public, immutable');
    const keptDays = (Date.parse(String(headers['expires'])) - Date.parse(String(headers['date']))) / 86_400_000;
    assert.ok(keptDays > 360, String(headers['expires']));
    const plain = await space.api.ask('GET', path);
    assert.equal(plain.headers['cache-control'], 'no-cache, private');
    assert.equal(plain.headers['expires'], undefined);
    const stale = await space.api.ask('GET', `${path}?hash=0123`);
    assert.deepEqual([stale.code, stale.headers['location']], [301, link]);
    const again = await space.api.ask('GET', link, { headers: { 'if-none-match': `"${hash}"` } });
    assert.deepEqual([again.code, again.bytes.length], [304, 0]);
  });

  test('documents are packed for those who can unpack them, and the same for others', async () => {
    const ask = (encoding: string) =>
      space.api.ask('GET', '/openapi/v3/api/v1', {
        headers: { 'accept-encoding': encoding, accept: 'application/json' },
      });
    const plain = await ask('identity');
    const { code, headers, bytes } = await ask('br, gzip;q=0.5');
    assert.equal(code, 200);
    assert.equal(headers['content-encoding'], 'gzip');
    assert.ok(bytes.length < plain.bytes.length / 10);
    assert.deepEqual(gunzipSync(bytes), plain.bytes);
    assert.equal((await ask('gzip;q=0')).headers['content-encoding'], undefined);
  });

  test('paths that are told are served, also the older ones for watching', async () => {
    const { paths } = await document('apis/apps/v1');
    const names = { '{namespace}': space.name, '{name}': 'none' };
    for (const [path, expected] of [
      ['/apis/apps/v1/', 200],
      ['/apis/apps/v1/deployments', 200],
      ['/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale', 404],
      ['/apis/apps/v1/watch/deployments', 200],
      ['/apis/apps/v1/watch/namespaces/{namespace}/deployments/{name}', 200],
    ] as const) {
      assert.ok(paths[path], path);
      const watch = await space.api.watch(path.replaceAll(/\{\w+\}/g, (name) => names[name as keyof typeof names]));
      watch.close();
      assert.equal(watch.code, expected, path);
    }
  });

  test('every kind tells its group, version and kind, and its list too', async () => {
    for (const { group, version, kind, schema, verbs } of kinds) {
      const { components } = await document(group ? `apis/${group}/${version}` : `api/${version}`);
      assert.deepEqual(components.schemas[schema]?.['x-kubernetes-group-version-kind'], [{ group, version, kind }]);
      assert.ok(String(components.schemas[schema]?.['description']).length > 20, `${kind} is described`);
      if (verbs.includes('list')) {
        const list = components.schemas[`${schema}List`];
        assert.deepEqual(list?.['x-kubernetes-group-version-kind'], [{ group, version, kind: `${kind}List` }]);
      }
    }
  });

  test('version 2 tells the same operations, as JSON and as protobuf', async () => {
    const swagger = (await space.api.ask('GET', '/openapi/v2')).body;
    const ids = new Set<string>();
    for (const key of Object.keys(index)) {
      for (const methods of Object.values((await document(key)).paths)) {
        for (const { operationId } of Object.values(methods)) if (operationId) ids.add(operationId);
      }
    }
    const told = Object.values(swagger.paths as OpenApi['paths']).flatMap((methods) =>
      Object.values(methods).flatMap(({ operationId }) => operationId ?? []),
    );
    assert.deepEqual(told.sort(), [...ids].sort());

    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf,application/json';
    const { headers, bytes } = await space.api.ask('GET', '/openapi/v2', { headers: { accept } });
    assert.equal(headers['content-type'], 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    const type = protobuf
      .parse(
        `syntax = "proto3"; message Named { string name = 1; } message Paths { repeated Named path = 2; }
        message List { repeated Named additional_properties = 1; } message Document { Paths paths = 8; List definitions = 9; }`,
      )
      .root.lookupType('Document');
    const read = type.toObject(type.decode(bytes)) as {
      paths: { path: { name: string }[] };
      definitions: { additionalProperties: { name: string }[] };
    };
    assert.deepEqual(read.paths.path.map(({ name }) => name).sort(), Object.keys(swagger.paths).sort());
    assert.deepEqual(
      read.definitions.additionalProperties.map(({ name }) => name).sort(),
      Object.keys(swagger.definitions).sort(),
    );
  });
});
