/** For tests: requests, and a world that consists of a few objects. */
import assert from 'node:assert/strict';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { Loose } from '../verbs/fixture.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

interface Body {
  metadata?: object;
  [field: string]: unknown;
}

/** An object in the namespace `default`. */
export function objectOf(kind: Kind, name: string, { metadata, ...body }: Body = {}): Loose {
  const own = { name, ...(kind.namespaced && { namespace: 'default' }), uid: `uid-${name}`, ...metadata };
  return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: own, ...body } as unknown as Loose;
}

/** A world of these objects. */
export function lookOf(...objects: [kind: Kind, object: Resource][]): Lookup {
  const found = <T extends Resource>(kind: Kind<T>) =>
    objects.filter(([other]) => other === (kind as Kind)).map(([, object]) => object as T);
  return {
    get: <T extends Resource>(kind: Kind<T>, { namespace, name }: Ref) =>
      found(kind).find(
        ({ metadata }) => metadata.name === name && (!kind.namespaced || metadata.namespace === namespace),
      ),
    list: <T extends Resource>(kind: Kind<T>, namespace: string) =>
      found(kind).filter(({ metadata }) => namespace === '' || metadata.namespace === namespace),
  };
}

export interface Asked extends AdmissionRequest {
  object: Loose;
  /** What the user was told. */
  warnings: string[];
}

/** A request of the cluster's administrator; a creation, unless it says otherwise. */
export function requestOf(kind: Kind, object: Loose, more: Partial<AdmissionRequest> = {}): Asked {
  const warnings: string[] = [];
  return {
    operation: more.before ? 'UPDATE' : 'CREATE',
    kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    subresource: '',
    before: undefined,
    caller: { name: 'admin', groups: ['system:masters', 'system:authenticated'] },
    dryRun: false,
    ...more,
    object,
    warnings,
    warn: (text) => warnings.push(text),
  };
}

/** The sentence of the refusal by which a plugin answers the request; '' when it lets it pass. */
export function refusalBy({ admit, validate }: AdmissionPlugin, request: AdmissionRequest, look = lookOf()): string {
  try {
    admit?.(request, look);
    validate?.(request, look);
    return '';
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error.message;
  }
}
