/** serviceaccounts/token: a token for whoever may ask for one. */
import type { TokenRequest } from '#lib/kinds/gen/authentication-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Env } from '#lib/env/env.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import { serviceAccount as accountKind } from '#lib/kinds/service-account.ts';
import { badRequest, conflict, invalid, invalidObject, notFound } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { Ref } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';
import { claimsOf } from '#lib/pki/jwt.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { Lookup } from '../admission/types.ts';
import { decodeObject } from '../verbs/decode.ts';
import type { SubresourceAnswerer } from '../verbs/verbs.ts';
import type { BoundObject, ServiceAccountTokens } from './service-account-tokens.ts';

const defaultLifeSeconds = 3600;
const shortestLifeSeconds = 600;
const longestLifeSeconds = 2 ** 32;

const requestType = {
  group: 'authentication.k8s.io',
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  schema: 'io.k8s.api.authentication.v1.TokenRequest',
};

const bindable = { Pod: podKind, Secret: secretKind, Node: nodeKind } as const;

/** What agents ask for when a pod's own manifest does not say how long: programs that read such a token only once get a year of grace, as upstream's do. */
const podLifeSeconds = 3607;
const graceLifeSeconds = 365 * 24 * 3600;

/** Makes the answerer. `sync` brings what `look` sees up to date. */
export function makeTokenAnswerer(
  tokens: ServiceAccountTokens,
  look: Lookup,
  sync: () => Promise<unknown>,
  env: Env,
): SubresourceAnswerer {
  return async (_caller, ref, body, options) => {
    const { dryRun, notes } = options;
    const request = decodeObject(requestType, body, options) as TokenRequest;
    checkPlace(request, ref);
    await sync();
    const account = look.get(accountKind, ref);
    if (!account) throw notFound(accountKind, ref.name);
    const lifeSeconds = request.spec?.expirationSeconds ?? defaultLifeSeconds;
    const faults = lifeFaults(lifeSeconds);
    if (faults.length > 0) throw invalidObject(requestType, '', faults);
    const audiences = request.spec?.audiences?.length ? request.spec.audiences : [...tokens.audiences];
    const bound = boundObject(request, ref.namespace, account.metadata.name, look);
    const isForThisApi = audiences.every((audience) => tokens.audiences.includes(audience));
    const hasGrace = bound.bound?.kind === 'Pod' && lifeSeconds === podLifeSeconds && isForThisApi;
    const nowMs = env.now();
    const token = tokens.issue({
      namespace: ref.namespace,
      account: { name: account.metadata.name, uid: account.metadata.uid },
      audiences,
      ...(hasGrace ? { lifeSeconds: graceLifeSeconds, warnAfterSeconds: lifeSeconds } : { lifeSeconds }),
      ...bound,
    });
    // By it the audit log can tell what is done with the token.
    notes?.annotate?.('authentication.kubernetes.io/issued-credential-id', `JTI=${String(claimsOf(token)?.['jti'])}`);
    return {
      kind: requestType.kind,
      apiVersion: requestType.apiVersion,
      metadata: { ...request.metadata, name: ref.name, namespace: ref.namespace, creationTimestamp: formatTime(nowMs) },
      spec: {
        ...request.spec,
        audiences,
        expirationSeconds: lifeSeconds,
        boundObjectRef: request.spec?.boundObjectRef ?? null,
      },
      status: {
        token: dryRun ? '' : token,
        expirationTimestamp: formatTime(Math.floor(nowMs / 1000) * 1000 + lifeSeconds * 1000),
      },
    };
  };
}

/** What the body says of its place must be what the path says. */
function checkPlace({ metadata }: TokenRequest, { namespace, name }: Ref): void {
  const wrong = (path: string, value: string, what: string) =>
    invalidObject(requestType, name, [invalid(path, value, `must match the service account ${what} if specified`)]);
  if (metadata?.name && metadata.name !== name) throw wrong('metadata.name', metadata.name, 'name');
  if (metadata?.namespace && metadata.namespace !== namespace) {
    throw wrong('metadata.namespace', metadata.namespace, 'namespace');
  }
}

function lifeFaults(seconds: number): FieldError[] {
  const path = 'spec.expirationSeconds';
  if (seconds < shortestLifeSeconds) return [invalid(path, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > longestLifeSeconds)
    return [invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

function boundObject(
  { spec }: TokenRequest,
  namespace: string,
  account: string,
  look: Lookup,
): { bound?: BoundObject; node?: { name: string; uid: string | undefined } } {
  const wanted = spec?.boundObjectRef;
  if (!wanted) return {};
  const { apiVersion = '', kind = '', name = '', uid } = wanted;
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  if (group !== '' || !Object.hasOwn(bindable, kind)) {
    const what = `${group}/${version}, Kind=${kind}`;
    throw badRequest(`cannot bind token for serviceaccount ${goQuote(account)} to object of type ${what}`);
  }
  const type = kind as BoundObject['kind'];
  const at = { namespace: type === 'Node' ? '' : namespace, name };
  const object =
    type === 'Pod' ? look.get(podKind, at) : type === 'Secret' ? look.get(secretKind, at) : look.get(nodeKind, at);
  if (!object) throw notFound(bindable[type], name);
  if (type === 'Pod' && (object as Pod).spec.serviceAccountName !== account) {
    throw badRequest(
      `cannot bind token for serviceaccount ${goQuote(account)} to pod running with different serviceaccount name.`,
    );
  }
  if (uid && uid !== object.metadata.uid) {
    throw conflict(
      { group: '', plural: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const bound: BoundObject = { kind: type, name, uid: object.metadata.uid };
  if (type !== 'Pod') return { bound };
  const { spec: podSpec } = object as Pod;
  if (!podSpec.nodeName) return { bound };
  const node = look.get(nodeKind, { namespace: '', name: podSpec.nodeName });
  return { bound, node: { name: podSpec.nodeName, uid: node?.metadata.uid } };
}
