/** The ConfigMaps and Secrets that pods of this node name: each is watched while somebody holds it, and no other is. */
import { follow } from '#lib/client/follow.ts';
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { ConfigMap, Secret } from '#lib/kinds/gen/core-v1.ts';
import { secret } from '#lib/kinds/secret.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { ObjectSource } from '../lifecycle/hands.ts';

interface Held {
  object: Resource | undefined;
  holders: Set<string>;
  /** Resolves when the first state is here. */
  synced: Promise<void>;
  stop: AbortController;
}

/** How long a first state may take before the object is asked for directly. */
const firstStateMs = 2000;

export function makeObjects(client: Client, env: Env): ObjectSource & { stop(): void } {
  const held = new Map<string, Held>();
  const byHolder = new Map<string, Set<string>>();
  const listeners = new Set<(holders: readonly string[]) => void>();

  function begin(kind: Kind, namespace: string, name: string): Held {
    const stop = new AbortController();
    let ready = () => {};
    const entry: Held = {
      object: undefined,
      holders: new Set(),
      synced: new Promise((resolve) => (ready = resolve)),
      stop,
    };
    let first = true;
    let incoming: Resource | undefined;
    const set = (object: Resource | undefined) => {
      const changed = entry.object?.metadata.resourceVersion !== object?.metadata.resourceVersion;
      entry.object = object;
      if (changed && !first) for (const listener of listeners) listener([...entry.holders]);
    };
    const target = { kind, namespace, fieldSelector: `metadata.name=${name}` };
    const follower = {
      restart: () => {
        incoming = undefined;
      },
      apply: ({ events, synced }: { events: { type: string; object: Resource }[]; synced: boolean }) => {
        for (const event of events) incoming = event.type === 'PUT' ? event.object : undefined;
        if (synced || !first) set(incoming);
        if (!synced) return;
        first = false;
        ready();
      },
    };
    // A fault in here is a fault of the program: it must end the process.
    void follow(client, [target], follower, { env, signal: stop.signal });
    return entry;
  }

  function hold(holder: string, kind: Kind, namespace: string, name: string): string {
    const key = keyOf(kind, namespace, name);
    const entry = held.get(key) ?? begin(kind, namespace, name);
    held.set(key, entry);
    entry.holders.add(holder);
    return key;
  }

  function release(holder: string, key: string): void {
    const entry = held.get(key);
    entry?.holders.delete(holder);
    if (!entry || entry.holders.size > 0) return;
    entry.stop.abort(new Error('Nobody holds it any more'));
    held.delete(key);
  }

  async function get<T extends Resource>(kind: Kind<T>, namespace: string, name: string): Promise<T | undefined> {
    const entry = held.get(keyOf(kind, namespace, name));
    const late = new AbortController();
    if (entry) {
      const isHere = await Promise.race([
        entry.synced.then(() => true),
        env.sleep(firstStateMs, late.signal).then(
          () => false,
          () => false,
        ),
      ]);
      late.abort(new Error('It is here'));
      if (isHere && entry.object) return entry.object as T;
    }
    // A watch tells of a new object a moment after its creation; who needs one that seems absent asks.
    try {
      return await client.get(kind, { namespace, name });
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  return {
    hold(holder, configMaps, secrets, namespace) {
      const keys = new Set([
        ...configMaps.map((name) => hold(holder, configMap, namespace, name)),
        ...secrets.map((name) => hold(holder, secret, namespace, name)),
      ]);
      for (const key of byHolder.get(holder) ?? []) if (!keys.has(key)) release(holder, key);
      if (keys.size > 0) byHolder.set(holder, keys);
      else byHolder.delete(holder);
    },
    configMap: (namespace, name) => get<ConfigMap>(configMap, namespace, name),
    secret: (namespace, name) => get<Secret>(secret, namespace, name),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop() {
      for (const { stop } of held.values()) stop.abort(new Error('The agent stops'));
      held.clear();
    },
  };
}

function keyOf(kind: Kind, namespace: string, name: string): string {
  return `${kind.plural}/${namespace}/${name}`;
}
