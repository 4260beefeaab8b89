/** The authorizers in their order, over what the world knows: administrators, the nameless, nodes, roles. */
import type { Env } from '#lib/env/env.ts';
import { clusterRoleBinding } from '#lib/kinds/cluster-role-binding.ts';
import { clusterRole } from '#lib/kinds/cluster-role.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import type { VolumeAttachment } from '#lib/kinds/gen/storage-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { pod } from '#lib/kinds/pod.ts';
import { roleBinding } from '#lib/kinds/role-binding.ts';
import { role } from '#lib/kinds/role.ts';
import { volumeAttachment } from '#lib/kinds/volume-attachment.ts';
import { keepUp } from '../store/keep-up.ts';
import type { Follower } from '../store/keep-up.ts';
import type { Entry, World } from '../store/world-types.ts';
import type { Caller } from '../verbs/types.ts';
import { prefixOf, storageKey } from '../verbs/selection.ts';
import { anonymousName, isPublic } from './anonymous.ts';
import { isPathAttempt, mastersGroup } from './authorize.ts';
import type { Authorizer, Decision } from './authorize.ts';
import { authorizeNode, nodeOf } from './node/authorize.ts';
import type { NodeRelations } from './node/authorize.ts';
import { makeNodeGraph } from './node/graph.ts';
import { volumeSecretsOf } from './node/volume-secrets.ts';
import { aggregate, makePolicy } from './rbac/policy.ts';
import type { BindingObject, Policy, RoleObject } from './rbac/policy.ts';

/** All that can be said of what a caller may do in a namespace. */
export interface KnownRules {
  rules: PolicyRule[];
  /** Why these are not all; undefined when they are. */
  incompleteBecause: string | undefined;
}

export interface ClusterAuthorizer {
  authorize: Authorizer;
  rulesFor(caller: Caller, namespace: string): KnownRules;
  policy: Policy;
  close(): void;
}

const allowed: Decision = { allowed: true, reason: '' };

/** Starts with the world as it is, and keeps up with it: nobody hears of a change before this has. */
export function makeClusterAuthorizer(world: World, env: Env): ClusterAuthorizer {
  const policy = makePolicy();
  const graph = makeNodeGraph();
  const follow: readonly [kind: Kind, take: (key: string, now: unknown, before: unknown) => void][] = [
    [role, (key, now) => policy.setRole(key, now as RoleObject | undefined)],
    [clusterRole, (key, now) => policy.setRole(key, now as RoleObject | undefined)],
    [roleBinding, (key, now) => policy.setBinding(key, now as BindingObject | undefined)],
    [clusterRoleBinding, (key, now) => policy.setBinding(key, now as BindingObject | undefined)],
    [pod, (_key, now, before) => graph.change(before as Pod | undefined, now as Pod | undefined)],
  ];
  const prefixes = follow.map(([kind]) => prefixOf(kind, ''));
  const take = ({ key, object }: Entry, before: Entry | undefined, isGone: boolean) => {
    const taker = follow[prefixes.findIndex((prefix) => key.startsWith(prefix))]?.[1];
    try {
      taker?.(key, isGone ? undefined : object, before?.object);
    } catch (error) {
      // An object that nobody can make sense of grants nothing, and must not keep the others from being heeded.
      env.log.error('Cannot take in an object, going on without it', { key, error });
      taker?.(key, undefined, undefined);
    }
  };
  const follower: Follower = {
    restart() {
      policy.clear();
      graph.clear();
      for (const prefix of prefixes) for (const entry of world.list(prefix)) take(entry, undefined, false);
    },
    onEvents(events) {
      for (const { entry, before, type } of events) take(entry, before, type === 'DELETE');
    },
  };
  const stopFollowing = keepUp(world, prefixes, 'roles, bindings and pods', follower, env);

  const object = <T>(kind: Kind, namespace: string, name: string) =>
    world.get(storageKey(kind, { namespace, name }))?.object as T | undefined;
  const relations: NodeRelations = {
    needs: graph.needs,
    volumesNeed: (node, namespace, secret) =>
      graph.claimsOf(node).some((ref) => {
        const { volumeName } =
          object<PersistentVolumeClaim>(persistentVolumeClaim, ref.namespace, ref.name)?.spec ?? {};
        const volume = volumeName ? object<PersistentVolume>(persistentVolume, '', volumeName) : undefined;
        const { claimRef } = volume?.spec ?? {};
        if (!volume || claimRef?.namespace !== ref.namespace || claimRef.name !== ref.name) return false;
        return volumeSecretsOf(volume).some((own) => own.namespace === namespace && own.name === secret);
      }),
    claimOf(volume) {
      const { namespace, name } = object<PersistentVolume>(persistentVolume, '', volume)?.spec.claimRef ?? {};
      return namespace && name ? { namespace, name } : undefined;
    },
    nodeOf: (namespace, name) => object<Pod>(pod, namespace, name)?.spec.nodeName,
    attachedTo: (name) => object<VolumeAttachment>(volumeAttachment, '', name)?.spec.nodeName,
  };

  return {
    policy,
    authorize(caller, attempt) {
      if (caller.groups.includes(mastersGroup)) return allowed;
      if (caller.name === anonymousName && !(isPathAttempt(attempt) && isPublic(attempt.path)))
        return { allowed: false, reason: '' };
      const node = nodeOf(caller);
      const byNode = node === undefined ? undefined : authorizeNode(node, attempt, relations);
      if (byNode?.allowed) return byNode;
      const byRoles = policy.decide(caller, attempt);
      if (byRoles.allowed || !byNode?.reason) return byRoles;
      return { allowed: false, reason: [byNode.reason, byRoles.reason].filter(Boolean).join('\n') };
    },
    rulesFor(caller, namespace) {
      const { rules, missing } = policy.rulesFor(caller, namespace);
      const gaps = [
        ...(nodeOf(caller) === undefined ? [] : ['node authorizer does not support user rule resolution']),
        ...missing,
      ];
      return { rules, incompleteBecause: gaps.length > 0 ? aggregate(gaps) : undefined };
    },
    close: stopFollowing,
  };
}
