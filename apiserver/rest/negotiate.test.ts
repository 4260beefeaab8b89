import assert from 'node:assert/strict';
import type { ApiError } from '#lib/meta/errors.ts';
import { demandStream, negotiate, negotiateFailure } from './negotiate.ts';

suite('negotiate()', () => {
  const cases: [header: string | undefined, wanted: string][] = [
    [undefined, 'json object v1'],
    ['', 'json object v1'],
    ['*/*', 'json object v1'],
    ['*', 'json object v1'],
    ['*/*;q=0.1', 'json object v1'],
    ['application/*', 'json object v1'],
    ['application/json', 'json object v1'],
    ['application/json;charset=utf-8', 'json object v1'],
    ['application/json;stream=watch', 'json object v1'],
    ['application/json;pretty=1', 'json object v1 pretty'],
    ['application/yaml', 'yaml object v1'],
    ['application/vnd.kubernetes.protobuf', 'protobuf object v1'],
    ['application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch', 'protobuf object v1'],
    ['application/vnd.kubernetes.protobuf,application/json', 'protobuf object v1'],
    ['application/json,application/vnd.kubernetes.protobuf', 'json object v1'],
    ['*/*,application/vnd.kubernetes.protobuf', 'protobuf object v1'],
    ['application/cbor,application/json', 'json object v1'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'json object v1'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'json table v1'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', 'json table v1beta1'],
    ['application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/json', 'json object v1'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'json metadataList v1'],
    [
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
      'protobuf metadata v1',
    ],
    ['application/json;as=Unknown;g=meta.k8s.io;v=v1,application/json', 'json object v1'],
    ['application/json;as=Table;g=other;v=v1,application/yaml', 'yaml object v1'],
    ['application/json;as=Table,application/yaml', 'yaml object v1'],
    ['application/yaml;stream=watch,application/json', 'json object v1'],
    ['application/yaml;q=0.5,application/json;q=0.9', 'json object v1'],
    ['application/json;sv=v2,application/yaml', 'yaml object v1'],
  ];
  for (const [header, wanted] of cases) {
    test(`negotiate() answers ${wanted} to ${header}`, () => {
      const { format, shape, version, pretty } = negotiate(header);
      assert.equal(`${format} ${shape} ${version}${pretty ? ' pretty' : ''}`, wanted);
    });
  }

  const refuses = (run: () => unknown, types: string) =>
    assert.throws(run, (error: ApiError) => {
      assert.equal(error.code, 406);
      assert.equal(error.message, `only the following media types are accepted: ${types}`);
      return true;
    });

  test('negotiate() refuses what it cannot write', () => {
    const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
    for (const header of ['text/html', 'application/cbor', 'json', 'a/b/c', 'application/json;as=Table']) {
      refuses(() => negotiate(header), types);
    }
  });

  test('negotiate() passes over tables where there are none', () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    assert.equal(negotiate(`${table},application/json`, { tables: false, protobuf: true }).shape, 'object');
    refuses(
      () => negotiate(table, { tables: false, protobuf: true }),
      'application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  });

  test('demandStream() refuses what cannot be written event by event', () => {
    const types = 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';
    refuses(() => demandStream(negotiate('application/yaml')), types);
    demandStream(negotiate('application/vnd.kubernetes.protobuf'));
  });

  test('negotiateFailure() never fails, and knows no shapes', () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    assert.equal(negotiateFailure(`${table},application/yaml`).format, 'yaml');
    assert.equal(negotiateFailure(table).format, 'json');
    assert.equal(negotiateFailure('text/html').format, 'json');
    assert.equal(negotiateFailure('application/vnd.kubernetes.protobuf').format, 'protobuf');
  });
});
