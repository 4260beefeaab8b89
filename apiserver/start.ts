/** The API server as a service: store, world, verbs, and the two fronts before them. */
import { readFileSync } from 'node:fs';
import type { Env } from '#lib/env/env.ts';
import { followTls } from '#lib/env/live-tls.ts';
import type { Service as RunningService } from '#lib/env/service.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { kinds } from '#lib/kinds/index.ts';
import { componentStatus } from '#lib/kinds/component-status.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Ref } from '#lib/meta/object.ts';
import { makeAdmission } from './admission/chain.ts';
import type { AdmissionChoice } from './admission/chain.ts';
import { startAudit } from './audit/start.ts';
import type { AuditConfig } from './audit/start.ts';
import { makeAuthenticator } from './auth/authenticate.ts';
import type { TokenReader } from './auth/authenticate.ts';
import { makeClusterAuthorizer } from './auth/authorizer.ts';
import { makeBootstrapTokenReader } from './auth/bootstrap-tokens.ts';
import { issuerPaths } from './auth/issuer-documents.ts';
import { announceTracking, makeLegacyUse } from './auth/legacy-use.ts';
import { ensureDefaultRoles } from './auth/rbac/defaults/ensure.ts';
import { makeEscalationCheck } from './auth/rbac/escalation.ts';
import { makeReviews } from './auth/reviews.ts';
import { makeServiceAccountTokens } from './auth/service-account-tokens.ts';
import type { TokenKeys, TokenOptions } from './auth/service-account-tokens.ts';
import { followTokenKeys } from './auth/signing-keys.ts';
import { readTokenFile } from './auth/token-file.ts';
import { makeTokenAnswerer } from './auth/token-request.ts';
import { bootstrap, publishClientCa } from './bootstrap.ts';
import { dumpPaths } from './flow/dump-paths.ts';
import { startFlowControl } from './flow/start.ts';
import type { FlowConfig } from './flow/start.ts';
import { startGrpc } from './grpc/server.ts';
import { establishDefinitions } from './custom/establish.ts';
import { followDefinitions } from './custom/served-kinds.ts';
import { makeComponentHealth } from './component-health.ts';
import { makeHealth } from './health-checks.ts';
import { announce } from './members/announce.ts';
import { makeMemberLeases } from './members/leases.ts';
import { buildApp } from './rest/app.ts';
import { measureAdmission } from './metrics/admission.ts';
import { measureCallers } from './metrics/callers.ts';
import { makeMetrics } from './metrics/metrics.ts';
import { measureGrpc } from './metrics/grpc.ts';
import { measureHandshakes } from './metrics/handshakes.ts';
import type { Metrics } from './metrics/metrics.ts';
import { measureRequests } from './metrics/requests.ts';
import { measureObjects, measureSize, measureStore } from './metrics/store.ts';
import { measureReads } from './metrics/reads.ts';
import { makeLiveDocuments } from './openapi/documents.ts';
import { makeFlowFilter } from './rest/filters/flow-control.ts';
import { listen } from './rest/server.ts';
import { versionPaths } from './rest/version.ts';
import { makeIpClaims, makePortClaims, repairClaims } from './service-claims.ts';
import { followEncryption } from './store/encryption/live.ts';
import { encryptStore } from './store/encryption/store.ts';
import { makeEtcdStore } from './store/etcd.ts';
import type { Store } from './store/types.ts';
import { makeWorld } from './store/world.ts';
import type { RunningWorld } from './store/world.ts';
import { makePolicies } from './policies/policies.ts';
import { makeProxy } from './proxy/proxy.ts';
import { makePodStreams } from './streams/pod-streams.ts';
import { makeLookup } from './verbs/context.ts';
import type { Attachment } from './verbs/context.ts';
import { makeServiceAddresses } from './verbs/service-addresses.ts';
import { makeVerbs } from './verbs/verbs.ts';
import { makeWebhookCaller } from './webhooks/call.ts';
import { makeWebhooks } from './webhooks/webhooks.ts';

export interface ApiServerConfig {
  /** Where REST is served, over TLS. Port 0 for any. */
  listen: { host: string; port: number }[];
  /** Where gRPC is served: on a unix socket, whose users are believed, over mutual TLS, or both. */
  grpc: { socket?: string; listen?: { host: string; port: number } };
  etcd: { endpoints: string[]; caFile?: string; certFile?: string; keyFile?: string };
  /** PEM files: the authority of client certificates, our own certificate and key, and the private key that signs service account tokens. */
  pki: {
    caFile: string;
    certFile: string;
    keyFile: string;
    serviceAccountKeyFile: string;
    /** Keys whose service account tokens are believed besides: those that signed before, or sign elsewhere. */
    serviceAccountOtherKeyFiles?: string[];
  };
  /** An EncryptionConfiguration, by which objects are kept in etcd. */
  encryptionConfigFile?: string;
  /** Lines of `token,user,uid,"group1,group2"`. */
  tokenFile?: string;
  /** IPv4 block of cluster IPs; its first address is the API's own. */
  serviceCidr: string;
  /** `30000-32767` when absent. */
  nodePortRange?: string;
  clusterDomain: string;
  /** Admission plugins to run besides the usual ones, and not to run, by upstream's names. */
  admission?: AdmissionChoice;
  /** How many requests of REST are served at a time. */
  flowControl?: FlowConfig;
  /** What is logged of requests, and where. */
  audit?: AuditConfig;
  /** Where pods and nodes reach REST. */
  advertise: { host: string; port: number };
  /** How long the server goes on serving after `/readyz` has begun to say no; 0 when absent. */
  shutdownDelayMs?: number;
  /** Issuer of service account tokens; `https://kubernetes.default.svc.<clusterDomain>` when absent. */
  issuer?: string;
  /** Issuers whose tokens, by the same keys, are believed besides. */
  otherIssuers?: string[];
  /** What tokens for this API are for; the issuers when absent. */
  apiAudiences?: string[];
}

export interface ApiServer extends RunningService {
  /** Of the first REST listener. */
  address: { host: string; port: number };
  /** Of gRPC over TLS, when that is served. */
  grpcPort: number | undefined;
}

/** Starts serving; resolves once requests are answered. Waits for etcd as long as it takes. */
export async function start(config: ApiServerConfig, env: Env): Promise<ApiServer> {
  const metrics = makeMetrics(env);
  const store = openStore(config, metrics.registry, env);
  let world: RunningWorld | undefined;
  try {
    world = await makeWorld(store, env);
    return await serve(config, store, world, metrics, env);
  } catch (error) {
    await world?.close();
    await store.close();
    throw error;
  }
}

function openStore({ etcd, encryptionConfigFile }: ApiServerConfig, registry: Registry, env: Env): Store {
  const plain = measureStore(makeEtcdStore(etcd, env), kinds, registry, env);
  if (encryptionConfigFile === undefined) return plain;
  const encryption = followEncryption(encryptionConfigFile, env);
  const store = encryptStore(plain, encryption);
  return {
    ...store,
    async close() {
      encryption.close();
      await store.close();
    },
  };
}

async function serve(
  config: ApiServerConfig,
  store: Store,
  world: RunningWorld,
  metrics: Metrics,
  env: Env,
): Promise<ApiServer> {
  const { registry } = metrics;
  const pem = (file: string) => readFileSync(file, 'utf8');
  const ips = makeIpClaims(store, env, config.serviceCidr);
  const ports = makePortClaims(store, env, config.nodePortRange ?? '30000-32767');
  const look = makeLookup(world);
  const keys = followTokenKeys(config.pki.serviceAccountKeyFile, config.pki.serviceAccountOtherKeyFiles, env);
  const onLegacyUse = (secret: Ref) => noteLegacyUse(secret);
  const tokens = makeServiceAccountTokens({ ...tokenOptions(config, keys), onLegacyUse }, look, env);
  const readers: TokenReader[] = [
    ...(config.tokenFile === undefined ? [] : [readTokenFile(pem(config.tokenFile))]),
    async (token) => tokens.read(token),
    makeBootstrapTokenReader(look, env),
  ];
  const { authorize, ...authorizer } = makeClusterAuthorizer(world, env);
  const served = followDefinitions(world, env);
  const admission = makeAdmission({
    ...config.admission,
    random: env.random,
    authorize,
    catalog: served,
    around: measureAdmission(registry, env),
  });
  const webhookCaller = makeWebhookCaller(look, env);
  const checkEscalation = makeEscalationCheck(authorizer.policy, authorize);
  const verbs = makeVerbs({
    env,
    store,
    world,
    authorize,
    admission: {
      admit: admission.admit,
      validate(request, look) {
        admission.validate(request, look);
        checkEscalation(request);
      },
    },
    policies: makePolicies({ world, look, catalog: served, authorize }),
    webhooks: makeWebhooks({ world, look, authorize, caller: webhookCaller }, env),
    attachments: new Map<Kind, Attachment>([[serviceKind, makeServiceAddresses(ips, ports)]]),
    observers: new Map([[componentStatus, makeComponentHealth(look, async () => void (await store.revision()), env)]]),
    answerers: makeReviews(authorize, authorizer.rulesFor, readers, tokens, env),
    subresources: new Map([['serviceaccounts/token', makeTokenAnswerer(tokens, look, () => world.sync(), env)]]),
  });
  const place = { advertise: config.advertise, serviceIp: ips.range.at(1), clientCa: pem(config.pki.caFile) };
  await bootstrap(verbs, look, place, env);
  const noteLegacyUse = makeLegacyUse(verbs, look, env);
  await announceTracking(verbs, look, env);
  await ensureDefaultRoles(verbs, look);
  await world.sync();

  const tls = followTls(config.pki, env);
  tls.onChange(({ ca }, before) => {
    if (ca!.equals(before.ca!)) return;
    publishClientCa(verbs, look, String(ca)).catch((error: unknown) =>
      env.log.warn('Cannot publish the changed authority of clients', { error }),
    );
  });
  const streams = makePodStreams({ verbs, tls: config.pki, env });
  const proxy = makeProxy({ verbs, look, tls, env });
  const documents = makeLiveDocuments(served, `${config.advertise.host}:${config.advertise.port}`);
  measureObjects(world, kinds, registry);
  metrics.beforeEach(measureSize(store, registry, env));
  const audit = config.audit && startAudit(config.audit, registry, env);
  const flows = startFlowControl(config.flowControl ?? {}, { verbs, world, catalog: served, registry, env });
  const flowFilter = makeFlowFilter(flows, env);
  const health = makeHealth(store, world, metrics.onHealth, env);
  const app = buildApp({
    catalog: served,
    verbs: measureReads(verbs, registry),
    env,
    authenticate: makeAuthenticator(readers, { ca: () => tls.current.ca, now: env.now }),
    authorize,
    flowControl: flowFilter.filter,
    ...(audit && { audit: audit.filter }),
    observers: [
      measureRequests(registry, env),
      measureCallers(registry, env),
      flowFilter.observer,
      ...(audit ? [audit.observer] : []),
    ],
    paths: new Map([
      ...versionPaths,
      ...metrics.paths,
      ...dumpPaths(flows, env),
      ...health.paths,
      ...issuerPaths(tokens, config.advertise),
    ]),
    documents,
    handlers: new Map([...streams.handlers, ...proxy.handlers]),
    upgrades: new Map([...streams.upgrades, ...proxy.upgrades]),
  });
  const [grpc, rest] = await Promise.all([
    startGrpc(grpcConfig(config), {
      verbs: measureGrpc(audit?.audited(verbs, authorize) ?? verbs, registry, env),
      kindAt: served.at,
      env,
    }),
    listen({
      listen: config.listen,
      tls,
      app,
      onBadHandshake: measureHandshakes(registry),
      env,
    }),
  ]);
  const announcement = await announce({
    leases: makeMemberLeases(store, config.advertise.host, env),
    verbs,
    look,
    port: config.advertise.port,
    env,
  });
  const stopRepair = repairClaims(ips, ports, look, env);
  const stopEstablishing = establishDefinitions({ verbs, world }, env);
  const [first] = rest.addresses;
  return {
    address: { host: config.listen[0]?.host ?? '', port: first?.port ?? 0 },
    grpcPort: grpc.port,
    async stop() {
      health.fail();
      await announcement.stop();
      await env.sleep(config.shutdownDelayMs ?? 0);
      stopRepair();
      stopEstablishing();
      flows.stop();
      const drained = rest.stop();
      app.endWatches();
      streams.stop();
      proxy.stop();
      await Promise.all([drained, grpc.stop()]);
      tls.close();
      keys.close();
      await audit?.close();
      authorizer.close();
      served.close();
      webhookCaller.close();
      await world.close();
      await store.close();
    },
  };
}

function tokenOptions(
  { issuer, otherIssuers = [], apiAudiences, clusterDomain }: ApiServerConfig,
  keys: { readonly current: TokenKeys },
): TokenOptions {
  const issuers = [issuer ?? `https://kubernetes.default.svc.${clusterDomain}`, ...otherIssuers];
  return { keys: () => keys.current, issuers, audiences: apiAudiences };
}

function grpcConfig({ grpc, pki }: ApiServerConfig): Parameters<typeof startGrpc>[0] {
  return {
    ...(grpc.socket !== undefined && { socketPath: grpc.socket }),
    ...(grpc.listen && {
      address: `${grpc.listen.host}:${grpc.listen.port}`,
      caFile: pki.caFile,
      certFile: pki.certFile,
      keyFile: pki.keyFile,
    }),
  };
}
