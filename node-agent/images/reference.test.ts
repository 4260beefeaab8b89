import assert from 'node:assert/strict';
import { formatReference, parseReference, storedName } from './reference.ts';
import type { PullError } from './types.ts';

const digest = `sha256:${'a'.repeat(64)}`;

suite('reference', () => {
  for (const [name, full] of [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['user/app', 'docker.io/user/app:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/a/b/c:x_y.z-1', '127.0.0.1:5000/a/b/c:x_y.z-1'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['wherry.local/test/busybox:1', 'wherry.local/test/busybox:1'],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
  ] as const)
    test(`parseReference() fills in ${name}`, () => assert.equal(formatReference(parseReference(name)), full));

  test('storedName() of a name with tag and digest goes by the digest alone', () => {
    assert.equal(storedName(parseReference(`nginx:1@${digest}`)), `docker.io/library/nginx@${digest}`);
  });

  for (const [name, because] of [
    ['', ''],
    ['nginx:::', ''],
    ['nginx:', ''],
    ['-nginx', ''],
    ['a//b', ''],
    ['../../etc', ''],
    ['nginx@sha256:abc', ''],
    ['nginx@md5:d41d8cd98f00b204e9800998ecf8427e', ''],
    ['Nginx', ': repository name (library/Nginx) must be lowercase'],
    ['docker.io/User/app', ': repository name (User/app) must be lowercase'],
    ['a'.repeat(64), ': cannot specify 64-byte hexadecimal strings'],
  ] as const)
    test(`parseReference() refuses ${JSON.stringify(name)} with the kubelet's sentence`, () => {
      assert.throws(() => parseReference(name), {
        name: 'PullError',
        reason: 'InvalidImageName',
        message: `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format${because}`,
      } satisfies Partial<PullError>);
    });
});
