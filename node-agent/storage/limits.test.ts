import assert from 'node:assert/strict';
import type { PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import type { StorageUse } from './folders.ts';
import { exceededLimit, hasStorageLimits } from './limits.ts';

const mebi = 1024 * 1024;

function use(containers: Record<string, number>, volumes: Record<string, number> = {}): StorageUse {
  const sizes = [...Object.values(containers), ...Object.values(volumes)];
  return {
    containers: new Map(Object.entries(containers)),
    volumes: new Map(Object.entries(volumes)),
    total: sizes.reduce((sum, size) => sum + size, 0),
  };
}

const limited = (name: string, limit: string) =>
  makeContainer(name, { resources: { limits: { 'ephemeral-storage': limit } } });

function verdict(spec: Partial<PodSpec>, used: StorageUse): string | undefined {
  return exceededLimit(makePod(spec), used);
}

suite('node-agent/storage/limits', () => {
  test('exceededLimit() names the volume, the pod or the container, in this order', () => {
    const spec: Partial<PodSpec> = {
      containers: [limited('app', '10240Ki'), limited('side', '1Mi')],
      volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '2048Ki' } }],
    };
    assert.equal(verdict(spec, use({ app: 10 * mebi, side: mebi })), undefined);
    assert.equal(
      verdict(spec, use({ app: 20 * mebi }, { scratch: 3 * mebi })),
      'Usage of EmptyDir volume "scratch" exceeds the limit "2Mi". ',
    );
    assert.equal(
      verdict(spec, use({ app: 20 * mebi })),
      'Pod ephemeral local storage usage exceeds the total limit of containers 11Mi. ',
    );
    assert.equal(
      verdict(spec, use({ app: mebi, side: 2 * mebi })),
      'Container side exceeded its local ephemeral storage limit "1Mi". ',
    );
  });

  test('exceededLimit() writes sums in the style of their parts', () => {
    const spec = { containers: [limited('app', '10M')] };
    assert.match(verdict(spec, use({ app: 10_000_001 })) ?? '', /total limit of containers 10M\. $/);
  });

  test('exceededLimit() leaves to the kernel what volumes in memory hold', () => {
    const volumes = [{ name: 'fast', emptyDir: { medium: 'Memory' as const, sizeLimit: '1Mi' } }];
    assert.equal(verdict({ volumes }, use({}, { fast: 5 * mebi })), undefined);
    assert.equal(hasStorageLimits(makePod({ volumes })), false);
  });

  test('hasStorageLimits() looks at containers and volumes', () => {
    assert.equal(hasStorageLimits(makePod()), false);
    assert.equal(hasStorageLimits(makePod({ containers: [limited('app', '1Gi')] })), true);
    assert.equal(hasStorageLimits(makePod({ volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] })), true);
    assert.equal(hasStorageLimits(makePod({ volumes: [{ name: 'v', emptyDir: {} }] })), false);
  });
});
