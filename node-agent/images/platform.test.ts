import assert from 'node:assert/strict';
import type { IndexEntry } from './manifest.ts';
import { choosePlatform, fits, platformOf } from './platform.ts';

/** An entry by `os/architecture/variant`, or without a platform; its digest is its name. */
function entry(name: string, annotations: Record<string, string> = {}): IndexEntry {
  const [os, architecture, variant] = name.split('/');
  const platform = os && architecture ? { os, architecture, ...(variant !== undefined && { variant }) } : undefined;
  return { mediaType: '', digest: name, sizeBytes: 1, annotations, platform };
}

suite('platform', () => {
  for (const [arch, names, chosen] of [
    ['x64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
    ['x64', ['windows/amd64', 'linux/386'], 'linux/386'],
    ['x64', ['linux/amd64/v3', 'linux/amd64/v1'], 'linux/amd64/v1'],
    ['x64', ['unknown/unknown', 'linux/amd64'], 'linux/amd64'],
    ['x64', ['linux/s390x', 'some'], 'some'],
    ['arm64', ['linux/arm/v7', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['arm64', ['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'], 'linux/arm/v7'],
    ['arm', ['linux/arm64', 'linux/arm/v8', 'linux/arm/v6', 'linux/arm'], 'linux/arm'],
    ['s390x', ['linux/amd64', 'linux/s390x'], 'linux/s390x'],
  ] as const)
    test(`choosePlatform() on ${arch} takes ${chosen} of ${names.join(', ')}`, () =>
      assert.equal(
        choosePlatform(
          names.map((name) => entry(name)),
          platformOf(arch),
          'i',
        ).digest,
        chosen,
      ));

  test('choosePlatform() never takes an attestation, whatever platform it names', () => {
    const attestation = (name: string) => entry(name, { 'vnd.docker.reference.type': 'attestation-manifest' });
    assert.throws(
      () => choosePlatform([attestation('linux/amd64'), attestation('none')], platformOf('x64'), 'sha256:i'),
      /^Error: no match for platform linux\/amd64 in manifest sha256:i, which has no images: not found$/,
    );
  });

  test('choosePlatform() says what there is', () =>
    assert.throws(
      () =>
        choosePlatform(
          ['linux/arm64/v8', 'linux/amd64/v3', 'unknown/unknown'].map((name) => entry(name)),
          platformOf('x64'),
          'i',
        ),
      /which has linux\/arm64, linux\/amd64\/v3: not found$/,
    ));

  test('fits() knows variants', () => {
    assert.ok(fits({ os: 'linux', architecture: 'arm64', variant: 'v8' }, platformOf('arm64')));
    assert.ok(!fits({ os: 'linux', architecture: 'arm64' }, platformOf('x64')));
  });
});
