/** Makes the node known to the API and keeps saying that it lives: the Node object, its status, its Lease. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Lease } from '#lib/kinds/gen/coordination-v1.ts';
import type { Node, NodeStatus } from '#lib/kinds/gen/core-v1.ts';
import { lease as leaseKind } from '#lib/kinds/lease.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { isReason } from '#lib/meta/errors.ts';
import { formatMicroTime } from '#lib/meta/time.ts';
import { nodeStatus, saysNew } from './node-status.ts';
import type { NodeInputs } from './node-status.ts';

export interface Registration {
  /** The Node as it was last written. */
  node(): Node;
  /** The status may have changed: look now. */
  update(): void;
  /** Writes the status now; resolves when it is written, or could not be. */
  write(): Promise<void>;
  /** The Node as the API has it now: what others have written into its status since, such as that it is lost, is mended at once. */
  observe(seen: Node): void;
  /** Resolves when nothing is written any more. */
  stop(): Promise<void>;
}

export interface RegistrationParts {
  client: Client;
  env: Env;
  labels: Readonly<Record<string, string>>;
  /** What the status is made of, looked up anew each time. */
  inputs(): Promise<NodeInputs>;
}

/** How often the status is looked at, and written when it says nothing new. */
const lookEachMs = 10_000;
const writeEachMs = 300_000;
const renewEachMs = 10_000;
const leaseSeconds = 40;
const leaseNamespace = 'kube-node-lease';
const retryMs = 500;

/** Registers; tries until the API takes it. Then the status and the lease are kept up until stop(). */
export async function register(parts: RegistrationParts, signal: AbortSignal): Promise<Registration> {
  const { client, env } = parts;
  const stopping = new AbortController();
  let node = await persist('register node', env, signal, () => createOrAdopt(parts));
  let writtenAt = -Infinity;
  let wakeUp = () => {};
  let asked = false;

  async function writeStatus(): Promise<void> {
    const status = nodeStatus(await parts.inputs(), node.status, env.now());
    if (!saysNew(node.status, status) && env.monotonic() - writtenAt < writeEachMs) return;
    node = await patchStatus(client, node, status);
    writtenAt = env.monotonic();
  }

  let writing: Promise<unknown> = Promise.resolve();
  /** One after the other: each says how things are when its turn comes. */
  async function tryWrite(): Promise<void> {
    writing = writing.then(writeStatus).catch((error: unknown) => env.log.warn('Cannot write node status', { error }));
    await writing;
  }

  async function keepStatus(): Promise<void> {
    while (!stopping.signal.aborted) {
      asked = false;
      await tryWrite();
      if (!asked) await rest(lookEachMs);
    }
  }

  /** Waits for the time, for update() or for the end. */
  function rest(ms: number): Promise<void> {
    if (stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = env.after(ms, resolve);
      wakeUp = () => {
        cancel();
        resolve();
      };
    });
  }

  async function keepLease(): Promise<void> {
    let held: Lease | undefined;
    while (!stopping.signal.aborted) {
      let pauseMs = renewEachMs;
      try {
        held = await renew(client, node, held, formatMicroTime(env.now()));
      } catch (error) {
        // Somebody else wrote it, or it is gone: look again. What is unreachable is tried again sooner than it expires.
        held = undefined;
        pauseMs = isReason(error, 'Conflict', 'NotFound', 'AlreadyExists') ? retryMs : retryMs * 4;
        env.log.warn('Cannot renew node lease', { error });
      }
      await env.sleep(pauseMs, stopping.signal).catch(() => {});
    }
  }

  await persist('write node status', env, signal, writeStatus);
  const loops = [keepStatus(), keepLease()];
  return {
    node: () => node,
    update() {
      asked = true;
      wakeUp();
    },
    write: tryWrite,
    observe(seen) {
      const { uid, resourceVersion } = seen.metadata;
      if (uid !== node.metadata.uid || BigInt(resourceVersion) <= BigInt(node.metadata.resourceVersion)) return;
      node = seen;
      asked = true;
      wakeUp();
    },
    async stop() {
      stopping.abort(new Error('The agent stops'));
      wakeUp();
      await Promise.all(loops);
    },
  };
}

async function createOrAdopt({ client, labels, inputs }: RegistrationParts): Promise<Node> {
  const { nodeName } = await inputs();
  try {
    return await client.create(nodeKind, { metadata: { name: nodeName, labels: { ...labels } }, spec: {} });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
  const ref = { namespace: '', name: nodeName };
  const existing = await client.get(nodeKind, ref);
  const known = existing.metadata.labels ?? {};
  if (Object.entries(labels).every(([key, value]) => known[key] === value)) return existing;
  return client.patch(nodeKind, ref, 'application/merge-patch+json', { metadata: { labels } });
}

function patchStatus(client: Client, node: Node, status: NodeStatus): Promise<Node> {
  const { name, uid } = node.metadata;
  return client.patch(
    nodeKind,
    { namespace: '', name },
    'application/strategic-merge-patch+json',
    { status },
    { subresource: 'status', uid },
  );
}

async function renew(client: Client, node: Node, held: Lease | undefined, renewTime: string): Promise<Lease> {
  const { name, uid } = node.metadata;
  const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime };
  if (held) return client.update(leaseKind, { ...held, spec: { ...held.spec, ...spec } });
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid };
  try {
    const existing = await client.get(leaseKind, { namespace: leaseNamespace, name });
    return await client.update(leaseKind, { ...existing, spec: { ...existing.spec, ...spec } });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
  return client.create(leaseKind, { metadata: { namespace: leaseNamespace, name, ownerReferences: [owner] }, spec });
}

/** Tries until it works or the signal aborts. */
async function persist<T>(what: string, env: Env, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      env.log.warn(`Cannot ${what}, trying again`, { error });
    }
    await env.sleep(retryMs, signal);
  }
}
