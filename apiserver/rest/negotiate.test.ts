import assert from 'node:assert/strict';
import type { ApiError } from '#lib/meta/errors.ts';
import { negotiate } from './negotiate.ts';

suite('negotiate()', () => {
  const cases: [header: string | undefined, wanted: string][] = [
    [undefined, 'json object v1'],
    ['*/*', 'json object v1'],
    ['application/json', 'json object v1'],
    ['application/yaml', 'yaml object v1'],
    ['application/vnd.kubernetes.protobuf', 'protobuf object v1'],
    ['application/vnd.kubernetes.protobuf,application/json', 'json object v1'],
    ['application/vnd.kubernetes.protobuf, */*', 'json object v1'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'json table v1'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', 'json table v1beta1'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'json metadata v1'],
    ['application/json;as=Unknown;g=meta.k8s.io;v=v1,application/json', 'json object v1'],
    ['application/yaml;q=0.5,application/json;q=0.9', 'json object v1'],
  ];
  for (const [header, wanted] of cases) {
    test(`negotiate() answers ${wanted} to ${header}`, () => {
      const { format, shape, version } = negotiate(header);
      assert.equal(`${format} ${shape} ${version}`, wanted);
    });
  }

  test('negotiate() refuses what it cannot write', () => {
    assert.throws(
      () => negotiate('text/html'),
      (error: ApiError) => error.code === 406,
    );
  });
});
