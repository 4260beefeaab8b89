/** Who asks: certificates, tokens of every sort, nobody, and whoever acts as another. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import { readJwtSigner } from '#lib/pki/jwt.ts';
import { makeLegacyToken } from '#lib/pki/legacy-tokens.ts';
import type { Answer, AskOptions, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const selfReviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const tokenReviews = '/apis/authentication.k8s.io/v1/tokenreviews';
const issuer = 'https://kubernetes.default.svc.cluster.local';
const jti = 'authentication.kubernetes.io/credential-id';

interface UserInfo {
  username: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

suite('authentication', () => {
  let space: Space;
  let api: TestApi;
  let authority: KeyPair;

  suiteSetup(async () => {
    space = await makeSpace('authentication');
    ({ api } = space);
    const pem = (name: string) => readFileSync(join(api.folder, name), 'utf8');
    authority = { certPem: pem('ca.crt'), keyPem: pem('ca.key') };
  });

  const must = async (method: string, path: string, body?: object): Promise<Answer['body']> => {
    const answer = await api.ask(method, path, { body });
    assert.ok(answer.code < 300, JSON.stringify(answer.body));
    return answer.body;
  };
  /** A read of the latest state: afterwards what was written counts for everyone. */
  const settled = () => api.ask('GET', `${space.path}/configmaps`);
  const whoAmI = async (options: AskOptions): Promise<UserInfo | number> => {
    const { code, body } = await api.ask('POST', selfReviews, { body: {}, ...options });
    return code === 201 ? (body.status.userInfo as UserInfo) : code;
  };
  const told = ({ code, body }: Answer) => ({ code, reason: body.reason, message: body.message });
  const unauthorized = { code: 401, reason: 'Unauthorized', message: 'Unauthorized' };

  suite('certificates', () => {
    const now = Date.now();

    const askWith = async ({ certPem, keyPem }: KeyPair, headers: Record<string, string> = {}) => {
      const tls = { ca: authority.certPem, cert: certPem, key: keyPem, agent: false as const };
      const sending = request(api.url + selfReviews, {
        ...tls,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
      });
      sending.end('{}');
      const [answer] = (await once(sending, 'response')) as [IncomingMessage];
      const body = (await json(answer)) as { status: { userInfo: UserInfo }; message: string };
      return answer.statusCode === 201 ? body.status.userInfo : `${answer.statusCode} ${body.message}`;
    };

    test('the common name is the user, organizations are the groups, and the credential has a name', async () => {
      const pair = await issue(authority, { commonName: 'jane', organizations: ['a', 'b'], usages: ['client'] }, now);
      const digest = createHash('sha256').update(new X509Certificate(pair.certPem).raw).digest('hex');
      assert.deepEqual(await askWith(pair), {
        username: 'jane',
        groups: ['a', 'b', 'system:authenticated'],
        extra: { [jti]: [`X509SHA256=${digest}`] },
      });
    });

    test('one of another authority, out of force, or for servers is no credential', async () => {
      const wanted = { commonName: 'admin', organizations: ['system:masters'], usages: ['client' as const] };
      const longAgo = now - 20 * 365 * 24 * 3_600_000;
      for (const [what, pair] of Object.entries({
        another: await issue(await makeAuthority('test', now), wanted, now),
        old: await issue(authority, wanted, longAgo),
        server: await issue(authority, { ...wanted, usages: ['server'] }, now),
      })) {
        assert.equal(await askWith(pair), '401 Unauthorized', what);
        // It is as if it were not there when something better is shown.
        const better = (await askWith(pair, { authorization: 'Bearer file-token' })) as UserInfo;
        assert.equal(better.username, 'bob', what);
      }
    });

    test('a good certificate comes before any token', async () => {
      const pair = await issue(authority, { commonName: 'jane', usages: ['client'] }, now);
      for (const authorization of ['Bearer file-token', 'Bearer nonsense'])
        assert.equal(((await askWith(pair, { authorization })) as UserInfo).username, 'jane');
    });
  });

  suite('bearer tokens', () => {
    const ask = (authorization: string) => whoAmI({ token: '', headers: { authorization } });

    test('are read from the header whatever the case of its scheme', async () => {
      for (const header of ['Bearer file-token', 'bearer file-token', 'BEARER file-token', ' Bearer file-token '])
        assert.deepEqual(await ask(header), {
          username: 'bob',
          uid: 'b1',
          groups: ['dev', 'ops', 'system:authenticated'],
        });
    });

    test('that nobody knows are refused; what is no token shows nobody', async () => {
      const answer = await api.ask('GET', `${space.path}/pods`, { token: 'nonsense' });
      assert.deepEqual(told(answer), unauthorized);
      assert.deepEqual([answer.body.status, answer.headers['www-authenticate']], ['Failure', undefined]);
      for (const header of ['Bearer', 'Bearer ', 'Bearer  file-token', 'Basic Ym9iOmJvYg==', 'file-token'])
        assert.equal(await ask(header), 403, header);
    });

    test('come among the sub-protocols of a WebSocket, beside another', async () => {
      const attempt = async (protocols: string[]) => {
        const url = `${api.url.replace('https:', 'wss:')}${space.path}/pods/none/exec?command=x&stdout=1`;
        const socket = new WebSocket(url, protocols, { ca: authority.certPem });
        socket.on('error', () => {});
        const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
        return (await json(answer)) as { message: string };
      };
      const of = (token: string) => `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
      const channel = 'v4.channel.k8s.io';
      assert.match((await attempt([channel, of('file-token')])).message, /User "bob" cannot get resource "pods\/exec"/);
      assert.match((await attempt([channel])).message, /User "system:anonymous" cannot/);
      for (const protocols of [[of('file-token')], [channel, of('nonsense')], [channel, of('file-token'), of('x')]])
        assert.equal((await attempt(protocols)).message, 'Unauthorized');
    });
  });

  test('nobody learns more than health and version', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      assert.equal((await api.ask('GET', path, { token: '' })).code, 200, path);
    for (const path of [
      '/api',
      '/apis',
      '/openapi/v3',
      '/metrics',
      '/',
      '/openid/v1/jwks',
      '/readyz/etcd',
      `${space.path}/pods`,
    ]) {
      const { code, body } = await api.ask('GET', path, { token: '' });
      assert.deepEqual([code, body.reason], [403, 'Forbidden'], path);
      assert.match(body.message, /User "system:anonymous" cannot /);
    }
  });

  suite('tokens of service accounts', () => {
    const account = () => `${space.path}/serviceaccounts/robot`;
    let uid: string;
    suiteSetup(async () => {
      uid = (await must('POST', `${space.path}/serviceaccounts`, { metadata: { name: 'robot' } })).metadata.uid;
    });

    const requestToken = (spec: object = {}, more: object = {}, path = account()) =>
      api.ask('POST', `${path}/token`, {
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', ...more, spec },
      });
    const tokenFor = async (spec: object = {}): Promise<string> => {
      const { code, body } = await requestToken(spec);
      assert.equal(code, 201, JSON.stringify(body));
      return body.status.token as string;
    };
    const claimsIn = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    const makePod = async (name: string, more: object = {}) =>
      (
        await must('POST', `${space.path}/pods`, {
          metadata: { name },
          spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i' }], ...more },
        })
      ).metadata.uid as string;

    test('say what was asked for, or what is usual', async () => {
      const before = Math.floor(Date.now() / 1000);
      const { code, body } = await requestToken();
      assert.equal(code, 201);
      assert.deepEqual(
        [body.kind, body.metadata.name, body.metadata.namespace, body.spec],
        ['TokenRequest', 'robot', space.name, { audiences: [issuer], expirationSeconds: 3600, boundObjectRef: null }],
      );
      const { exp, iat, nbf, jti: id, ...rest } = claimsIn(body.status.token);
      assert.deepEqual(rest, {
        aud: [issuer],
        iss: issuer,
        'kubernetes.io': { namespace: space.name, serviceaccount: { name: 'robot', uid } },
        sub: `system:serviceaccount:${space.name}:robot`,
      });
      assert.ok(iat >= before && nbf === iat && exp === iat + 3600);
      assert.equal(Date.parse(body.status.expirationTimestamp), exp * 1000);
      assert.deepEqual(await whoAmI({ token: body.status.token }), {
        username: `system:serviceaccount:${space.name}:robot`,
        uid,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${space.name}`, 'system:authenticated'],
        extra: { [jti]: [`JTI=${id}`] },
      });
    });

    test('requests that cannot be met are told why', async () => {
      await makePod('of-robot');
      await must('POST', `${space.path}/pods`, {
        metadata: { name: 'of-default' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      });
      const bound = (kind: string, name: string, more: object = {}) => ({
        boundObjectRef: { apiVersion: 'v1', kind, name, ...more },
      });
      const invalid = (because: string, name = '') => [
        422,
        `TokenRequest.authentication.k8s.io "${name}" is invalid: ${because}`,
      ];
      const cases: [spec: object, more: object, told: (number | string)[]][] = [
        [
          { expirationSeconds: 599 },
          {},
          invalid('spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes'),
        ],
        [
          { expirationSeconds: 2 ** 32 + 1 },
          {},
          invalid(
            'spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
          ),
        ],
        [
          {},
          { metadata: { name: 'other' } },
          invalid('metadata.name: Invalid value: "other": must match the service account name if specified', 'robot'),
        ],
        [
          {},
          { metadata: { namespace: 'other' } },
          invalid(
            'metadata.namespace: Invalid value: "other": must match the service account namespace if specified',
            'robot',
          ),
        ],
        [bound('Pod', 'none'), {}, [404, 'pods "none" not found']],
        [bound('Secret', 'none'), {}, [404, 'secrets "none" not found']],
        [bound('Node', 'none'), {}, [404, 'nodes "none" not found']],
        [
          bound('Pod', 'of-default'),
          {},
          [400, 'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.'],
        ],
        [
          bound('ConfigMap', 'x'),
          {},
          [400, 'cannot bind token for serviceaccount "robot" to object of type /v1, Kind=ConfigMap'],
        ],
        [
          bound('Pod', 'x', { apiVersion: 'apps/v1' }),
          {},
          [400, 'cannot bind token for serviceaccount "robot" to object of type apps/v1, Kind=Pod'],
        ],
        [
          bound('Pod', 'of-robot', { uid: 'other' }),
          {},
          [
            409,
            'Operation cannot be fulfilled on Pod "of-robot": the UID in the bound object reference (other) does not match the UID in record. The object might have been deleted and then recreated',
          ],
        ],
      ];
      for (const [spec, more, wanted] of cases) {
        const { code, body } = await requestToken(spec, more);
        assert.deepEqual([code, body.message], wanted);
      }
      assert.equal((await requestToken({ expirationSeconds: 2 ** 32 })).code, 201);
      assert.deepEqual(told(await requestToken({}, {}, `${space.path}/serviceaccounts/none`)), {
        code: 404,
        reason: 'NotFound',
        message: 'serviceaccounts "none" not found',
      });
    });

    test('bound to a pod they name it and its node, and end with it', async () => {
      const node = await must('POST', '/api/v1/nodes', { metadata: { name: 'token-node' } });
      const podUid = await makePod('bound', { nodeName: 'token-node' });
      const token = await tokenFor({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'bound', uid: podUid } });
      const { extra } = (await whoAmI({ token })) as UserInfo;
      assert.deepEqual(extra, {
        [jti]: [`JTI=${claimsIn(token).jti}`],
        'authentication.kubernetes.io/node-name': ['token-node'],
        'authentication.kubernetes.io/node-uid': [node.metadata.uid],
        'authentication.kubernetes.io/pod-name': ['bound'],
        'authentication.kubernetes.io/pod-uid': [podUid],
      });
      await must('DELETE', '/api/v1/nodes/token-node');
      await settled();
      assert.notEqual(await whoAmI({ token }), 401, 'the node was told for information');
      await must('DELETE', `${space.path}/pods/bound?gracePeriodSeconds=0`);
      await settled();
      assert.equal(await whoAmI({ token }), 401);
      await makePod('bound');
      await settled();
      assert.equal(await whoAmI({ token }), 401, 'another pod of the name is another pod');
    });

    test('bound to a Secret or a node they end with it', async () => {
      await must('POST', '/api/v1/nodes', { metadata: { name: 'token-node-2' } });
      await must('POST', `${space.path}/secrets`, { metadata: { name: 'token-secret' } });
      for (const [kind, name, path] of [
        ['Node', 'token-node-2', '/api/v1/nodes/token-node-2'],
        ['Secret', 'token-secret', `${space.path}/secrets/token-secret`],
      ] as const) {
        const token = await tokenFor({ boundObjectRef: { apiVersion: 'v1', kind, name } });
        assert.notEqual(await whoAmI({ token }), 401, kind);
        await must('DELETE', path);
        await settled();
        assert.equal(await whoAmI({ token }), 401, kind);
      }
    });

    test('of pods that ask for the usual time may be used a year, for programs that read them once', async () => {
      await makePod('forgetful');
      const spec = { expirationSeconds: 3607, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'forgetful' } };
      const { body } = await requestToken(spec);
      const claims = claimsIn(body.status.token);
      assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
      assert.equal(claims['kubernetes.io'].warnafter, claims.iat + 3607);
      assert.equal(Date.parse(body.status.expirationTimestamp), (claims.iat + 3607) * 1000);
      const other = claimsIn(await tokenFor({ ...spec, audiences: ['vault'] }));
      assert.equal(other.exp - other.iat, 3607);
    });

    test('are for their audiences alone', async () => {
      const token = await tokenFor({ audiences: ['vault', 'bank'] });
      assert.equal(await whoAmI({ token }), 401);
      const review = async (audiences?: string[]) =>
        (await must('POST', tokenReviews, { spec: { token, ...(audiences && { audiences }) } })).status;
      const { authenticated, audiences, user } = await review(['bank', 'shop']);
      assert.deepEqual([authenticated, audiences, user.uid], [true, ['bank'], uid]);
      assert.deepEqual(await review(), {
        error: `[invalid bearer token, token audiences ["vault" "bank"] is invalid for the target audiences ["${issuer}"]]`,
        user: {},
      });
    });

    test('end with their account, and another of its name is another', async () => {
      await must('POST', `${space.path}/serviceaccounts`, { metadata: { name: 'brief' } });
      const { body } = await requestToken({}, {}, `${space.path}/serviceaccounts/brief`);
      const { token } = body.status;
      await must('DELETE', `${space.path}/serviceaccounts/brief`);
      await must('POST', `${space.path}/serviceaccounts`, { metadata: { name: 'brief' } });
      await settled();
      assert.equal(await whoAmI({ token }), 401);
    });

    test('of the old sort are good while their Secret holds them', async () => {
      const signer = readJwtSigner(readFileSync(api.config.pki.serviceAccountKeyFile, 'utf8'));
      const token = makeLegacyToken(
        { namespace: space.name, account: { name: 'robot', uid }, secretName: 'old' },
        signer,
      );
      assert.equal(await whoAmI({ token }), 401);
      await must('POST', `${space.path}/secrets`, {
        metadata: { name: 'old', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
        type: 'kubernetes.io/service-account-token',
        stringData: { token },
      });
      await settled();
      const { username, extra } = (await whoAmI({ token })) as UserInfo;
      assert.deepEqual([username, extra], [`system:serviceaccount:${space.name}:robot`, undefined]);
      const usedOn = async () =>
        (await must('GET', `${space.path}/secrets/old`)).metadata.labels?.['kubernetes.io/legacy-token-last-used'] as
          | string
          | undefined;
      for (const deadline = Date.now() + 10_000; (await usedOn()) === undefined;)
        assert.ok(Date.now() < deadline, 'the day of its use is not noted');
      assert.match((await usedOn())!, /^\d{4}-\d\d-\d\d$/);
      const tracking = '/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking';
      assert.match((await must('GET', tracking)).data.since, /^\d{4}-\d\d-\d\d$/);
      await must('DELETE', `${space.path}/secrets/old`);
      await settled();
      assert.equal(await whoAmI({ token }), 401);
    });

    test('can be verified elsewhere, by documents that accounts may read', async () => {
      const token = await tokenFor();
      for (const [path, type] of [
        ['/.well-known/openid-configuration', 'application/json'],
        ['/.well-known/openid-configuration/', 'application/json'],
        ['/openid/v1/jwks', 'application/jwk-set+json'],
        ['/openid/v1/jwks/', 'application/jwk-set+json'],
      ] as const) {
        const { code, headers } = await api.ask('GET', path, { token });
        assert.deepEqual(
          [code, headers['content-type'], headers['cache-control']],
          [200, type, 'public, max-age=3600'],
        );
        assert.equal((await api.ask('GET', path, { token: 'file-token' })).code, 403);
      }
      const { body } = await api.ask('GET', '/.well-known/openid-configuration');
      assert.deepEqual(body, {
        issuer,
        jwks_uri: 'https://10.99.0.1:6443/openid/v1/jwks',
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      });
      const { keys } = (await api.ask('GET', '/openid/v1/jwks')).body;
      const header = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString());
      assert.deepEqual(header, { alg: keys[0].alg, kid: keys[0].kid });
    });
  });

  test('bootstrap tokens let in as long as their Secret says so', async () => {
    const path = '/api/v1/namespaces/kube-system/secrets';
    const good = {
      'token-id': 'a1b2c3',
      'token-secret': 'f395accd246ae52d',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:a,system:bootstrappers:b',
    };
    const token = 'a1b2c3.f395accd246ae52d';
    const cases: [what: string, data: Record<string, string>, isGood: boolean, type?: string][] = [
      ['good', good, true],
      ['in force', { ...good, expiration: new Date(Date.now() + 60_000).toISOString() }, true],
      ['over', { ...good, expiration: new Date(Date.now() - 1000).toISOString() }, false],
      ['for no time that can be read', { ...good, expiration: 'tomorrow' }, false],
      ['for signing alone', { ...good, 'usage-bootstrap-authentication': 'false' }, false],
      ['of another secret', { ...good, 'token-secret': 'f395accd246ae52e' }, false],
      ['of another id', { ...good, 'token-id': 'a1b2c4' }, false],
      ['with groups that are not for it', { ...good, 'auth-extra-groups': 'system:masters' }, false],
      ['of another type', good, false, 'Opaque'],
    ];
    for (const [what, stringData, isGood, type = 'bootstrap.kubernetes.io/token'] of cases) {
      await must('POST', path, { metadata: { name: 'bootstrap-token-a1b2c3' }, type, stringData });
      await settled();
      const user = await whoAmI({ token });
      if (isGood) {
        assert.deepEqual(
          user,
          {
            username: 'system:bootstrap:a1b2c3',
            groups: [
              'system:bootstrappers',
              'system:bootstrappers:a',
              'system:bootstrappers:b',
              'system:authenticated',
            ],
          },
          what,
        );
      } else assert.equal(user, 401, what);
      await must('DELETE', `${path}/bootstrap-token-a1b2c3`);
    }
    await settled();
    assert.equal(await whoAmI({ token }), 401);
  });

  suite('acting as another', () => {
    const as = (headers: Record<string, string | string[]>) => whoAmI({ headers: headers as Record<string, string> });

    test('gives the groups that one always has, unless groups are named', async () => {
      const authenticated = 'system:authenticated';
      const cases: [headers: Record<string, string | string[]>, user: UserInfo][] = [
        [{ 'impersonate-user': 'jane' }, { username: 'jane', groups: [authenticated] }],
        [
          { 'impersonate-user': 'system:serviceaccount:ns:robot' },
          {
            username: 'system:serviceaccount:ns:robot',
            groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', authenticated],
          },
        ],
        [
          { 'impersonate-user': 'system:serviceaccount:ns:robot', 'impersonate-group': 'x' },
          { username: 'system:serviceaccount:ns:robot', groups: ['x', authenticated] },
        ],
        [
          { 'impersonate-user': 'jane', 'impersonate-group': authenticated },
          { username: 'jane', groups: [authenticated] },
        ],
        [
          { 'impersonate-user': 'jane', 'impersonate-group': ['cn=dev,ou=x', 'ops'], 'impersonate-uid': 'u-1' },
          { username: 'jane', uid: 'u-1', groups: ['cn=dev,ou=x', 'ops', authenticated] },
        ],
        [
          {
            'impersonate-user': 'jane',
            'Impersonate-Extra-Acme.com%2FScopes': ['a', 'b, c'],
            'impersonate-extra-bad%zz': 'x',
            'impersonate-extra-__proto__': 'y',
          },
          {
            username: 'jane',
            groups: [authenticated],
            extra: { 'acme.com/scopes': ['a', 'b, c'], 'bad%zz': ['x'], ['__proto__']: ['y'] },
          },
        ],
      ];
      for (const [headers, user] of cases) assert.deepEqual(await as(headers), user);
    });

    test('reads names as UTF-8, by either version of HTTP', async () => {
      const name = Buffer.from('josé').toString('latin1');
      const headers = { 'impersonate-user': name, 'impersonate-group': Buffer.from('Büro, 東').toString('latin1') };
      const wanted = { username: 'josé', groups: ['Büro, 東', 'system:authenticated'] };
      assert.deepEqual(await whoAmI({ headers }), wanted);
      const stream = api.http2().request({ ...headers, ':method': 'POST', ':path': selfReviews });
      stream.end('{}');
      const answer = Buffer.concat(await stream.toArray()).toString();
      assert.deepEqual(JSON.parse(answer).status.userInfo, wanted);
    });

    test('as nobody is to be nobody', async () => {
      assert.equal(await as({ 'impersonate-user': 'system:anonymous' }), 403);
    });

    test('takes a user', async () => {
      const answer = await api.ask('GET', '/api', { headers: { 'impersonate-group': 'dev', 'impersonate-uid': 'u' } });
      assert.deepEqual(
        [answer.code, answer.body.message],
        [500, 'requested [{Group  dev    } {UID  u  authentication.k8s.io/v1  }] without impersonating a user'],
      );
    });

    test('takes the right to each part', async () => {
      const refused: [headers: Record<string, string>, what: string, resource: string, group: string, where: string][] =
        [
          [{ 'impersonate-user': 'root' }, 'users "root"', 'users', '', 'at the cluster scope'],
          [
            { 'impersonate-user': 'system:serviceaccount:a:b' },
            'serviceaccounts "b"',
            'serviceaccounts',
            '',
            'in the namespace "a"',
          ],
        ];
      for (const [headers, what, resource, group, where] of refused)
        assert.deepEqual(told(await api.ask('GET', '/api', { token: 'file-token', headers })), {
          code: 403,
          reason: 'Forbidden',
          message: `${what} is forbidden: User "bob" cannot impersonate resource "${resource}" in API group "${group}" ${where}`,
        });
    });
  });

  suite('reviews of tokens', () => {
    const review = async (spec: object) => {
      const { code, body } = await api.ask('POST', tokenReviews, { body: { spec } });
      return code === 201 ? body.status : [code, body.message];
    };

    test('tell whose a token is, or why it is nobody’s', async () => {
      assert.deepEqual(await review({ token: 'file-token' }), {
        authenticated: true,
        user: { username: 'bob', uid: 'b1', groups: ['dev', 'ops', 'system:authenticated'] },
        audiences: [issuer],
      });
      assert.deepEqual(await review({ token: 'file-token', audiences: ['vault'] }), {
        error: 'invalid bearer token',
        user: {},
      });
      assert.deepEqual(await review({ token: 'nonsense' }), { error: 'invalid bearer token', user: {} });
      assert.deepEqual(await review({}), [400, 'token is required for TokenReview in authentication']);
    });
  });
});
