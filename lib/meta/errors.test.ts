import assert from 'node:assert/strict';
import {
  alreadyExists,
  ApiError,
  conflict,
  duplicate,
  fieldForbidden,
  fromStatus,
  invalid,
  invalidObject,
  notFound,
  notSupported,
  required,
} from './errors.ts';

suite('errors', () => {
  const deployments = { group: 'apps', plural: 'deployments', kind: 'Deployment' };
  const pods = { group: '', plural: 'pods', kind: 'Pod' };

  test("texts are upstream's", () => {
    assert.equal(notFound(pods, 'a').message, 'pods "a" not found');
    assert.equal(notFound(deployments, 'a').message, 'deployments.apps "a" not found');
    assert.equal(alreadyExists(pods, 'a').message, 'pods "a" already exists');
    assert.equal(
      conflict(deployments, 'a').message,
      'Operation cannot be fulfilled on deployments.apps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('invalidObject() lists one cause per field, and one sentence alone without brackets', () => {
    const one = invalidObject(pods, 'a', [required('spec.containers')]);
    assert.equal(one.message, 'Pod "a" is invalid: spec.containers: Required value');
    const two = invalidObject(deployments, 'a', [
      invalid('spec.replicas', -1, 'must be greater than or equal to 0'),
      notSupported('spec.strategy.type', 'Slow', ['Recreate', 'RollingUpdate']),
    ]);
    assert.equal(
      two.message,
      'Deployment.apps "a" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.strategy.type: Unsupported value: "Slow": supported values: "Recreate", "RollingUpdate"]',
    );
    assert.equal(two.code, 422);
    assert.deepEqual(
      two.details?.causes?.map(({ field }) => field),
      ['spec.replicas', 'spec.strategy.type'],
    );
  });

  test('field errors name their sort', () => {
    assert.equal(duplicate('a', 'x').message, 'Duplicate value: "x"');
    assert.equal(fieldForbidden('a', 'no').message, 'Forbidden: no');
    assert.equal(required('a', 'give it').message, 'Required value: give it');
  });

  test('fromStatus() is undone by toStatus()', () => {
    const error = notFound(deployments, 'a');
    assert.deepEqual(fromStatus(error.toStatus()).toStatus(), error.toStatus());
    assert.equal(fromStatus({ code: 409, message: 'x' }).code, 409);
    assert.equal(fromStatus({ code: 418 }).reason, 'InternalError');
    assert.ok(fromStatus({}) instanceof ApiError);
  });
});
