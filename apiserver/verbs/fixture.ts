/** For tests: the verbs over a store in memory, with a namespace and its default service account. */
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { service } from '#lib/kinds/service.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { addressRange, numberRange } from '#lib/meta/ranges.ts';
import { makeAdmission } from '../admission/chain.ts';
import { authorize } from '../auth/permissive.fixture.ts';
import { makeMemoryStore } from '../store/memory.ts';
import type { MemoryStore } from '../store/memory.ts';
import { makeWorld } from '../store/world.ts';
import type { RunningWorld } from '../store/world.ts';
import { makeClaims } from './claims.ts';
import type { Claims } from './claims.ts';
import { makeServiceAddresses } from './service-addresses.ts';
import type { Caller, Verbs } from './types.ts';
import { makeVerbs } from './verbs.ts';

/** Objects in tests are read loosely. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = Resource & Record<string, any>;

export interface Fixture {
  env: FakeEnv;
  store: MemoryStore;
  world: RunningWorld;
  verbs: Verbs;
  ips: Claims;
  caller: Caller;
  create(kind: Kind, body: object, namespace?: string): Promise<Loose>;
  get(kind: Kind, ref: Ref): Promise<Loose>;
  stop(): Promise<void>;
}

export const caller: Caller = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

export async function makeFixture(serviceCidr = '10.43.0.0/24'): Promise<Fixture> {
  const env = makeFakeEnv();
  const store = makeMemoryStore(env);
  const world = await makeWorld(store, env);
  const ips = makeClaims(store, env, 'service-ips', addressRange(serviceCidr), 16);
  const ports = makeClaims(store, env, 'node-ports', numberRange('30000-30010'), 2);
  const verbs = makeVerbs({
    env,
    store,
    world,
    authorize,
    admission: makeAdmission({ random: env.random, authorize }),
    attachments: new Map([[service, makeServiceAddresses(ips, ports)]]),
  });
  const create = async (kind: Kind, body: object, space = 'default') =>
    (await verbs.create(caller, kind, kind.namespaced ? space : '', body)).object as Loose;
  await create(namespace, { metadata: { name: 'default' } });
  await create(serviceAccount, { metadata: { name: 'default' } });
  return {
    env,
    store,
    world,
    verbs,
    ips,
    caller,
    create,
    get: async (kind, ref) => (await verbs.get(caller, kind, ref)).object as Loose,
    stop: () => world.close(),
  };
}

export const podBody = (name: string, extra: object = {}) => ({
  metadata: { name, ...extra },
  spec: { containers: [{ name: 'c', image: 'registry.local/app:1' }] },
});

export const at = (name: string, space = 'default'): Ref => ({ namespace: space, name });
