/**
 * Sees definitions through their lives: gives them their names, and removes their objects before they go. Every API server does so; a write that another
 * was faster with is nothing to do any more.
 */
import type { Env } from '#lib/env/env.ts';
import { customResourceDefinition as definitionKind } from '#lib/kinds/custom-resource-definition.ts';
import { storedKind } from '#lib/kinds/custom/make-kinds.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { CustomResourceDefinition } from '#lib/kinds/gen/apiextensions-v1.ts';
import { isTrue, withCondition } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import { formatTime } from '#lib/meta/time.ts';
import { ourselves } from '../auth/ourselves.ts';
import { keepUp } from '../store/keep-up.ts';
import type { Follower } from '../store/keep-up.ts';
import type { Subscription, World } from '../store/world-types.ts';
import { prefixOf } from '../verbs/selection.ts';
import type { Verbs } from '../verbs/types.ts';
import { decideStatus } from './names.ts';

/** How long a definition rests that could not be seen to. */
const restMs = 1000;

/** Objects of a definition that are removed with one request. */
const pageSize = 500;

/** Starts seeing to all definitions. Returns the way to stop. */
export function establishDefinitions({ verbs, world }: { verbs: Verbs; world: World }, env: Env): () => void {
  const prefix = prefixOf(definitionKind, '');
  const waiting = new Set<string>();
  const rests = new Set<() => void>();
  let isRunning = false;
  const over = new AbortController();
  /** Over the objects of definitions that wait for them to go, by name. */
  const lingering = new Map<string, Subscription>();

  const all = function* (): Iterable<CustomResourceDefinition> {
    for (const { object } of world.list(prefix)) yield object as CustomResourceDefinition;
  };
  const look = (name: string) => world.get(`${prefix}${name}`)?.object as CustomResourceDefinition | undefined;

  const run = async () => {
    if (isRunning) return;
    isRunning = true;
    for (let name = next(waiting); name !== undefined && !over.signal.aborted; name = next(waiting)) {
      try {
        await see(name);
      } catch (error) {
        if (over.signal.aborted) return;
        if (!isReason(error, 'Conflict', 'NotFound')) env.log.warn('Cannot see to a definition', { name, error });
        const again = name;
        const cancel = env.after(restMs, () => {
          rests.delete(cancel);
          add(again);
        });
        rests.add(cancel);
      }
    }
    isRunning = false;
  };
  const add = (name: string) => {
    waiting.add(name);
    void run();
  };
  const see = async (name: string): Promise<void> => {
    await world.sync();
    const definition = look(name);
    if (!definition) return;
    if (definition.metadata.deletionTimestamp !== undefined) await end(definition);
    const status = decideStatus(definition, all(), env.now());
    if (equal(status, definition.status)) return;
    await writeStatus(definition, status);
    // Names that one has been given, or has given back, concern those that wait for them.
    for (const { metadata } of all()) if (metadata.name !== name) waiting.add(metadata.name);
  };
  const writeStatus = async (definition: CustomResourceDefinition, status: CustomResourceDefinition['status']) => {
    const { name } = definition.metadata;
    await verbs.update(
      ourselves,
      definitionKind,
      { namespace: '', name },
      { ...definition, status },
      {
        subresource: 'status',
      },
    );
  };

  /** Removes the objects of a definition that goes, and then what holds it back. */
  const end = async (definition: CustomResourceDefinition): Promise<void> => {
    const { name, finalizers = [] } = definition.metadata;
    const finalizer = definitionKind.deletionFinalizer!;
    if (!finalizers.includes(finalizer)) return;
    const { conditions } = definition.status ?? {};
    if (!isTrue(conditions, 'Terminating')) {
      const message = 'CustomResource deletion is in progress';
      const going = { type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress', message };
      // Once that is told nothing is created any more, and what there is can be removed for good.
      const told = withCondition(conditions, going, formatTime(env.now()));
      return writeStatus(definition, { ...definition.status, conditions: told });
    }
    // Whether any version is served does not matter: what is stored must not outlive its definition.
    const kind = storedKind(definition);
    if ((await removeObjects(kind)) > 0) return linger(name, kind);
    await verbs.patch(ourselves, definitionKind, { namespace: '', name }, 'application/merge-patch+json', {
      metadata: {
        finalizers: finalizers.filter((item) => item !== finalizer),
        resourceVersion: definition.metadata.resourceVersion,
      },
    });
  };
  /** Comes back when one of them goes that finalizers of its own hold back. */
  const linger = (name: string, kind: Kind) => {
    if (lingering.has(name)) return;
    const again = () => add(name);
    lingering.set(
      name,
      world.subscribe([prefixOf(kind, '')], world.revision, {
        onEvents: (events) => {
          if (events.some(({ type }) => type === 'DELETE')) again();
        },
        onLost() {
          lingering.delete(name);
          if (!over.signal.aborted) again();
        },
      }),
    );
  };
  /** Answers how many are still there, held back by finalizers of their own. */
  const removeObjects = async (kind: Kind): Promise<number> => {
    let from = '';
    do {
      const page = await verbs.deleteCollection(ourselves, kind, {
        namespace: '',
        limit: pageSize,
        ...(from && { continue: from }),
      });
      from = page.continue;
    } while (from !== '');
    await world.sync();
    return world.count(prefixOf(kind, ''));
  };

  const follower: Follower = {
    restart() {
      for (const { metadata } of all()) add(metadata.name);
    },
    onEvents(events) {
      for (const { entry, type } of events) {
        const { name } = entry.object.metadata;
        add(name);
        if (type !== 'DELETE') continue;
        lingering.get(name)?.close();
        lingering.delete(name);
        // Its names are free now.
        for (const { metadata } of all()) add(metadata.name);
      }
    },
  };
  const stopFollowing = keepUp(world, [prefix], 'definitions', follower, env);
  return () => {
    over.abort();
    stopFollowing();
    for (const { close } of lingering.values()) close();
    for (const cancel of rests) cancel();
  };
}

function next(names: Set<string>): string | undefined {
  const [name] = names;
  if (name !== undefined) names.delete(name);
  return name;
}
