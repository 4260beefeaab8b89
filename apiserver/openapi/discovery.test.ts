import assert from 'node:assert/strict';
import { kinds } from '#lib/kinds/index.ts';
import { decodeEnvelope } from '../rest/protobuf.ts';
import { makeDocuments, type Documents } from './documents.ts';

suite('discovery', () => {
  let documents: Documents;
  setup(() => {
    documents = makeDocuments(kinds, '10.0.0.1:6443');
  });

  const read = (path: string, accept = 'application/json') => {
    const document = documents(path, accept);
    assert.ok(document, path);
    return JSON.parse(document.body.toString()) as Record<string, never>;
  };

  test('the core group lists its resources with verbs, short names and subresources', () => {
    const { resources } = read('/api/v1') as unknown as { resources: { name: string }[] };
    const pods = resources.find(({ name }) => name === 'pods');
    assert.deepEqual(pods, {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['po'],
      categories: ['all'],
      storageVersionHash: 'xPOwRZ+Yhw8=',
    });
    assert.deepEqual(
      resources.filter(({ name }) => name === 'pods/eviction'),
      [
        {
          name: 'pods/eviction',
          singularName: '',
          namespaced: true,
          group: 'policy',
          version: 'v1',
          kind: 'Eviction',
          verbs: ['create'],
        },
      ],
    );
  });

  test('every group and version has its documents, the newest version preferred', () => {
    const { groups } = read('/apis') as unknown as {
      groups: { name: string; versions: { groupVersion: string }[]; preferredVersion: { version: string } }[];
    };
    assert.equal(groups.find(({ name }) => name === 'autoscaling')?.preferredVersion.version, 'v2');
    for (const { name, versions } of groups) {
      assert.equal(read(`/apis/${name}`)['name'], name);
      for (const { groupVersion } of versions)
        assert.equal(read(`/apis/${groupVersion}`)['groupVersion'], groupVersion);
    }
    assert.equal(documents('/apis/nothing.example.com', ''), undefined);
  });

  test('the aggregated form is given to those who ask, in the version they know', () => {
    const v2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const beta = 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList';
    const document = documents('/apis', `${v2},${beta},application/json`);
    assert.equal(document?.contentType, v2);
    assert.match(document?.etag ?? '', /^"[0-9A-F]{128}"$/);
    assert.equal(documents('/api', `${beta},application/json`)?.contentType, beta);
    assert.equal(documents('/api', 'application/json')?.contentType, 'application/json');
    const list = read('/apis', v2) as unknown as {
      items: {
        metadata: { name: string };
        versions: { resources: { resource: string; subresources?: { subresource: string }[] }[] }[];
      }[];
    };
    const apps = list.items.find(({ metadata }) => metadata.name === 'apps');
    const deployments = apps?.versions[0]?.resources.find(({ resource }) => resource === 'deployments');
    assert.deepEqual(
      deployments?.subresources?.map(({ subresource }) => subresource),
      ['scale', 'status'],
    );
  });

  test('the aggregated form is given as protobuf to those who ask for that', () => {
    for (const version of ['v2', 'v2beta1']) {
      const parameters = `;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      const wish = `application/vnd.kubernetes.protobuf${parameters}`;
      for (const path of ['/api', '/apis']) {
        const document = documents(path, `${wish},application/json`);
        assert.equal(document?.contentType, wish);
        const { metadata, ...told } = decodeEnvelope(document.body);
        const { metadata: same, ...expected } = read(path, `application/json${parameters}`) as Record<string, unknown>;
        assert.deepEqual([metadata ?? {}, withoutEmpty(told)], [same, withoutEmpty(expected)]);
      }
    }
  });

  test('a document is the same object every time', () => {
    assert.equal(documents('/api/v1', ''), documents('/api/v1/', ''));
  });
});

/** Without what protobuf does not tell from what is absent. */
function withoutEmpty(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, item: unknown) => (item === '' || item === null ? undefined : item)));
}
