/** What a node may do: what concerns itself and its own pods, as upstream v1.32's `plugin/pkg/auth/authorizer/node`. */
import { secret as secretKind } from '#lib/kinds/secret.ts';
import { parseFieldSelector } from '#lib/meta/selectors.ts';
import { isPathAttempt } from '../authorize.ts';
import type { Attempt, Decision, PathAttempt } from '../authorize.ts';
import { compileRules } from '../rbac/match.ts';
import { nodeRules } from '../rbac/defaults/cluster-roles.ts';
import type { Caller } from '../../verbs/types.ts';

/** What the decision looks up. */
export interface NodeRelations {
  /** Whether a pod of the node names the object. */
  needs(node: string, plural: string, namespace: string, name: string): boolean;
  /** Whether a volume that a pod of the node uses names the Secret. */
  volumesNeed(node: string, namespace: string, secret: string): boolean;
  /** The claim that a volume is bound to. */
  claimOf(volume: string): { namespace: string; name: string } | undefined;
  /** The node that a pod runs on. */
  nodeOf(namespace: string, pod: string): string | undefined;
  /** The node that a volume is to be attached to. */
  attachedTo(attachment: string): string | undefined;
}

const nodesGroup = 'system:nodes';
const namePrefix = 'system:node:';
const rules = compileRules(nodeRules);

const yes: Decision = { allowed: true, reason: '' };
const no = (reason = ''): Decision => ({ allowed: false, reason });

/** The node that the caller is; undefined for any other caller. */
export function nodeOf({ name, groups }: Caller): string | undefined {
  return name.startsWith(namePrefix) && groups.includes(nodesGroup) ? name.slice(namePrefix.length) : undefined;
}

/** What the node authorizer thinks of a node's attempt. A refusal leaves the decision to the roles. */
export function authorizeNode(node: string, attempt: Attempt | PathAttempt, relations: NodeRelations): Decision {
  if (isPathAttempt(attempt)) return no();
  const special = specials[attempt.group ? `${attempt.plural}.${attempt.group}` : attempt.plural];
  if (special) return special(node, attempt, relations);
  return rules.allows(attempt) ? yes : no();
}

type Judge = (node: string, attempt: Attempt, relations: NodeRelations) => Decision;

const unrelated = (node: string) => no(`no relationship found between node '${node}' and this object`);
const related = (node: string, isRelated: boolean) => (isRelated ? yes : unrelated(node));

const readNamed: Judge = (node, { verb, plural, subresource, namespace, name }, { needs, volumesNeed }) => {
  if (!['get', 'list', 'watch'].includes(verb)) return no('can only read resources of this type');
  if (subresource) return no('cannot read subresource');
  if (!namespace) return no('can only read namespaced object of this type');
  if (!name) return no('No Object name found');
  const isNeeded = needs(node, plural, namespace, name);
  return related(node, isNeeded || (plural === secretKind.plural && volumesNeed(node, namespace, name)));
};

/** A get of one object that `isRelated` finds to be the node's. */
const getOne =
  (isRelated: Judge): Judge =>
  (node, attempt, relations) => {
    if (attempt.verb !== 'get') return no('can only get individual resources of this type');
    if (attempt.subresource) return no('cannot get subresource');
    if (!attempt.name) return no('No Object name found');
    return isRelated(node, attempt, relations);
  };

const claim: Judge = (node, attempt, relations) => {
  const isNeeded: Judge = (_node, { namespace, name }, { needs }) =>
    related(node, needs(node, 'persistentvolumeclaims', namespace, name));
  if (attempt.subresource !== 'status') return getOne(isNeeded)(node, attempt, relations);
  if (attempt.verb !== 'update' && attempt.verb !== 'patch') return no('can only get/update/patch this type');
  return isNeeded(node, attempt, relations);
};

const volume = getOne((node, { name }, { claimOf, needs }) => {
  const bound = claimOf(name);
  return related(node, bound !== undefined && needs(node, 'persistentvolumeclaims', bound.namespace, bound.name));
});

const attachment = getOne((node, { name }, { attachedTo }) => related(node, attachedTo(name) === node));

const token: Judge = (node, { verb, subresource, namespace, name }, { needs }) => {
  if (verb !== 'create' || !name) return no('can only create tokens for individual service accounts');
  if (subresource !== 'token') return no('can only create token subresource of serviceaccount');
  return related(node, needs(node, 'serviceaccounts', namespace, name));
};

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete'];

const lease: Judge = (node, { verb, namespace, name }) => {
  if (!ownVerbs.includes(verb)) return no('can only get, create, update, patch, or delete a node lease');
  if (namespace !== 'kube-node-lease') return no('can only access leases in the "kube-node-lease" system namespace');
  // A creation has no name yet; admission looks at it.
  if (verb !== 'create' && name !== node)
    return no('can only access node lease with the same name as the requesting node');
  return yes;
};

const csiNode: Judge = (node, { verb, subresource, name }) => {
  if (!ownVerbs.includes(verb)) return no('can only get, create, update, patch, or delete a CSINode');
  if (subresource) return no('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node)
    return no('can only access CSINode with the same name as the requesting node');
  return yes;
};

const own: Judge = (node, { verb, subresource, name }) => {
  const writes = ['update', 'patch'];
  if (subresource === 'status') return writes.includes(verb) ? yes : no();
  if (subresource) return no();
  if (verb === 'create' || writes.includes(verb)) return yes;
  if (!['get', 'list', 'watch'].includes(verb)) return no();
  if (name === node) return yes;
  return no(`node '${node}' cannot read ${name ? `'${name}'` : 'all nodes'}, only its own Node object`);
};

const pods: Judge = (node, attempt, { nodeOf: nodeOfPod }) => {
  const { verb, subresource, namespace, name } = attempt;
  const isHere = () => related(node, nodeOfPod(namespace, name) === node);
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? yes : no();
  if (subresource === 'eviction') return verb === 'create' ? yes : no();
  if (subresource) return no();
  switch (verb) {
    case 'get':
      return name ? isHere() : no('No Object name found');
    case 'list':
    case 'watch':
      if (selectsNode(attempt, node)) return yes;
      return name ? isHere() : no('can only list/watch pods with spec.nodeName field selector');
    case 'create':
    case 'delete':
      return yes;
    default:
      return no();
  }
};

const specials: Readonly<Record<string, Judge>> = {
  secrets: readNamed,
  configmaps: readNamed,
  persistentvolumeclaims: claim,
  persistentvolumes: volume,
  'volumeattachments.storage.k8s.io': attachment,
  serviceaccounts: token,
  'leases.coordination.k8s.io': lease,
  'csinodes.storage.k8s.io': csiNode,
  nodes: own,
  pods,
};

function selectsNode({ fieldSelector }: Attempt, node: string): boolean {
  if (!fieldSelector) return false;
  return parseFieldSelector(fieldSelector).some(
    ({ path, value, negate }) => path === 'spec.nodeName' && !negate && value === node,
  );
}
