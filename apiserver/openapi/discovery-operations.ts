/** The operations by which clients learn what there is: the documents of discovery, the version, and those of the token issuer. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { groupKinds } from './discovery.ts';
import { capitalize, groupWord, resourceTypes, tagOf, versionPath, versionTitle } from './operation.ts';
import type { Operation } from './operation.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** The operation that tells the resources of a group's version. */
export function resourcesOperation(group: string, version: string): Operation {
  return {
    ...common,
    id: `get${versionTitle({ group, version })}APIResources`,
    path: `${versionPath(group, version)}/`,
    tag: tagOf({ group, version }),
    description: 'Tell which resources there are.',
    answer: `${meta}.APIResourceList`,
  };
}

/** All others, by the name of the OpenAPI document that tells of them. */
export function outerOperations(kinds: readonly Kind[]): Map<string, Operation> {
  const versions = 'Tell which versions of the API there are.';
  const groups = groupKinds(kinds).filter(({ group }) => group !== '');
  const json = { consumes: [], produces: ['application/json'] };
  return new Map<string, Operation>([
    [
      'api',
      {
        ...common,
        id: 'getCoreAPIVersions',
        path: '/api/',
        tag: 'core',
        description: versions,
        answer: `${meta}.APIVersions`,
      },
    ],
    [
      'apis',
      {
        ...common,
        id: 'getAPIVersions',
        path: '/apis/',
        tag: 'apis',
        description: versions,
        answer: `${meta}.APIGroupList`,
      },
    ],
    ...groups.map(({ group }): [string, Operation] => [
      `apis/${group}`,
      {
        ...common,
        id: `get${capitalize(groupWord(group))}APIGroup`,
        path: `/apis/${group}/`,
        tag: groupWord(group),
        description: 'Tell which versions the group has.',
        answer: `${meta}.APIGroup`,
      },
    ]),
    [
      'version',
      {
        ...common,
        ...json,
        consumes: json.produces,
        id: 'getCodeVersion',
        path: '/version/',
        tag: 'version',
        description: 'Tell the version of the server.',
        answer: 'io.k8s.apimachinery.pkg.version.Info',
      },
    ],
    [
      '.well-known/openid-configuration',
      {
        ...common,
        ...json,
        id: 'getServiceAccountIssuerOpenIDConfiguration',
        path: '/.well-known/openid-configuration/',
        tag: 'WellKnown',
        description: 'Describe the issuer of service account tokens.',
      },
    ],
    [
      'openid/v1/jwks',
      {
        ...common,
        ...json,
        produces: ['application/jwk-set+json'],
        id: 'getServiceAccountIssuerOpenIDKeyset',
        path: '/openid/v1/jwks/',
        tag: 'openid',
        description: 'Tell the keys that service account tokens are signed by.',
      },
    ],
  ]);
}

const common = {
  method: 'get',
  parameters: [],
  codes: [200],
  consumes: resourceTypes,
  produces: resourceTypes,
} as const;
